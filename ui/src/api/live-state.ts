// Whether the stream of what moves is there.
import { useSyncExternalStore } from "react";

export type LiveState = "connecting" | "on" | "off" | "missing";

let state: LiveState = "connecting";
const listeners = new Set<() => void>();

export function become(next: LiveState) {
  state = next;
  for (const listener of listeners) listener();
}

export function useLiveState(): LiveState {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => state,
  );
}

/** Whether what moves is told. */
export function isFollowing(): boolean {
  return state === "on";
}
