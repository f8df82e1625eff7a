// Long lists while things change: a row that changed is read by itself at once, and all of the list only now and then. Ten
// thousand rows would otherwise be a hundred requests for each save of anybody.
import type { Query as CachedQuery, QueryClient } from "@tanstack/react-query";
import { ApiError, call, type Schemas } from "./client";

/** From so many rows on. */
const LONG = 300;
/** All of a long list is read at most this often. */
const WHOLE_EVERY_MS = 60_000;
/** Rows that are read by themselves at once; when more changed, all is read in its time. */
const MOST_ROWS = 20;
const MOST_REVISIONS = 100;

const KINDS: Record<string, string> = { "/api/v1/apps": "app", "/api/v1/tokens": "token", "/api/v1/plugins": "plugin", "/api/v1/edges": "edge" };

type Row = { id: string };
export type Changed = { type: string; id: string };

/** Whether this is a whole list that is long. */
export function isLong(query: CachedQuery): boolean {
  const rows = query.state.data;
  return query.queryKey[2] === "whole" && Array.isArray(rows) && rows.length > LONG;
}

const readAt = new Map<string, number>();
const timers = new Map<string, number>();

/** Notes that all of a list was just read. */
export function noteWhole(hash: string) {
  readAt.set(hash, Date.now());
}

/** Reads all of a long list again, now or when its time has come. */
export function readWholeInTime(client: QueryClient, query: CachedQuery) {
  const hash = query.queryHash;
  if (timers.has(hash)) return;
  const wait = Math.max(0, (readAt.get(hash) ?? 0) + WHOLE_EVERY_MS - Date.now());
  const read = () => {
    timers.delete(hash);
    void client.invalidateQueries({ predicate: (each) => each.queryHash === hash });
  };
  timers.set(hash, window.setTimeout(read, wait));
}

/** What the revisions after one, up to another, changed; `undefined` where that is more than is worth asking for. */
export async function changedBetween(from: number, to: number): Promise<Changed[] | undefined> {
  const count = to - from;
  if (count <= 0) return [];
  if (count > MOST_REVISIONS) return undefined;
  const { body } = await call<Schemas["RevisionList"]>("/api/v1/revisions", { query: { limit: count, before: to + 1 } });
  const revisions = body.data.filter((revision) => Number(revision.id) > from);
  if (revisions.some(({ attributes }) => attributes.total_changes > attributes.changes.length)) return undefined;
  return revisions.flatMap(({ attributes }) => attributes.changes.map(({ type, id }) => ({ type, id })));
}

/** Puts the rows that changed into a long list as they are now. */
async function readRows(client: QueryClient, query: CachedQuery, changed: Changed[]) {
  const path = String(query.queryKey[0]);
  const ids = [...new Set(changed.filter((thing) => thing.type === KINDS[path]).map((thing) => thing.id))];
  if (ids.length === 0 || ids.length > MOST_ROWS) return;
  // All of the list may be on its way, as it was before.
  await query.promise?.catch(() => undefined);
  const found = await Promise.all(ids.map(async (id): Promise<[string, Row | null]> => {
    try {
      return [id, (await call<{ data: Row }>(`${path}/${id}`)).body.data];
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return [id, null];
      throw error;
    }
  }));
  const now = new Map(found);
  client.setQueryData<Row[]>(query.queryKey, (before) => {
    if (!before) return before;
    const rows = before.flatMap((row) => (now.has(row.id) ? (now.get(row.id) ?? []) : row));
    // Whether a new one belongs to a list of some only is known when all of it is read.
    const isAll = Object.keys(query.queryKey[1] as object).length === 0;
    const known = new Set(before.map((row) => row.id));
    return isAll ? [...rows, ...found.flatMap(([id, row]) => (row && !known.has(id) ? row : []))] : rows;
  });
}

/** Brings the long lists below these paths up to date; `undefined` stands for anything that may have changed. */
export function refreshLongLists(client: QueryClient, prefixes: string[], changed: Changed[] | undefined) {
  const queries = client.getQueryCache().findAll({ type: "active", predicate: (query) => isLong(query) && prefixes.some((prefix) => String(query.queryKey[0]).startsWith(prefix)) });
  for (const query of queries) {
    if (changed) void readRows(client, query, changed).catch(() => undefined);
    readWholeInTime(client, query);
  }
}
