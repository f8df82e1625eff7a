// What programs administer the gateway with.
import { type FormEvent, useState } from "react";
import { ApiError, call } from "../../api/client";
import { type Item, type Role, useInvalidate, useList } from "../../api/hooks";
import { Badge, Button, Card, Empty, PageHead, useTitle } from "../../kit/basics";
import { adminCurl, Code, CopyAs, SecretOnce, shellQuote } from "../../kit/copy";
import { ErrorBox } from "../../kit/ErrorBox";
import { TextField } from "../../kit/fields";
import { Confirm, Drawer } from "../../kit/overlay";
import { type Column, Table } from "../../kit/Table";
import { Time } from "../../kit/Time";
import { useAction } from "../../kit/useAction";
import { useUrlState } from "../../kit/url";
import { ExpiryField } from "../common/expiry";
import { GatedButton } from "../common/Gated";
import { SettingsTabs } from "./SettingsTabs";
import { RoleField } from "./Users";

type AdminToken = Item<"/api/v1/admin-tokens">;
const PATH = "/api/v1/admin-tokens";

function columnsOf(revoke: (token: AdminToken) => void): Column<AdminToken>[] {
  return [
    { key: "name", header: "Token", sort: (token) => token.attributes.name, cell: (token) => <div><strong>{token.attributes.name}</strong><div><code className="small muted">{token.attributes.hint}…</code></div></div> },
    { key: "role", header: "Role", sort: (token) => token.attributes.role, cell: (token) => <Badge icon="lock">{token.attributes.role}</Badge> },
    { key: "expires", header: "Ends", sort: (token) => token.attributes.expires_at ?? "9", cell: ({ attributes: { expires_at, is_expired } }) => <span className="row">{is_expired && <Badge tone="bad" icon="error">Expired</Badge>}<Time at={expires_at} none="when revoked" /></span> },
    { key: "used", header: "Last used", hide: "narrow", sort: (token) => token.attributes.last_used_at ?? "", cell: (token) => <Time at={token.attributes.last_used_at} /> },
    { key: "created", header: "Made", hide: "medium", sort: (token) => token.attributes.created_at, cell: (token) => <Time at={token.attributes.created_at} /> },
    { key: "actions", header: "Revoke", hideHeader: true, width: 1, cell: (token) => <GatedButton needs="admin" small kind="danger" onClick={() => revoke(token)} aria-label={`Revoke ${token.attributes.name}`}>Revoke</GatedButton> },
  ];
}

export default function AdminTokens() {
  useTitle("Admin tokens");
  const tokens = useList(PATH);
  const [making, setMaking] = useUrlState("new");
  const [revoking, setRevoking] = useState<AdminToken | null>(null);
  return (
    <>
      <PageHead title="Admin tokens" lead="For scripts, pipelines and the command line. Beside these there is the one in SIDEGATE_ADMIN_TOKEN or in the data folder, of an admin called root.">
        <CopyAs commands={{ cli: "sidegate admin-token list", curl: adminCurl("GET", PATH) }} />
        <GatedButton needs="admin" kind="primary" icon="plus" onClick={() => setMaking("1")}>Make an admin token</GatedButton>
      </PageHead>
      <SettingsTabs />
      <Card flush>
        <Table
          name="admin tokens"
          rows={tokens.data}
          columns={columnsOf(setRevoking)}
          rowKey={(token) => token.id}
          text={({ attributes: { name, role, hint } }) => [name, role, hint].join(" ")}
          sort="name"
          error={tokens.error}
          retry={() => void tokens.refetch()}
          empty={
            <Empty icon="lock" title="No admin token but root's">
              <p>Give each pipeline a token of its own with the weakest role that does: a deployment that only reloads plugins is an operator.</p>
            </Empty>
          }
        />
      </Card>
      {making && <Create onClose={() => setMaking("")} />}
      {revoking && <Revoke token={revoking} onClose={() => setRevoking(null)} />}
    </>
  );
}

function Create({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [expires, setExpires] = useState("90d");
  const [secret, setSecret] = useState<string | null>(null);
  const invalidate = useInvalidate();
  const body = { name, role, expires_in: expires };
  const create = useAction(async () => {
    const made = await call<{ data: { attributes: { token: string } } }>(PATH, { method: "POST", body });
    setSecret(made.body.data.attributes.token);
    await invalidate(PATH);
  });
  const wrong = create.error instanceof ApiError ? create.error.byField : {};
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void create.run();
  };
  if (secret) {
    return (
      <Drawer title={`Admin token ${name}`} stays onClose={onClose} footer={<Button kind="primary" onClick={onClose}>I have copied it</Button>}>
        <div className="stack">
          <SecretOnce secret={secret} what="the admin token" />
          <div className="stack tight">
            <h3>Use it</h3>
            <Code text={`export SIDEGATE_URL=${location.origin} SIDEGATE_ADMIN_TOKEN=${secret}\nsidegate plugin list`} />
          </div>
        </div>
      </Drawer>
    );
  }
  const commands = { cli: `sidegate admin-token create ${shellQuote(name || "deploy")} --role ${role} --expires-in ${expires}`, curl: adminCurl("POST", PATH, body) };
  return (
    <Drawer
      title="Make an admin token"
      onClose={onClose}
      footer={<><CopyAs commands={commands} /><Button onClick={onClose}>Cancel</Button><Button kind="primary" type="submit" form="create-admin-token" busy={create.busy}>Make it</Button></>}
    >
      <form id="create-admin-token" className="stack" onSubmit={submit}>
        <TextField label="Name" required autoFocus value={name} problem={wrong.name} onChange={(event) => setName(event.target.value)} placeholder="deploy" hint="The audit log calls its holder so." />
        <RoleField value={role} onChange={setRole} problem={wrong.role} />
        <ExpiryField value={expires} onChange={setExpires} problem={wrong.expires_in} />
        <ErrorBox error={create.error} title="No token was made" />
      </form>
    </Drawer>
  );
}

function Revoke({ token, onClose }: { token: AdminToken; onClose: () => void }) {
  const path = `${PATH}/${token.id}`;
  const { name, last_used_at } = token.attributes;
  const revoke = useAction(() => call(path, { method: "DELETE" }), { done: `Admin token ${name} is revoked.`, stale: [PATH], then: onClose });
  return (
    <Confirm title={`Revoke admin token ${name}?`} action="Revoke" danger busy={revoke.busy} onConfirm={() => void revoke.run()} onClose={onClose}>
      <div className="stack tight">
        <p>Whoever uses it is refused from now on, sessions that began with it end. Last used: <Time at={last_used_at} />.</p>
        <ErrorBox error={revoke.error} title="It was not revoked" />
        <div><CopyAs small commands={{ cli: `sidegate admin-token revoke ${shellQuote(name)}`, curl: adminCurl("DELETE", path) }} /></div>
      </div>
    </Confirm>
  );
}
