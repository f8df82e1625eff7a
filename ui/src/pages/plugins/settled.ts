// What becomes of a change that needs another process: whether it serves, or why not.
import { call } from "../../api/client";
import type { Plugin } from "./data";

type Status = Plugin["attributes"]["status"];

/** As long as the gateway gives a plugin by default, and a little more. */
const LONGEST_MS = 20_000;
const PAUSE_MS = 250;
/** A failure that was there before the change counts once it has stayed for so long. */
const OLD_FAILURE_MS = 3_000;

/** It serves (`null`), does not for this reason, or is not decided yet. */
export type Settled = { failed: string | null } | "open";

/** What a status says of a change, by what it said `before`. */
export function settledBy(now: Status, before: Status, waited: number): Settled {
  const reason = now.reason ?? "it gave no reason; its log may tell more";
  if (now.state === "parked" || now.state === "backoff") return { failed: reason };
  if (now.state === "stopped" && now.reason) return { failed: reason };
  if (now.state !== "ready") return "open";
  const failure = now.reload_failure;
  const isNew = failure !== before.reload_failure || waited >= OLD_FAILURE_MS;
  if (failure && isNew) return { failed: failure };
  // What failed before is mended, also by going back to what serves.
  if (before.reload_failure && !failure) return { failed: null };
  const isSame = now.pid !== null && now.pid === before.pid && now.ready_since === before.ready_since;
  return isSame ? "open" : { failed: null };
}

/** Asks until it is decided, for no longer than a plugin has to become ready. */
export async function settled(id: string, before: Status): Promise<Settled> {
  const begun = Date.now();
  for (;;) {
    const { body } = await call<{ data: Plugin }>(`/api/v1/plugins/${id}`);
    const waited = Date.now() - begun;
    const found = settledBy(body.data.attributes.status, before, waited);
    if (found !== "open" || waited >= LONGEST_MS) return found;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
