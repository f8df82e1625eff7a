// "Why does this request get its answer?": the decision of the gateway, step by step. Nothing is executed or counted.
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useCallback, useEffect, useState } from "react";
import { call, type Schemas } from "../../api/client";
import { A } from "../../kit/A";
import { Badge, Button, Card, Note } from "../../kit/basics";
import { adminCurl, Code, CopyAs, shellQuote } from "../../kit/copy";
import { ErrorBox } from "../../kit/ErrorBox";
import { SelectField, TextArea, TextField } from "../../kit/fields";
import { Icon } from "../../kit/Icon";
import { StateBadge } from "../../kit/StateBadge";
import { bytes } from "../../kit/Time";
import { useUrlState } from "../../kit/url";
import { useAction } from "../../kit/useAction";
import { useClients } from "../common/clients";
import { curlOf } from "../plugins/calls";
import "./explain.css";

type Explanation = Schemas["ExplanationAttributes"];
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"];

type Asked = { method: string; path: string };

/** The question: all of it is in the address, except what is secret. */
export function useQuestion() {
  const [method, setMethod] = useUrlState("method", "GET");
  const [path] = useUrlState("path");
  const [node, setNode] = useUrlState("node");
  const [token, setToken] = useState("");
  const [headers, setHeaders] = useState("");
  const [client, setClient] = useState("");
  const [asked, setAsked] = useState<Asked | null>(path ? { method, path } : null);
  const navigate = useNavigate();
  const ask = useCallback(
    (nextMethod: string, nextPath: string) => {
      // Both at once: the address takes one change at a time.
      const search = (before: Record<string, string>) => ({ ...before, method: nextMethod, path: nextPath });
      void navigate({ to: ".", replace: true, resetScroll: false, search: search as never });
      setAsked({ method: nextMethod, path: nextPath });
      document.getElementById("explain")?.scrollIntoView({ block: "nearest" });
    },
    [navigate],
  );
  return { method, setMethod, path, node, setNode, token, setToken, headers, setHeaders, client, setClient, asked, ask };
}

type Question = ReturnType<typeof useQuestion>;

function headerMap(text: string): Record<string, string> | undefined {
  const found: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) found[line.slice(0, colon).trim()] = line.slice(colon + 1).trim();
  }
  return Object.keys(found).length > 0 ? found : undefined;
}

function bodyOf(question: Question, asked: Asked, usual?: string) {
  return {
    ...asked,
    token: question.token.trim() || undefined,
    headers: headerMap(question.headers),
    client: question.client.trim() || undefined,
    node: question.node || usual,
  };
}

function commandsOf(question: Question) {
  const { method, path, node } = question;
  const words = ["sidegate explain", method, shellQuote(path || "/plugins/…")];
  if (question.token) words.push("--token -");
  for (const [name, value] of Object.entries(headerMap(question.headers) ?? {})) words.push("--header", shellQuote(`${name}: ${value}`));
  if (question.client) words.push("--client", question.client);
  if (node) words.push("--node", node);
  if (question.token) words.push("< token.txt");
  const body = { ...bodyOf(question, { method, path }), token: question.token ? "<token>" : undefined };
  return { cli: words.join(" "), curl: adminCurl("POST", "/api/v1/explain", body) };
}

export function Explain({ question }: { question: Question }) {
  const [answer, setAnswer] = useState<Explanation | null>(null);
  const [path, setPath] = useState(question.path);
  useEffect(() => setPath(question.path), [question.path]);
  const { nodes, isKnown } = useClients();
  // Of several one must be named.
  const usual = nodes.length > 1 ? nodes[0]?.name : undefined;
  const explain = useAction(async (asked: Asked) => {
    const said = await call<{ data: { attributes: Explanation } }>("/api/v1/explain", { method: "POST", body: bodyOf(question, asked, usual) });
    setAnswer(said.body.data.attributes);
  });
  const { asked } = question;
  useEffect(() => {
    if (asked && isKnown) void explain.run(asked);
  }, [asked, isKnown]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    question.ask(question.method, path.trim());
  };
  return (
    <Card title="Explain a request" id="explain" actions={<CopyAs commands={commandsOf(question)} small />}>
      <div className="stack">
        <form onSubmit={submit} className="stack tight">
          <div className="explain-bar">
            <select className="select" aria-label="Method" value={question.method} onChange={(event) => question.setMethod(event.target.value)}>
              {METHODS.map((method) => <option key={method}>{method}</option>)}
            </select>
            <input
              className="input code"
              aria-label="Path"
              required
              spellCheck={false}
              placeholder="/plugins/echo/hello?a=1"
              value={path}
              onChange={(event) => setPath(event.target.value)}
            />
            <Button kind="primary" type="submit" busy={explain.busy}>Explain</Button>
          </div>
          <More question={question} />
        </form>
        <ErrorBox error={explain.error} title="It could not be explained" />
        {answer && asked && !explain.error && (
          <>
            <Trace answer={answer} />
            <MakeIt question={question} asked={asked} node={answer.node} />
          </>
        )}
      </div>
    </Card>
  );
}

/** The request itself, for a terminal; the token is read from a variable. */
function MakeIt({ question, asked, node }: { question: Question; asked: Asked; node: string }) {
  const { origin } = useClients(node);
  const headers = Object.entries(headerMap(question.headers) ?? {}).map(([name, value]) => `${name}: ${value}`);
  return (
    <div className="stack tight">
      <h3>Make the request</h3>
      <Code text={curlOf(origin, { ...asked, token: question.token !== "", headers })} label="Copy the call" />
    </div>
  );
}

function More({ question }: { question: Question }) {
  return (
    <details className="explain-more">
      <summary>As whom: {question.token ? "the holder of a token" : "nobody, without a token"}{question.headers ? ", with headers" : ""}</summary>
      <div className="grid-2">
        <TextField label="Token" type="password" code value={question.token} onChange={(event) => question.setToken(event.target.value)} placeholder="sgt_…" hint="Asked once and kept nowhere, not in the address either." />
        <TextField label="Comes from" code value={question.client} onChange={(event) => question.setClient(event.target.value)} placeholder="203.0.113.7" hint="The address of the client; this machine where nothing is said." />
        <TextArea label="Headers" code rows={3} value={question.headers} onChange={(event) => question.setHeaders(event.target.value)} placeholder="Origin: https://app.example" hint="One a line." />
        <NodeChoice question={question} />
      </div>
    </details>
  );
}

function NodeChoice({ question }: { question: Question }) {
  const { nodes } = useClients();
  if (nodes.length < 2) return null;
  return (
    <SelectField label="Node" value={question.node || nodes[0]?.name} onChange={(event) => question.setNode(event.target.value)} hint="The edge that is asked.">
      {nodes.map((node) => <option key={node.name}>{node.name}</option>)}
    </SelectField>
  );
}

function Verdict({ answer }: { answer: Explanation }) {
  if (answer.answered_by === "plugin") {
    return (
      <Note tone="good" title={<>The plugin {answer.route?.plugin} answers</>}>
        <p className="muted">
          The gateway lets the request through to {answer.route?.pid ? <>process <code>{answer.route.pid}</code></> : "a process"} on node <code>{answer.node}</code>; the status is the plugin's to decide.
        </p>
      </Note>
    );
  }
  return (
    <Note tone={(answer.status ?? 0) >= 400 ? "bad" : "info"} title={<>The gateway answers {answer.status} {answer.code && <code>{answer.code}</code>}</>}>
      {answer.message && <p>{answer.message}</p>}
      <p className="muted">Decided on node <code>{answer.node}</code>; the plugin does not hear of it.</p>
    </Note>
  );
}

function Trace({ answer }: { answer: Explanation }) {
  return (
    <div className="stack" aria-live="polite">
      <Verdict answer={answer} />
      <div className="grid-main">
        <ol className="trace" aria-label="What was looked at, in order">
          {answer.checks.map((check, index) => (
            <li key={index} className={check.passed ? "passed" : "failed"}>
              <span className="mark"><Icon name={check.passed ? "check" : "x"} size={14} /></span>
              <span className="name">{check.name.replaceAll("_", " ")}</span>
              <span className="detail">{check.detail}<span className="sr-only">{check.passed ? ", passed" : ", this ends it"}</span></span>
            </li>
          ))}
        </ol>
        <Beside answer={answer} />
      </div>
    </div>
  );
}

function Beside({ answer }: { answer: Explanation }) {
  const { route, limits, rivals } = answer;
  return (
    <div className="stack">
      {route && (
        <div className="stack tight">
          <h3>Endpoint</h3>
          <p className="row wrap">
            <span className="method">{route.method}</span> <code className="wrap-anywhere">{route.path}</code>
          </p>
          <p className="row wrap">
            <A className="link" href={`/plugins/${route.plugin_id}`}>{route.plugin}</A>
            <StateBadge state={route.state} />
            {route.stream_response && <Badge icon="stream">Stream</Badge>}
          </p>
        </div>
      )}
      {limits.length > 0 && (
        <div className="stack tight">
          <h3>Limits</h3>
          {limits.map((limit) => (
            <div key={limit.name} className="row between small">
              <code>{limit.name}</code>
              {/* A size is no allowance that is used up. */}
              {limit.name === "max_body" ? <span>at most {bytes(limit.limit)}</span> : <span>{limit.remaining.toLocaleString("en")} of {limit.limit.toLocaleString("en")} left{limit.reset_seconds !== null && <span className="muted">, anew in {limit.reset_seconds} s</span>}</span>}
            </div>
          ))}
        </div>
      )}
      {rivals.length > 0 && (
        <div className="stack tight">
          <h3>Not these</h3>
          {rivals.map((rival) => (
            <div key={rival.path} className="small">
              <code className="wrap-anywhere">{rival.path}</code> <span className="muted">{rival.reason}</span>
            </div>
          ))}
        </div>
      )}
    </div>
  );
}

