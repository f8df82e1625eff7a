// Tokens as a table, with what can be done to one: rotate and revoke.
import { useMemo, useState } from "react";
import { type Item, useInvalidate } from "../../api/hooks";
import { call } from "../../api/client";
import { A } from "../../kit/A";
import { Badge } from "../../kit/basics";
import { CopyAs, adminCurl } from "../../kit/copy";
import { ErrorBox } from "../../kit/ErrorBox";
import { Confirm, Menu } from "../../kit/overlay";
import { type Column, type Filter, Table } from "../../kit/Table";
import { Time } from "../../kit/Time";
import { toast } from "../../kit/toast";
import { useAction } from "../../kit/useAction";
import { useReason } from "../common/Gated";
import { RotateToken } from "./TokenForms";

export type Token = Item<"/api/v1/tokens">;
const WEEK_MS = 7 * 86_400_000;
const MONTH_MS = 30 * 86_400_000;

function soon(token: Token): boolean {
  const { expires_at, is_expired } = token.attributes;
  return !is_expired && expires_at !== null && Date.parse(expires_at) - Date.now() < WEEK_MS;
}

function unused(token: Token): boolean {
  const since = token.attributes.last_used_at ?? token.attributes.created_at;
  return Date.now() - Date.parse(since) > MONTH_MS;
}

const FILTERS: Filter<Token>[] = [
  {
    key: "state",
    label: "State",
    options: [["valid", "Valid"], ["soon", "Ends within 7 days"], ["expired", "Expired"], ["unused", "Unused for 30 days"]],
    test: (token, value) =>
      value === "valid" ? !token.attributes.is_expired : value === "expired" ? token.attributes.is_expired : value === "soon" ? soon(token) : unused(token),
  },
];

function Expiry({ token }: { token: Token }) {
  const { expires_at, is_expired } = token.attributes;
  if (expires_at === null) return <span className="muted">when revoked</span>;
  return (
    <span className="row">
      {is_expired ? <Badge tone="bad" icon="error">Expired</Badge> : soon(token) ? <Badge tone="warn" icon="warn">Soon</Badge> : null}
      <Time at={expires_at} />
    </span>
  );
}

type Doing = { what: "rotate" | "revoke"; token: Token };

function columnsOf(names: Map<string, string> | undefined, reason: string | undefined, act: (doing: Doing) => void): Column<Token>[] {
  const app: Column<Token>[] = names
    ? [{
        key: "app",
        header: "App",
        sort: (token) => names.get(String(token.attributes.app_id)),
        cell: (token) => <A className="link" href={`/apps/${token.attributes.app_id}`}>{names.get(String(token.attributes.app_id)) ?? token.attributes.app_id}</A>,
      }]
    : [];
  return [
    {
      key: "name",
      header: "Token",
      sort: (token) => token.attributes.name,
      cell: (token) => (
        <div>
          <div>{token.attributes.name || <span className="muted">without a name</span>}</div>
          <code className="small muted">{token.attributes.hint}…</code>
          {token.attributes.replaced_by !== null && <span className="small muted"> · replaced</span>}
        </div>
      ),
    },
    ...app,
    {
      key: "scopes",
      header: "Scopes",
      hide: "narrow",
      cell: (token) => (token.attributes.scopes.length === 0 ? <span className="muted">none</span> : <span className="row wrap">{token.attributes.scopes.map((scope) => <span key={scope} className="chip">{scope}</span>)}</span>),
    },
    { key: "expires", header: "Ends", sort: (token) => token.attributes.expires_at ?? "9", cell: (token) => <Expiry token={token} /> },
    { key: "used", header: "Last used", hide: "narrow", sort: (token) => token.attributes.last_used_at ?? "", cell: (token) => <Time at={token.attributes.last_used_at} /> },
    { key: "created", header: "Made", hide: "medium", sort: (token) => token.attributes.created_at, cell: (token) => <Time at={token.attributes.created_at} /> },
    {
      key: "actions",
      header: "Actions",
      hideHeader: true,
      width: 1,
      cell: (token) => (
        <Menu
          label={`Actions for token ${token.attributes.name || token.attributes.hint}`}
          entries={[
            { text: "Rotate…", icon: "reload", disabled: reason ?? (token.attributes.is_expired && "It has expired: make a new one."), onSelect: () => act({ what: "rotate", token }) },
            { text: "Revoke…", icon: "trash", danger: true, disabled: reason, onSelect: () => act({ what: "revoke", token }) },
          ]}
        />
      ),
    },
  ];
}

type Props = { tokens: Token[] | undefined; names?: Map<string, string>; error: unknown; retry: () => void; empty: React.ReactNode };

export function TokenTable({ tokens, names, error, retry, empty }: Props) {
  const [doing, act] = useState<Doing | null>(null);
  const reason = useReason("operator");
  const columns = useMemo(() => columnsOf(names, reason, act), [names, reason]);
  return (
    <>
      <Table
        name="tokens"
        rows={tokens}
        columns={columns}
        rowKey={(token) => token.id}
        text={({ attributes: { name, hint, scopes, app_id } }) => [name, hint, ...scopes, names?.get(String(app_id)) ?? ""].join(" ")}
        filters={FILTERS}
        sort="-created"
        error={error}
        retry={retry}
        empty={empty}
      />
      {doing?.what === "rotate" && <RotateToken token={doing.token} onClose={() => act(null)} />}
      {doing?.what === "revoke" && <RevokeToken token={doing.token} onClose={() => act(null)} />}
    </>
  );
}

function RevokeToken({ token, onClose }: { token: Token; onClose: () => void }) {
  const invalidate = useInvalidate();
  const path = `/api/v1/tokens/${token.id}`;
  const name = token.attributes.name || token.attributes.hint;
  const revoke = useAction(async () => {
    await call(path, { method: "DELETE" });
    await invalidate("/api/v1/tokens");
    toast.good(`Token ${name} is revoked.`);
    onClose();
  });
  return (
    <Confirm title={`Revoke token ${name}?`} action="Revoke" danger busy={revoke.busy} onConfirm={() => void revoke.run()} onClose={onClose}>
      <div className="stack tight">
        <p>Whoever uses it gets 401 at once, open streams end. It cannot be brought back.</p>
        <p>Last used: <Time at={token.attributes.last_used_at} />.</p>
        <ErrorBox error={revoke.error} title="It was not revoked" />
        <div><CopyAs small commands={{ cli: `sidegate token revoke ${token.id}`, curl: adminCurl("DELETE", path) }} /></div>
      </div>
    </Confirm>
  );
}
