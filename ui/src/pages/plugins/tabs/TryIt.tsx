// One endpoint: a request to it, made by the gateway as a client would or from a terminal, and what was answered.
import { type FormEvent, useState } from "react";
import { call, type Schemas } from "../../../api/client";
import { A } from "../../../kit/A";
import { Badge, Button, Note } from "../../../kit/basics";
import { adminCurl, Code, CopyAs, CopyButton } from "../../../kit/copy";
import { ErrorBox } from "../../../kit/ErrorBox";
import { SelectField, TextArea, TextField } from "../../../kit/fields";
import { Drawer } from "../../../kit/overlay";
import { bytes, duration } from "../../../kit/Time";
import { useAction } from "../../../kit/useAction";
import { useOriginField } from "../../common/clients";
import { useReason } from "../../common/Gated";
import { StatusBadge } from "../../traffic/StatusBadge";
import { curlOf, examplePath, pathBelow, WITH_BODY } from "../calls";
import { Access } from "./Endpoints";

type Endpoint = Schemas["EndpointAttributes"];
type Answer = Schemas["TrialAttributes"];
type Props = { plugin: string; slug: string; endpoint: Endpoint; onClose: () => void };

function useRequest(slug: string, endpoint: Endpoint) {
  const [method, setMethod] = useState(endpoint.methods.includes("GET") ? "GET" : (endpoint.methods[0] ?? "GET"));
  const [path, setPath] = useState(pathBelow(endpoint.path));
  const [query, setQuery] = useState("");
  const [token, setToken] = useState("");
  const brings = WITH_BODY.includes(method);
  const [headers, setHeaders] = useState("");
  const [body, setBody] = useState("{}");
  const written = headers.split("\n").map((line) => line.trim()).filter((line) => line.includes(":"));
  const named = written.some((line) => /^content-type:/i.test(line));
  const lines = brings && body && !named ? ["Content-Type: application/json", ...written] : written;
  const target = `${path.startsWith("/") ? path : `/${path}`}${query ? `?${query.replace(/^\?/, "")}` : ""}`;
  const sent = {
    method,
    path: target,
    headers: lines.length > 0 ? Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(":")).trim(), line.slice(line.indexOf(":") + 1).trim()])) : undefined,
    body: brings && body ? body : undefined,
    token: token.trim() || undefined,
  };
  return { method, setMethod, path, setPath, query, setQuery, token, setToken, headers, setHeaders, body, setBody, brings, lines, sent, whole: `/plugins/${slug}${target}` };
}

export function TryIt({ plugin, slug, endpoint, onClose }: Props) {
  const { field, origin, isOwn } = useOriginField();
  const request = useRequest(slug, endpoint);
  return (
    <Drawer title={<code>/plugins/{slug}{endpoint.path}</code>} onClose={onClose}>
      <div className="stack">
        {endpoint.description && <p>{endpoint.description}</p>}
        <div className="row wrap"><Access endpoint={endpoint} />{endpoint.stream_response && <Badge icon="stream">Stream</Badge>}</div>
        <Sending plugin={plugin} endpoint={endpoint} request={request} isOwn={isOwn} />
        <div className="stack tight">
          <div className="row between wrap">
            <h3>From a terminal</h3>
            <A className="link small" href={`/routes?method=${request.method}&path=${encodeURIComponent(request.whole)}`}>Explain this request</A>
          </div>
          <Code text={curlOf(origin, { method: request.method, path: request.whole, token: endpoint.require_auth || request.token !== "", stream: endpoint.stream_response, headers: request.lines, body: request.sent.body })} label="Copy the call" />
          {field}
        </div>
        {endpoint.require_auth && (
          <p className="small muted">It demands a token of an app{endpoint.scopes_required.length > 0 && <> with the scopes <code>{endpoint.scopes_required.join(", ")}</code></>}. <A className="link" href="/apps">Make one under Apps</A>; in the line above it is in the variable <code>TOKEN</code>.</p>
        )}
        <More endpoint={endpoint} example={examplePath(slug, endpoint.path)} />
      </div>
    </Drawer>
  );
}

type Request = ReturnType<typeof useRequest>;

function Sending({ plugin, endpoint, request, isOwn }: { plugin: string; endpoint: Endpoint; request: Request; isOwn: boolean | undefined }) {
  const [answer, setAnswer] = useState<Answer | null>(null);
  const reason = useReason("operator");
  const at = `/api/v1/plugins/${plugin}/try`;
  const send = useAction(async () => {
    setAnswer(null);
    const { body } = await call<{ data: { attributes: Answer } }>(at, { method: "POST", body: request.sent });
    setAnswer(body.data.attributes);
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void send.run();
  };
  const curl = adminCurl("POST", at, { ...request.sent, token: request.token ? "<token>" : undefined });
  return (
    <form className="stack" onSubmit={submit}>
      <div className="row between"><h3>Try it</h3><CopyAs small commands={{ curl }} /></div>
      <div className="try-bar">
        <SelectField label="Method" value={request.method} onChange={(event) => request.setMethod(event.target.value)}>
          {endpoint.methods.map((method) => <option key={method}>{method}</option>)}
        </SelectField>
        <TextField label="Path below the slug" code required value={request.path} onChange={(event) => request.setPath(event.target.value)} />
        <TextField label="Query" code placeholder="a=1&b=2" value={request.query} onChange={(event) => request.setQuery(event.target.value)} />
      </div>
      {request.brings && <TextArea label="Body" code rows={4} value={request.body} onChange={(event) => request.setBody(event.target.value)} />}
      <div className="grid-2">
        <TextField label="Token" type="password" code autoComplete="off" placeholder="sgt_…" value={request.token} hint={endpoint.require_auth ? "Of an app. Sent with this request and kept nowhere." : "This endpoint demands none: one is not looked at, unless the plugin's option optional_auth is set."} onChange={(event) => request.setToken(event.target.value)} />
        <TextArea label="Headers" code rows={2} placeholder="Accept: application/json" value={request.headers} hint="One a line." onChange={(event) => request.setHeaders(event.target.value)} />
      </div>
      {isOwn === false ? (
        <Note tone="info" title="This control plane serves no client itself.">So it asks no edge for you: use the curl line.</Note>
      ) : reason ? (
        <Note tone="info">{reason} The curl line below needs no role.</Note>
      ) : (
        <div className="row wrap">
          <Button type="submit" kind="primary" busy={send.busy} disabled={isOwn === undefined}>{send.busy ? "Waiting for the answer…" : "Send"}</Button>
          <span className="small muted">Really made, counted and logged like a client's; the audit log names method and path.</span>
        </div>
      )}
      <ErrorBox error={send.error} title="No answer came" />
      <div aria-live="polite">{answer && <Answered plugin={plugin} answer={answer} />}</div>
    </form>
  );
}

const ENDS: Partial<Record<Answer["end"], string>> = {
  too_long: "Only the first 256 KiB are shown, and the rest was not waited for.",
  enough_events: "It is a stream: the first 20 events are shown, or those of the first 5 seconds. It goes on for who calls it.",
  too_late: "It was cut after 25 seconds: what came until then is shown.",
};

function shownBody(answer: Answer): { text: string; kind: string } {
  if (answer.text === null || answer.text === undefined) return { text: answer.body_base64, kind: "in Base64" };
  const type = answer.headers.find((header) => header.name === "content-type")?.value ?? "";
  if (/json/.test(type)) {
    try {
      return { text: JSON.stringify(JSON.parse(answer.text), null, 2), kind: "" };
    } catch {
      return { text: answer.text, kind: "" };
    }
  }
  return { text: answer.text, kind: "" };
}

function Answered({ plugin, answer }: { plugin: string; answer: Answer }) {
  const body = shownBody(answer);
  const size = Math.floor((answer.body_base64.replace(/=+$/, "").length * 3) / 4);
  const explain = `/routes?method=${answer.method}&path=${encodeURIComponent(answer.path)}`;
  return (
    <section className="stack tight answered" aria-label="The answer">
      <div className="row wrap">
        <StatusBadge status={answer.status} />
        <span className="small muted">{duration(answer.duration_ms)}, {bytes(size)} {body.kind}</span>
        {answer.status >= 400 && <A className="link small" href={explain}>Explain this request</A>}
      </div>
      {answer.end === "broken" && <Note tone="bad" title="The answer broke off">The plugin ended within it, or the gateway cut it: {answer.why}. <A className="link" href={`/plugins/${plugin}/crashes`}>See its crashes</A>.</Note>}
      {ENDS[answer.end] && <Note tone="info">{ENDS[answer.end]}</Note>}
      {body.text ? <Code long text={body.text} label="Copy the body" /> : <p className="small muted">It has no body.</p>}
      <details>
        <summary className="small muted">{answer.headers.length} headers</summary>
        <Code long text={answer.headers.map((header) => `${header.name}: ${header.value}`).join("\n")} label="Copy the headers" />
      </details>
      {answer.request_id && (
        <p className="row wrap small">
          <span className="muted wrap-anywhere">Request <code>{answer.request_id}</code></span>
          <CopyButton text={answer.request_id} label="Copy the request id" />
          {answer.status < 400 && <A className="link" href={explain}>Explain this request</A>}
          <A className="link" href={`/plugins/${plugin}/logs?q=${encodeURIComponent(answer.request_id)}`}>What the plugin printed for it</A>
        </p>
      )}
    </section>
  );
}

function More({ endpoint, example }: { endpoint: Endpoint; example: string }) {
  return (
    <>
      {endpoint.raised.length > 0 && (
        <div className="stack tight">
          <h3>More is demanded at</h3>
          {endpoint.raised.map((raised) => <p key={raised.path} className="small"><code>{raised.methods.join(", ")} {raised.path}</code>: {raised.scopes_required.join(", ") || "a token"}</p>)}
        </div>
      )}
      {Object.keys(endpoint.metadata).length > 0 && (
        <div className="stack tight">
          <h3>Metadata</h3>
          <Code text={JSON.stringify(endpoint.metadata, null, 2)} label={`Copy the metadata of ${example}`} />
        </div>
      )}
    </>
  );
}
