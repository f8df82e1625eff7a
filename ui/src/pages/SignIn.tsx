// Signing in: by name and password, by an admin token, by a one-time link whose secret is in the fragment, or by way of a
// provider, which sends the browser back here with a code.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { ApiError, call, type Schemas, SIGN_IN } from "../api/client";
import { rememberSession } from "../api/session";
import { type Back, beginAt, takeBack } from "../api/sign-in-by-provider";
import { useGo } from "../kit/A";
import { Button, Segmented, useTitle } from "../kit/basics";
import { Code } from "../kit/copy";
import { ErrorBox } from "../kit/ErrorBox";
import { TextField } from "../kit/fields";
import { useSearch } from "../kit/url";

type Way = "password" | "token";

/** Only paths of this console: what stands in the address is anybody's word. */
function destination(to: string | undefined): string {
  return to && /^\/(?![/\\])/.test(to) && !to.startsWith("/sign-in") ? to : "/";
}

/** Takes the secret of a link out of the address before anything else is done with it. */
function takeLink(): string | null {
  const link = new URLSearchParams(location.hash.slice(1)).get("link");
  if (link) history.replaceState(history.state, "", location.pathname + location.search);
  return link;
}

export default function SignIn() {
  useTitle("Sign in");
  const [link, setLink] = useState(takeLink);
  const [back, setBack] = useState(takeBack);
  const ways = useWays();
  const [way, setWay] = useState<Way>("password");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [token, setToken] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const client = useQueryClient();
  const go = useGo();
  const search = useSearch();

  const signIn = async (body: object, to = search.to) => {
    setBusy(true);
    setError(null);
    try {
      const begun = await call<Schemas["Shown_SessionAttributes"]>(SIGN_IN, { method: "POST", body });
      rememberSession(begun.body.data.attributes.key);
      client.clear();
      go(destination(to), { replace: true });
    } catch (cause) {
      setError(cause);
      setBusy(false);
    }
  };
  useEffect(() => {
    const onHash = () => setLink((before) => takeLink() ?? before);
    window.addEventListener("hashchange", onHash);
    return () => window.removeEventListener("hashchange", onHash);
  }, []);
  // What a provider sent is good once, so it is sent once, also where a page is drawn twice.
  const sent = useRef<Back | null>(null);
  useEffect(() => {
    if (!back || sent.current === back) return;
    sent.current = back;
    if ("refused" in back) setError(new ApiError(401, "refused", back.refused, null, []));
    else void signIn({ oidc: back.answer }, back.to);
  });
  const by = async (provider: string) => {
    setBusy(true);
    setError(null);
    setBack(null);
    try {
      location.assign(await beginAt(provider, destination(search.to)));
    } catch (cause) {
      setError(cause);
      setBusy(false);
    }
  };
  const byPassword = ways?.password !== false;
  const chosen = byPassword ? way : "token";
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void signIn(chosen === "password" ? { name, password } : { admin_token: token.trim() });
  };
  const insecure = location.protocol === "http:" && !["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);

  return (
    <main className="signin">
      <div className="box">
        <h1><img src={`${import.meta.env.BASE_URL}icon.svg`} width="28" height="28" alt="" /> Sign in to Sidegate</h1>
        {insecure && (
          <div className="note warn">
            <span className="grow">This page came over plain HTTP. Signing in needs TLS, or this machine's own <code>localhost</code>: set <code>ADMIN_TLS_CERT_PATH</code> and <code>ADMIN_TLS_KEY_PATH</code>.</span>
          </div>
        )}
        {link && !error && (
          <form className="card" aria-busy={busy} onSubmit={(event) => { event.preventDefault(); void signIn({ link }); }}>
            <div className="body">
              <p>This link signs you in once, as whoever made it. If somebody else sent it, ask them what for; if you are signed in already, that ends.</p>
              <Button kind="primary" type="submit" busy={busy} autoFocus>{busy ? "Signing in…" : "Sign in with this link"}</Button>
            </div>
          </form>
        )}
        {back && busy && <p className="card body" role="status">Signing in…</p>}
        {!link && ways && ways.providers.length > 0 && !(back && busy) && (
          <div className="card">
            <div className="body stack tight">
              {ways.providers.map(({ name: provider, title }) => (
                <Button key={provider} kind={byPassword ? "plain" : "primary"} busy={busy} onClick={() => void by(provider)}>Sign in with {title}</Button>
              ))}
              {back && <ErrorBox error={error} title="You are not signed in" advice={advice(error, false, true)} />}
            </div>
          </div>
        )}
        {(!link || Boolean(error)) && !(back && busy) && <form className="card" onSubmit={submit} aria-busy={busy}>
          <div className="body">
            {byPassword && <div><Segmented label="How to sign in" value={way} options={[["password", "Password"], ["token", "Admin token"]]} onChange={(next) => { setWay(next); setError(null); }} /></div>}
            {chosen === "password" ? (
              <>
                <TextField label="Name" name="username" autoComplete="username" required autoFocus value={name} onChange={(event) => setName(event.target.value)} />
                <TextField label="Password" type="password" name="password" autoComplete="current-password" required value={password} onChange={(event) => setPassword(event.target.value)} />
              </>
            ) : (
              <TextField label="Admin token" type="password" code required autoFocus value={token} onChange={(event) => setToken(event.target.value)} hint="It is exchanged for a session and not kept in this browser." />
            )}
            {!(back && ways?.providers.length) && <ErrorBox error={error} title={failure(error, link !== null)} advice={advice(error, link !== null, back !== null)} />}
            <Button kind={byPassword ? "primary" : "plain"} type="submit" busy={busy}>{busy ? "Signing in…" : "Sign in"}</Button>
          </div>
        </form>}
        <details className="small muted">
          <summary>No password yet, or locked out?</summary>
          <div className="stack tight" style={{ marginTop: 8 }}>
            <p>On the gateway's machine this prints a link that signs you in once, within ten minutes:</p>
            <Code text="sidegate console link" />
          </div>
        </details>
      </div>
    </main>
  );
}

/** In which ways one signs in here; nothing before that is known. */
function useWays(): Schemas["SignInWaysAttributes"] | undefined {
  const { data } = useQuery({
    queryKey: ["sign-in-ways"],
    queryFn: () => call<Schemas["Shown_SignInWaysAttributes"]>(`${SIGN_IN}/ways`),
    staleTime: 60_000,
  });
  return data?.body.data.attributes;
}

function advice(error: unknown, byLink: boolean, byProvider = false): string | undefined {
  if (byProvider) return undefined;
  if (!(error instanceof ApiError) || error.status !== 401) return undefined;
  return byLink ? "Links work once and for ten minutes. Make another one." : "Check it and try again; below is another way in.";
}

function failure(error: unknown, byLink: boolean): string | undefined {
  if (!(error instanceof ApiError)) return undefined;
  if (error.status === 404) return "This gateway has no sign-in";
  if (error.status === 401) return byLink ? "The link is used up or too old" : "That was not accepted";
  return "You are not signed in";
}
