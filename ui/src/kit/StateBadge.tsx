// The state of a plugin, an edge or a check: a colour, a shape and a word, never the colour alone.
import type { Tone } from "./basics";

type Shape = "disc" | "ring" | "half" | "square" | "triangle" | "dash";
const STATES: Record<string, [string, Tone, Shape]> = {
  ready: ["Ready", "good", "disc"],
  starting: ["Starting", "info", "half"],
  backoff: ["Restarting", "warn", "triangle"],
  parked: ["Parked", "bad", "square"],
  draining: ["Draining", "info", "half"],
  stopped: ["Stopped", "plain", "dash"],
  disabled: ["Disabled", "plain", "dash"],
  mixed: ["Partly ready", "warn", "triangle"],
  connected: ["Connected", "good", "disc"],
  disconnected: ["Disconnected", "bad", "square"],
  stale: ["Stale", "warn", "triangle"],
  pending: ["Pending", "info", "ring"],
  revoked: ["Revoked", "bad", "square"],
  expired: ["Expired", "bad", "square"],
  active: ["Active", "good", "disc"],
};

export function StateShape({ shape }: { shape: Shape }) {
  return (
    <svg width="10" height="10" viewBox="0 0 10 10" aria-hidden="true" focusable="false">
      {shape === "disc" && <circle cx="5" cy="5" r="4" fill="currentColor" />}
      {shape === "ring" && <circle cx="5" cy="5" r="3.500" fill="none" stroke="currentColor" strokeWidth="1.600" />}
      {shape === "half" && (
        <>
          <circle cx="5" cy="5" r="3.800" fill="none" stroke="currentColor" strokeWidth="1.300" />
          <path d="M5 1a4 4 0 0 1 0 8z" fill="currentColor" />
        </>
      )}
      {shape === "square" && <rect x="1.200" y="1.200" width="7.600" height="7.600" rx="1" fill="currentColor" />}
      {shape === "triangle" && <path d="M5 .8 9.600 9H.4z" fill="currentColor" />}
      {shape === "dash" && <rect x="1" y="4" width="8" height="2" rx="1" fill="currentColor" />}
    </svg>
  );
}

export function StateBadge({ state, word, title }: { state: string; word?: string; title?: string }) {
  const [text, tone, shape] = STATES[state] ?? [state.charAt(0).toUpperCase() + state.slice(1).replaceAll("_", " "), "plain", "ring"];
  return (
    <span className={`badge ${tone}`} title={title}>
      <StateShape shape={shape} />
      {word ?? text}
    </span>
  );
}
