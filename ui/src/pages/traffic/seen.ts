// Requests that this page saw end. The gateway keeps none, so they are kept here while the page is open, up to a bound, and
// for one session only: they name clients and paths.
import { useSyncExternalStore } from "react";
import { sessionKey } from "../../api/session";
import type { Schemas } from "../../api/client";

export type Ended = Schemas["EndedRequest"];

/** How many are kept. */
export const KEPT = 500;

/** The newest first, and when the first of them was waited for. */
export type Seen = { rows: Ended[]; since: number | null };
const NOTHING: Seen = { rows: [], since: null };

let seen = NOTHING;
let owner: string | null = null;
const listeners = new Set<() => void>();

function ours(): Seen {
  return owner === sessionKey() ? seen : NOTHING;
}

function become(next: Seen) {
  owner = sessionKey();
  seen = next;
  for (const listener of listeners) listener();
}

/** Notes that requests are waited for from now on. Where none was seen before, nothing is said of the time before: nobody looked then. */
export function beginSeeing() {
  const before = ours();
  become({ rows: before.rows, since: before.rows.length > 0 ? (before.since ?? Date.now()) : Date.now() });
}

/** Adds those that ended, oldest first. One that is told again, as another filter does, is kept once. */
export function keepSeen(rows: Ended[]) {
  const before = ours();
  const known = new Set(before.rows.map(keyOf));
  const fresh = rows.filter((row) => !known.has(keyOf(row))).reverse();
  become({ rows: [...fresh, ...before.rows].slice(0, KEPT), since: before.since ?? Date.now() });
}

export function forgetSeen() {
  become({ rows: [], since: Date.now() });
}

export function useSeen(): Seen {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, ours);
}

export function keyOf(row: Ended): string {
  return `${row.node} ${row.request_id} ${row.at}`;
}

export type Wanted = { plugin?: string; app?: string; status?: string; path_prefix?: string; min_duration_ms?: string };

/** Whether filters take a request, as the gateway decides it; plugins are named there by number. */
export function takes(wanted: Wanted, row: Ended, names: Map<string, string>): boolean {
  if (wanted.plugin && row.plugin !== names.get(wanted.plugin)) return false;
  if (wanted.app && String(row.app) !== wanted.app) return false;
  if (wanted.status && !fits(row.status, wanted.status)) return false;
  if (wanted.path_prefix && !row.path.startsWith(wanted.path_prefix)) return false;
  return !wanted.min_duration_ms || row.duration_ms >= Number(wanted.min_duration_ms);
}

function fits(status: number, wanted: string): boolean {
  return wanted.endsWith("xx") ? Math.floor(status / 100) === Number(wanted[0]) : status === Number(wanted);
}
