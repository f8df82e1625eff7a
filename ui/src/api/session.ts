// What this browser has of its session beside the cookie, and whether somebody is there.
//
// The cookie is one of the host: browsers send it to other programs on other ports, too. The key is kept for this origin
// alone, which has a port, and goes with every request. Requests that nobody's action made say so: a page that asks by
// itself must not keep a session that its owner left.

const KEY = "sidegate.session";
/** With an action after so long without a request of somebody's, the gateway is told that there is somebody. */
const TELL_AFTER_MS = 60_000;

// For browsers that keep nothing: it lasts as long as the page.
let kept: string | null = null;

export function sessionKey(): string | null {
  try {
    return localStorage.getItem(KEY) ?? kept;
  } catch {
    return kept;
  }
}

export function rememberSession(key: string | null | undefined) {
  kept = key ?? null;
  try {
    if (kept === null) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, kept);
  } catch {
    // It is kept for this page.
  }
}

/** Forgets a key that opens nothing any more, unless another tab has signed in meanwhile. */
export function forgetSession(used: string | null) {
  if (used !== null && sessionKey() === used) rememberSession(null);
}

// To open a page is an action.
let acted = true;
let told = Date.now();

/** What goes with a request. The first one after an action is somebody's. */
export function sessionHeaders(key: string | null, byItself = false): Record<string, string> {
  const headers: Record<string, string> = key === null ? {} : { "X-Sidegate-Session": key };
  if (byItself || !acted) headers["X-Sidegate-Background"] = "1";
  else {
    acted = false;
    told = Date.now();
  }
  return headers;
}

/** Notes what somebody does; `tell` asks anything, so that the gateway hears of them also where a page asks nothing. */
export function noteActions(tell: () => void) {
  const note = () => {
    acted = true;
    if (Date.now() - told < TELL_AFTER_MS || sessionKey() === null) return;
    told = Date.now();
    tell();
  };
  for (const kind of ["pointerdown", "keydown", "wheel", "touchstart"]) addEventListener(kind, note, { capture: true, passive: true });
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && note());
}
