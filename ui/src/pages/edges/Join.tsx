// From a name to an edge that serves: the one command, and then the moment when it is there.
import { type FormEvent, useState } from "react";
import { ApiError, call, type Schemas } from "../../api/client";
import { useGet, useInvalidate, useStandsAlone } from "../../api/hooks";
import { Card, LinkButton, Note, PageHead, useTitle } from "../../kit/basics";
import { adminCurl, Code, CopyAs, shellQuote } from "../../kit/copy";
import { ErrorBox } from "../../kit/ErrorBox";
import { SelectField, TextField } from "../../kit/fields";
import { Time } from "../../kit/Time";
import { useAction } from "../../kit/useAction";
import { ExpiryField } from "../common/expiry";
import { GatedButton } from "../common/Gated";
import { EdgeState, Position, StandsAlone, useNamespaces } from "./common";

type Made = { id: string; attributes: Schemas["EdgeAttributes"] };

export default function JoinEdge() {
  useTitle("Add an edge");
  const alone = useStandsAlone();
  const [made, setMade] = useState<Made | null>(null);
  return (
    <>
      <PageHead title="Add an edge" lead={made ? undefined : "Name it here, start it there."} />
      {alone ? <Card><StandsAlone /></Card> : made ? <Start made={made} again={() => setMade(null)} /> : <Register onMade={setMade} />}
    </>
  );
}

function Register({ onMade }: { onMade: (made: Made) => void }) {
  const [name, setName] = useState("");
  const [namespace, setNamespace] = useState("");
  const [expires, setExpires] = useState("");
  const namespaces = useNamespaces();
  const body = { name, ...(namespace ? { namespace } : {}), ...(expires ? { join_token_expires_in: expires } : {}) };
  const invalidate = useInvalidate();
  const create = useAction(async () => {
    const answer = await call<{ data: Made }>("/api/v1/edges", { method: "POST", body });
    onMade(answer.body.data);
    void invalidate("/api/v1/edges");
  });
  const wrong = create.error instanceof ApiError ? create.error.byField : {};
  const cli = ["sidegate edge create", shellQuote(name || "berlin-1"), ...(namespace ? ["--namespace", namespace] : []), ...(expires ? ["--join-token-expires-in", expires] : [])].join(" ");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void create.run();
  };
  return (
    <Card title="1. Name it" actions={<CopyAs small commands={{ cli, curl: adminCurl("POST", "/api/v1/edges", body) }} />}>
      <form className="stack" onSubmit={submit}>
        <div className="grid-2">
          <TextField label="Name" required autoFocus code value={name} problem={wrong.name} onChange={(event) => setName(event.target.value)} placeholder="berlin-1" hint="Where it stands, so that you know it in lists and logs." />
          <SelectField label="Namespace" value={namespace} problem={wrong.namespace} onChange={(event) => setNamespace(event.target.value)} hint="It gets the global namespace, and this one.">
            <option value="">none: the global one only</option>
            {namespaces.map((one) => <option key={one}>{one}</option>)}
          </SelectField>
        </div>
        <ExpiryField label="The join token works for" value={expires} onChange={setExpires} unsaid="As long as the setting says, 1 hour at first" problem={wrong.join_token_expires_in} />
        <ErrorBox error={create.error} title="It was not registered; what you wrote is still here" />
        <div className="row end">
          <LinkButton href="/edges">Cancel</LinkButton>
          <GatedButton needs="admin" kind="primary" type="submit" busy={create.busy}>Get the command</GatedButton>
        </div>
      </form>
    </Card>
  );
}

function Start({ made, again }: { made: Made; again: () => void }) {
  const edge = useGet("/api/v1/edges/{id}", { ids: { id: made.id }, refetchInterval: 1_000 }).data?.data;
  const { name, join_command: command, join_token_expires_at: until } = made.attributes;
  const there = edge?.attributes.state === "connected";
  return (
    <>
      <Card title={`2. Start ${name}`}>
        <div className="stack">
          <p>Run this on its machine, where the program <code>sidegate</code> is. It needs nothing else: no database, no configuration.</p>
          <div data-testid="join-command"><Code text={command ?? ""} label="Copy the command" /></div>
          <p className="small muted">The join token in it works once, ends <Time at={until} />, and is not shown again; a new one can be made on the page of the edge. On a machine that serves already, put <code>DATA_DIR=… PORT=… ADMIN_PORT=…</code> in front.</p>
        </div>
      </Card>
      <Card title="3. It serves">
        {edge && there ? (
          <div className="stack">
            <Note tone="good" title={`${name} is connected`}>
              <span className="row wrap"><EdgeState edge={edge} /> <Position edge={edge} /> <span className="muted">version {edge.attributes.version}, connected <Time at={edge.attributes.connected_since} /></span></span>
            </Note>
            <div className="row wrap">
              <LinkButton kind="primary" href={`/edges/${made.id}`}>Go to {name}</LinkButton>
              <button type="button" className="btn" onClick={again}>Add another</button>
            </div>
          </div>
        ) : (
          <p className="row" role="status"><span className="live-dot off" /> Waiting for {name} to join. This page notices it by itself.</p>
        )}
      </Card>
    </>
  );
}
