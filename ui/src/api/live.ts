// One stream of what moves: its events say which queries are stale. Without the operation, pages ask again by themselves.
import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { become, isFollowing, useLiveState } from "./live-state";
import { type Changed, changedBetween, isLong, refreshLongLists } from "./long-lists";
import { hasPath } from "./operations";
import { lines } from "./stream";

const STALE: Record<string, string[]> = {
  // How it does is told of each edge, too.
  plugin: ["/api/v1/plugins", "/api/v1/routes", "/api/v1/needs", "/api/v1/edges"],
  edge: ["/api/v1/edges", "/api/v1/needs", "/api/v1/plugins"],
  revision: ["/api/v1/"],
};

/** Collects what is told for a moment, then marks queries as stale; of long lists only the rows that changed are read. */
function invalidator(client: QueryClient) {
  const stale = new Set<string>();
  let things: Changed[] = [];
  let [known, newest] = [0, 0];
  let timer: number | undefined;
  const refresh = async () => {
    timer = undefined;
    const prefixes = [...stale];
    const moved = things;
    stale.clear();
    things = [];
    const below = (path: unknown) => prefixes.some((prefix) => String(path).startsWith(prefix));
    void client.invalidateQueries({ predicate: (query) => below(query.queryKey[0]) && !(isLong(query) && query.isActive()) });
    const [from, to] = [known, newest];
    known = newest;
    const isAnyLong = client.getQueryCache().findAll({ type: "active", predicate: (query) => isLong(query) && below(query.queryKey[0]) }).length > 0;
    if (!isAnyLong) return;
    const changed = await changedBetween(from, to).catch(() => undefined);
    refreshLongLists(client, prefixes, changed && [...changed, ...moved]);
  };
  return (kind: string, told: Told) => {
    if (kind === "hello" && known === 0) known = told.revision ?? 0;
    newest = Math.max(newest, told.revision ?? 0);
    // After an interruption, whatever happened meanwhile.
    const of = kind === "hello" && newest > known ? "revision" : kind;
    if (told.id !== undefined) things.push({ type: kind, id: String(told.id) });
    for (const prefix of STALE[of] ?? []) stale.add(prefix);
    if (stale.size > 0) timer ??= window.setTimeout(() => void refresh(), 250);
  };
}

type Told = { revision?: number; id?: number };

function toldBy(data: string): Told {
  try {
    return JSON.parse(data) as Told;
  } catch {
    return {};
  }
}

const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 30_000;

async function follow(client: QueryClient, signal: AbortSignal) {
  if (!hasPath("/api/v1/live")) return become("missing");
  const invalidate = invalidator(client);
  let wait = FIRST_WAIT;
  let connectedBefore = false;
  while (!signal.aborted) {
    try {
      for await (const event of lines("/api/v1/live", signal)) {
        if (!isFollowing()) {
          become("on");
          if (connectedBefore) invalidate("revision", {});
          connectedBefore = true;
        }
        wait = FIRST_WAIT;
        invalidate(event.event, toldBy(event.data));
      }
    } catch (error) {
      if (signal.aborted) return;
      const status = (error as { status?: number }).status;
      if (status === 404 || status === 405) return become("missing");
      if (status === 401) return become("off");
    }
    if (signal.aborted) return;
    become("off");
    await new Promise((resolve) => setTimeout(resolve, wait * (0.7 + Math.random() * 0.6)));
    wait = Math.min(wait * 2, LONGEST_WAIT);
  }
}

/** Follows the stream while the shell is shown. */
export function useLive(signedIn: boolean) {
  const client = useQueryClient();
  useEffect(() => {
    if (!signedIn) return;
    const control = new AbortController();
    become("connecting");
    void follow(client, control.signal);
    return () => control.abort();
  }, [client, signedIn]);
}

/** How often a page asks by itself: seldom while the stream says what moves. */
export function usePollInterval(withoutStream: number): number {
  return useLiveState() === "on" ? 60_000 : withoutStream;
}
