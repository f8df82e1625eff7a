// Who one is, which gateway this is, how much it logs.
import { type FormEvent, useEffect, useState } from "react";
import { ApiError, call } from "../../api/client";
import { useGet, useWhoami } from "../../api/hooks";
import { Badge, Button, Card, Facts, Note, PageHead, useTitle } from "../../kit/basics";
import { adminCurl, CopyAs, shellQuote } from "../../kit/copy";
import { ErrorBox } from "../../kit/ErrorBox";
import { TextField } from "../../kit/fields";
import { A } from "../../kit/A";
import { StateBadge } from "../../kit/StateBadge";
import { Time } from "../../kit/Time";
import { useAction } from "../../kit/useAction";
import { GatedButton } from "../common/Gated";
import { useSession, wayOf } from "./session";
import { SettingsTabs } from "./SettingsTabs";

export default function General() {
  useTitle("Settings");
  const session = useSession();
  return (
    <>
      <PageHead title="Settings" />
      <SettingsTabs />
      {session?.attributes.read_only && (
        <Note tone="info" title="This console may only read">The setting <code>SIDEGATE_CONSOLE_READ_ONLY</code> is on: whatever a session's role is, it changes nothing. Admin tokens in a shell can.</Note>
      )}
      <div className="grid-2">
        <You />
        <Gateway />
        <Logging />
        {session?.attributes.user_id != null && <OwnPassword id={session.attributes.user_id} name={session.attributes.user} />}
      </div>
    </>
  );
}

function You() {
  const me = useWhoami().data?.data.attributes;
  const session = useSession()?.attributes;
  if (!me) return null;
  return (
    <Card title="You" actions={<CopyAs small commands={{ cli: "sidegate whoami", curl: adminCurl("GET", "/api/v1/whoami") }} />}>
      <Facts
        facts={[
          ["Name", me.name],
          ["Role", <Badge key="role" icon="lock">{me.role}</Badge>],
          ...(session
            ? ([
                ["Signed in", <span key="via">{wayOf(session.via)}, <Time at={session.created_at} /></span>],
                ["Ends when idle", <Time key="idle" at={session.idle_expires_at} />],
                ["Ends anyway", <Time key="end" at={session.expires_at} />],
              ] as [string, React.ReactNode][])
            : []),
        ]}
      />
    </Card>
  );
}

type Readiness = { status: string; revision?: number; missing?: string[]; plugins?: { state: string }[] };

/** `/ready` answers with a body either way. */
function useReady() {
  const [ready, setReady] = useState<Readiness | null>(null);
  useEffect(() => {
    const control = new AbortController();
    fetch("/ready", { signal: control.signal })
      .then((response) => response.json())
      .then((body: Readiness) => setReady(body))
      .catch(() => undefined);
    return () => control.abort();
  }, []);
  return ready;
}

function Gateway() {
  const document = useGet("/api/v1/openapi.json").data as { info?: { version: string } } | undefined;
  const ready = useReady();
  const serving = ready?.plugins?.filter((plugin) => plugin.state === "ready").length;
  return (
    <Card title="This gateway" actions={<CopyAs small commands={{ cli: "sidegate config", curl: `curl ${location.origin}/ready` }} />}>
      <Facts
        facts={[
          ["Version", document?.info?.version ?? "–"],
          ["State", ready ? <StateBadge key="ready" state={ready.status === "ready" ? "ready" : "backoff"} word={ready.status === "ready" ? undefined : "Not ready"} /> : "–"],
          ...(ready?.missing?.length ? [["Waits for", ready.missing.join(", ")] as [string, string]] : []),
          ["Revision", ready?.revision ? <A key="revision" className="link" href={`/changes/${ready.revision}`}>{ready.revision}</A> : "–"],
          ["Plugins", ready?.plugins ? <A key="plugins" className="link" href="/plugins">{serving} of {ready.plugins.length} serve</A> : "–"],
          ["Address", <code key="address">{location.origin}</code>],
          ["API", <A key="api" className="link" href="/reference">reference</A>],
        ]}
      />
    </Card>
  );
}

function Logging() {
  const read = useGet("/api/v1/logging");
  const now = read.data?.data.attributes.level;
  const [level, setLevel] = useState<string | null>(null);
  const text = level ?? now ?? "";
  const save = useAction(() => call("/api/v1/logging", { method: "PATCH", body: { level: text } }), {
    done: "The log is as you said, until the next start.",
    stale: ["/api/v1/logging"],
    then: () => setLevel(null),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void save.run();
  };
  const wrong = save.error instanceof ApiError ? save.error.byField.level : undefined;
  return (
    <Card title="Logging" actions={<CopyAs small commands={{ cli: `sidegate log-level ${shellQuote(text)}`, curl: adminCurl("PATCH", "/api/v1/logging", { level: text }) }} />}>
      <form className="stack" onSubmit={submit}>
        <TextField label="Level" code list="levels" value={text} problem={wrong} onChange={(event) => setLevel(event.target.value)} hint="Such as info, debug, or info,access=off. It counts until the next start; the setting LOG_LEVEL stays." />
        <datalist id="levels">{["info", "debug", "warn", "info,access=off"].map((choice) => <option key={choice} value={choice} />)}</datalist>
        {!wrong && <ErrorBox error={save.error ?? read.error} title="The level was not changed" />}
        <div className="row wrap">
          <GatedButton needs="admin" type="submit" busy={save.busy} disabled={text === now || text === ""}>Set the level</GatedButton>
        </div>
      </form>
    </Card>
  );
}

function OwnPassword({ id, name }: { id: number; name: string }) {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const change = useAction(() => call(`/api/v1/users/${id}/password`, { method: "POST", body: { current_password: current, password: next } }), {
    done: "Your password is another one; your other sessions have ended.",
    then: () => {
      setCurrent("");
      setNext("");
    },
  });
  const wrong = change.error instanceof ApiError ? change.error.byField : {};
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void change.run();
  };
  return (
    <Card title="Your password" actions={<CopyAs small commands={{ cli: `sidegate user password ${shellQuote(name)}` }} />}>
      <form className="stack" onSubmit={submit}>
        <input type="text" autoComplete="username" value={name} readOnly hidden />
        <TextField label="The one you have" type="password" autoComplete="current-password" required value={current} problem={wrong.current_password} onChange={(event) => setCurrent(event.target.value)} />
        <TextField label="The new one" type="password" autoComplete="new-password" required minLength={12} maxLength={256} value={next} problem={wrong.password} onChange={(event) => setNext(event.target.value)} hint="At least 12 characters; some words that belong together only for you." />
        <ErrorBox error={change.error} title="It was not changed" />
        <div><Button type="submit" busy={change.busy}>Change it</Button></div>
      </form>
    </Card>
  );
}
