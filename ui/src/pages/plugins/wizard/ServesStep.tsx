// The last step: it is registered; whether it serves is watched until it is known, with what to do next.
import { useState } from "react";
import { useGet } from "../../../api/hooks";
import { A } from "../../../kit/A";
import { Badge, Button, Card, LinkButton, Note, Skeleton } from "../../../kit/basics";
import { Code } from "../../../kit/copy";
import { ErrorBox } from "../../../kit/ErrorBox";
import { Sentence } from "../../../kit/Sentence";
import { StateBadge } from "../../../kit/StateBadge";
import { useOriginField } from "../../common/clients";
import { clientCurl, examplePath } from "../calls";
import { Access, Methods } from "../tabs/Endpoints";
import { TryIt } from "../tabs/TryIt";

export function ServesStep({ id }: { id: string }) {
  const [settled, setSettled] = useState(false);
  const status = useGet("/api/v1/plugins/{id}/status", { ids: { id }, refetchInterval: settled ? 10_000 : 500 });
  const told = status.data?.data.attributes;
  const over = told !== undefined && told.state !== "starting";
  if (over !== settled) setSettled(over);
  if (status.error) return <ErrorBox error={status.error} title="Its state could not be read" retry={() => void status.refetch()} />;
  if (!told) return <Skeleton lines={4} />;
  const failed = ["backoff", "parked", "stopped"].includes(told.state);
  const lines = told.last_failure?.lines ?? [];
  return (
    <div className="stack">
      <Card title={<span className="row">{told.name} <StateBadge state={told.state} /></span>} actions={<LinkButton small href={`/plugins/${id}`}>Open its page</LinkButton>}>
        <div className="stack" aria-live="polite">
          {told.state === "starting" && <p>It is being started…</p>}
          {told.state === "ready" && <Note tone="good" title="It serves.">Try it here, or call it with one of these lines.</Note>}
          {failed && (
            <>
              <Note tone="bad" title="It is registered and does not serve"><Sentence text={told.reason ?? "No reason is known."} /></Note>
              {lines.length > 0 && <Code long text={lines.map((line) => line.message).join("\n")} label="Copy what it printed" />}
              <div className="row wrap">
                <LinkButton kind="primary" href={`/plugins/${id}/configuration`}>Mend its configuration</LinkButton>
                <LinkButton href={`/plugins/${id}/crashes`}>See why</LinkButton>
              </div>
            </>
          )}
          {told.state === "ready" && <Scopes id={id} />}
          {told.state === "ready" && told.slug && <Calls id={id} slug={told.slug} endpoints={told.endpoints} />}
          {told.state === "ready" && !told.slug && <Note tone="warn" title="It has no slug">So nothing of it can be called. <A className="link" href={`/plugins/${id}/configuration`}>Give it one</A>.</Note>}
        </div>
      </Card>
      <div className="row wrap"><LinkButton href="/plugins">All plugins</LinkButton><LinkButton href={`/plugins/${id}/logs`} icon="terminal">Watch its log</LinkButton></div>
    </div>
  );
}

/** What was granted, and what it wished and did not get. */
function Scopes({ id }: { id: string }) {
  const plugin = useGet("/api/v1/plugins/{id}", { ids: { id } }).data?.data.attributes;
  if (!plugin || plugin.service_scopes.length + plugin.missing_scopes.length === 0) return null;
  return (
    <ul className="stack tight">
      {plugin.service_scopes.length > 0 && <li>Granted: <code>{plugin.service_scopes.join(", ")}</code></li>}
      {plugin.missing_scopes.length > 0 && <li>Not granted: <code>{plugin.missing_scopes.join(", ")}</code>. What needs it fails until you <A className="link" href={`/plugins/${id}/permissions`}>grant it</A>.</li>}
    </ul>
  );
}

type Status = NonNullable<ReturnType<typeof useGet<"/api/v1/plugins/{id}/status">>["data"]>["data"]["attributes"];

function Calls({ id, slug, endpoints }: { id: string; slug: string; endpoints: Status["endpoints"] }) {
  const { field, origin } = useOriginField();
  const [all, setAll] = useState(false);
  const [tried, setTried] = useState<Status["endpoints"][number] | null>(null);
  const shown = all ? endpoints : endpoints.slice(0, 3);
  return (
    <div className="stack">
      {field}
      {shown.map((endpoint) => {
        const method = endpoint.methods.includes("GET") ? "GET" : (endpoint.methods[0] ?? "GET");
        return (
          <div className="stack tight" key={`${endpoint.methods.join()} ${endpoint.path}`}>
            <div className="row wrap between">
              <span className="row wrap"><Methods methods={endpoint.methods} /><code>{endpoint.path}</code><Access endpoint={endpoint} />{endpoint.stream_response && <Badge icon="stream">Stream</Badge>}</span>
              <span className="row">
                <A className="link small" href={`/routes?method=${method}&path=${encodeURIComponent(examplePath(slug, endpoint.path))}`}>Explain this request</A>
                <Button small onClick={() => setTried(endpoint)}>Try it</Button>
              </span>
            </div>
            <Code text={clientCurl(origin, method, { slug, endpoint })} label="Copy the call" />
          </div>
        );
      })}
      {endpoints.length > shown.length && <div><Button small onClick={() => setAll(true)}>Show all {endpoints.length}</Button></div>}
      {endpoints.some((endpoint) => endpoint.require_auth) && <p className="small muted">Where a token is demanded: <A className="link" href="/apps/new">make an app with a token</A> and put it into the variable <code>TOKEN</code>.</p>}
      {tried && <TryIt plugin={id} slug={slug} endpoint={tried} onClose={() => setTried(null)} />}
      {endpoints.length === 0 && <p className="muted">It registered no endpoint.</p>}
    </div>
  );
}
