// Signing in by way of a provider: what this tab keeps while the browser is away, and what it brings back.
//
// What was begun is sealed by the gateway and kept for this origin and this tab alone. An answer that comes to another one,
// because somebody else led the browser here, finishes nothing.
import { call, type Schemas, SIGN_IN } from "./client";

const KEY = "sidegate.sign-in";

type Kept = { provider: string; flow: string; to: string };

/** What came back: an answer to be sent, with where one wanted to be, or why there is none. */
export type Back = { answer: Schemas["OidcAnswer"]; to: string } | { refused: string };

/** Begins, and says where the browser goes. */
export async function beginAt(provider: string, to: string): Promise<string> {
  const begun = await call<Schemas["Shown_BegunAttributes"]>(`${SIGN_IN}/oidc`, { method: "POST", body: { provider } });
  const { url, flow } = begun.body.data.attributes;
  sessionStorage.setItem(KEY, JSON.stringify({ provider, flow, to } satisfies Kept));
  return url;
}

function takeKept(): Kept | null {
  try {
    const text = sessionStorage.getItem(KEY);
    sessionStorage.removeItem(KEY);
    return text === null ? null : (JSON.parse(text) as Kept);
  } catch {
    return null;
  }
}

/** What the address brings, which is taken out of it before anything else is done; none where nobody comes back. */
export function takeBack(): Back | null {
  const provider = /\/sign-in\/([a-z0-9-]+)$/.exec(location.pathname)?.[1];
  const search = new URLSearchParams(location.search);
  const [code, state, error] = [search.get("code"), search.get("state"), search.get("error")];
  if (provider === undefined) return null;
  history.replaceState(history.state, "", location.pathname);
  if (code === null && error === null) return null;
  const kept = takeKept();
  if (kept === null || kept.provider !== provider || state === null) {
    return { refused: "This answer is of no sign-in that this tab began. Begin again." };
  }
  if (code === null) {
    const reason = error === "access_denied" ? "the sign-in there was given up or refused" : `it says ${error?.replace(/[^\w-]/g, "").slice(0, 40)}`;
    return { refused: `The provider did not let you through: ${reason}.` };
  }
  return { answer: { provider, flow: kept.flow, code, state, iss: search.get("iss") }, to: kept.to };
}
