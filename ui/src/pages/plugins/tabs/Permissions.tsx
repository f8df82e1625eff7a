// What the plugin wishes to ask of the gateway, what it may, and what it may serve without a token.
import { call } from "../../../api/client";
import { useMay } from "../../../api/hooks";
import { Badge, Button, Card, Empty, Note } from "../../../kit/basics";
import { adminCurl, CopyAs, shellQuote } from "../../../kit/copy";
import { ErrorBox } from "../../../kit/ErrorBox";
import { useAction } from "../../../kit/useAction";
import type { TabProps } from "../Detail";
import { SCOPE_WORDS } from "../scopes";

const STALE = ["/api/v1/plugins", "/api/v1/routes", "/api/v1/needs", "/api/v1/revisions"];

export default function PermissionsTab({ plugin }: TabProps) {
  const operator = useMay("operator");
  return (
    <div className="stack">
      {!operator && <Note tone="info">Your role may read this. To grant and approve needs the role operator.</Note>}
      <Scopes plugin={plugin} operator={operator} />
      <PublicEndpoints plugin={plugin} operator={operator} />
    </div>
  );
}

type Part = Pick<TabProps, "plugin"> & { operator: boolean };

function Scopes({ plugin, operator }: Part) {
  const { name, service_scopes, missing_scopes, status } = plugin.attributes;
  const wished = new Set(status.requested_scopes);
  const all = [...new Set([...missing_scopes, ...status.requested_scopes, ...service_scopes])].sort((left, right) => Number(missing_scopes.includes(right)) - Number(missing_scopes.includes(left)) || left.localeCompare(right));
  const change = useAction(
    async (deed: "grant" | "revoke", scopes: string[]) => {
      await call(`/api/v1/plugins/${plugin.id}/${deed}`, { method: "POST", body: { scopes } });
      return deed;
    },
    { done: (deed) => (deed === "grant" ? "Granted; it counts from its next call on" : "Revoked; it counts from its next call on"), stale: STALE },
  );
  return (
    <Card
      title="What it may ask of the gateway"
      flush
      actions={
        missing_scopes.length > 0 && (
          <>
            <CopyAs small commands={{ cli: `sidegate plugin grant ${shellQuote(name)} ${missing_scopes.join(" ")}`, curl: adminCurl("POST", `/api/v1/plugins/${plugin.id}/grant`, { scopes: missing_scopes }) }} />
            {missing_scopes.length > 1 && <Button small kind="primary" disabled={!operator} busy={change.busy} onClick={() => void change.run("grant", missing_scopes)}>Grant all {missing_scopes.length}</Button>}
          </>
        )
      }
    >
      {change.error !== null && <div style={{ padding: 16 }}><ErrorBox error={change.error} title="Nothing was changed" /></div>}
      {all.length === 0 && (
        <Empty icon="lock" title="It asks for nothing and may ask nothing">
          <p>{status.state === "ready" ? "Its manifest wishes no scope. Storage, apps and credentials of the gateway are closed to it." : "What it wishes is known once it runs."}</p>
        </Empty>
      )}
      {all.map((scope) => {
        const granted = service_scopes.includes(scope);
        const missing = missing_scopes.includes(scope);
        return (
          <div className="scope" key={scope}>
            <div className="stack tight" style={{ gap: 2 }}>
              <span className="row wrap">
                <code>{scope}</code>
                {granted ? <Badge tone="good" icon="check">Granted</Badge> : missing ? <Badge tone="warn" icon="warn">Wished, not granted</Badge> : <Badge icon="x">Wished, unknown here</Badge>}
                {granted && !wished.has(scope) && <Badge>not wished</Badge>}
              </span>
              <span className="small muted">{SCOPE_WORDS[scope] ? `It may ${SCOPE_WORDS[scope]}.` : "This gateway has no such scope; it cannot be granted."}</span>
            </div>
            {granted ? (
              <Button small kind="danger" disabled={!operator} busy={change.busy} onClick={() => void change.run("revoke", [scope])}>Revoke</Button>
            ) : (
              missing && <Button small kind="primary" disabled={!operator} busy={change.busy} onClick={() => void change.run("grant", [scope])}>Grant</Button>
            )}
          </div>
        );
      })}
    </Card>
  );
}

function PublicEndpoints({ plugin, operator }: Part) {
  const { name, public_endpoints } = plugin.attributes;
  const change = useAction(
    async (body: { approve?: string[]; revoke?: string[] }) => {
      await call(`/api/v1/plugins/${plugin.id}/public-endpoints`, { method: "POST", body });
    },
    { done: "Done; it counts from the next request on", stale: STALE },
  );
  const pending = public_endpoints?.pending ?? [];
  const approved = public_endpoints?.approved ?? [];
  const allowed = public_endpoints?.allowed ?? [];
  const open = [...pending, ...allowed];
  const rows = [...pending.map((text) => ["pending", text] as const), ...allowed.map((text) => ["allowed", text] as const), ...approved.map((text) => ["approved", text] as const)];
  return (
    <Card
      title="What it serves without a token"
      flush
      actions={
        open.length > 0 && (
          <>
            <CopyAs small commands={{ cli: `sidegate plugin approve-public ${shellQuote(name)}`, curl: adminCurl("POST", `/api/v1/plugins/${plugin.id}/public-endpoints`, { approve: open }) }} />
            {open.length > 1 && <Button small kind={pending.length > 0 ? "primary" : "plain"} disabled={!operator} busy={change.busy} onClick={() => void change.run({ approve: open })}>Approve all {open.length}</Button>}
          </>
        )
      }
    >
      {change.error !== null && <div style={{ padding: 16 }}><ErrorBox error={change.error} title="Nothing was changed" /></div>}
      {allowed.length > 0 && (
        <div style={{ padding: "12px 16px 0" }}>
          <Note tone="info">Served without approval, because the setting <code>SIDEGATE_PUBLIC_ENDPOINTS</code> is <code>allow</code>. Approved ones stay open when it becomes <code>approve</code>.</Note>
        </div>
      )}
      {rows.length === 0 && <Empty icon="lock" title="Nothing of it is public"><p>Every endpoint that it offers demands a token.</p></Empty>}
      {rows.map(([state, text]) => (
        <div className="scope" key={`${state} ${text}`}>
          <span className="row wrap">
            <code className="wrap-anywhere">{text}</code>
            {state === "pending" && <Badge tone="warn" icon="warn">Answers 401 until approved</Badge>}
            {state === "allowed" && <Badge tone="info" icon="globe">Allowed by the setting</Badge>}
            {state === "approved" && <Badge tone="good" icon="check">Approved</Badge>}
          </span>
          {state === "approved" ? (
            <Button small kind="danger" disabled={!operator} busy={change.busy} onClick={() => void change.run({ revoke: [text] })}>Take back</Button>
          ) : (
            <Button small kind={state === "pending" ? "primary" : "plain"} disabled={!operator} busy={change.busy} onClick={() => void change.run({ approve: [text] })}>Approve</Button>
          )}
        </div>
      ))}
    </Card>
  );
}
