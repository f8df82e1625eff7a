// Whose JWTs are taken beside the gateway's own tokens, and for which app each of their clients speaks.
import { type FormEvent, useState } from "react";
import { ApiError, call, type Schemas } from "../../api/client";
import { type Item, useList } from "../../api/hooks";
import { Badge, Button, Card, Empty, PageHead, useTitle } from "../../kit/basics";
import { adminCurl, CopyAs, shellQuote } from "../../kit/copy";
import { ErrorBox } from "../../kit/ErrorBox";
import { CheckField, SelectField, TextArea, TextField } from "../../kit/fields";
import { Confirm, Drawer, Menu } from "../../kit/overlay";
import { StateBadge } from "../../kit/StateBadge";
import { type Column, Table } from "../../kit/Table";
import { Time } from "../../kit/Time";
import { useAction } from "../../kit/useAction";
import { useUrlState } from "../../kit/url";
import { GatedButton } from "../common/Gated";
import { AppsTabs } from "./AppsTabs";

type Issuer = Item<"/api/v1/issuers">;
type Doing = { what: "edit" | "clients" | "remove"; issuer: Issuer };
const PATH = "/api/v1/issuers";

function columnsOf(act: (doing: Doing) => void): Column<Issuer>[] {
  return [
    { key: "name", header: "Issuer", sort: ({ attributes }) => attributes.name, cell: ({ attributes: { name, url } }) => <div><strong>{name}</strong><div><code className="small muted">{url}</code></div></div> },
    { key: "state", header: "State", cell: ({ attributes: { is_active } }) => (is_active ? <StateBadge state="active" word="Trusted" /> : <StateBadge state="disabled" word="Switched off" />) },
    { key: "clients", header: "Clients", cell: ({ attributes: { clients } }) => <Clients clients={clients} /> },
    { key: "audiences", header: "JWTs are for", hide: "medium", cell: ({ attributes: { audiences } }) => <div className="stack tight">{audiences.map((audience) => <code key={audience} className="small">{audience}</code>)}</div> },
    { key: "keys", header: "Keys", hide: "medium", cell: (issuer) => <Keys issuer={issuer} /> },
    { key: "changed", header: "Changed", hide: "narrow", sort: ({ attributes }) => attributes.updated_at, cell: ({ attributes }) => <Time at={attributes.updated_at} /> },
    {
      key: "actions",
      header: "Actions",
      hideHeader: true,
      width: 1,
      cell: (issuer) => (
        <Menu
          label={`Actions for ${issuer.attributes.name}`}
          entries={[
            { text: "Bind clients to apps…", icon: "apps", onSelect: () => act({ what: "clients", issuer }) },
            { text: "Change…", icon: "edit", onSelect: () => act({ what: "edit", issuer }) },
            { text: "Remove…", icon: "trash", danger: true, onSelect: () => act({ what: "remove", issuer }) },
          ]}
        />
      ),
    },
  ];
}

const isOfCertificates = (url: string) => url.startsWith("tls:");

/** Where its keys are, and whether they are there. */
function Keys({ issuer: { attributes: { url, jwks_uri, keys_max_age, allow_private, keys } } }: { issuer: Issuer }) {
  if (isOfCertificates(url)) {
    return (
      <div className="small">
        Client certificates
        {keys && <div className="muted">{keys.count === 1 ? "1 authority vouches" : `${keys.count} authorities vouch`} for them</div>}
        {keys?.error && <Trouble word="Nobody vouches" error={keys.error} />}
      </div>
    );
  }
  const where = jwks_uri || (url.startsWith("plugin:") ? "inside the gateway" : "by its metadata");
  return (
    <div className="small">
      <code>{where}</code>
      <div className="muted">good for {keys_max_age}{allow_private && ", also at private addresses"}</div>
      {keys?.fetched_at && <div>{keys.count === 1 ? "1 key" : `${keys.count} keys`}, fetched <Time at={keys.fetched_at} />{!keys.are_good && ", too old to count"}</div>}
      {keys && !keys.fetched_at && !keys.error && <div className="muted">no keys yet</div>}
      {keys?.error && <Trouble word="Cannot be fetched" error={keys.error} />}
    </div>
  );
}

function Trouble({ word, error }: { word: string; error: string }) {
  return <><div><Badge tone="warn" icon="warn">{word}</Badge></div><div className="muted">{error}</div></>;
}

function Clients({ clients }: { clients: Record<string, string> }) {
  const all = Object.entries(clients);
  if (all.length === 0) return <Badge tone="warn" icon="warn">No client speaks for an app</Badge>;
  return (
    <div className="stack tight small">
      {all.slice(0, 4).map(([client, app]) => <div key={client}><code>{client}</code> speaks for <strong>{app}</strong></div>)}
      {all.length > 4 && <div className="muted">and {all.length - 4} more</div>}
    </div>
  );
}

export default function Issuers() {
  useTitle("Issuers");
  const issuers = useList(PATH);
  const [making, setMaking] = useUrlState("new");
  const [doing, setDoing] = useState<Doing | null>(null);
  const done = () => setDoing(null);
  return (
    <>
      <PageHead title="Issuers" lead="Whose JWT access tokens are taken in the place of tokens of the gateway, where a plugin names them in its option issuers.">
        <CopyAs commands={{ cli: "sidegate issuer list", curl: adminCurl("GET", PATH) }} />
        <GatedButton needs="admin" kind="primary" icon="plus" onClick={() => setMaking("1")}>Trust an issuer</GatedButton>
      </PageHead>
      <AppsTabs />
      <Card flush>
        <Table
          name="issuers"
          rows={issuers.data}
          columns={columnsOf(setDoing)}
          rowKey={(issuer) => issuer.id}
          text={({ attributes: { name, url, clients } }) => [name, url, ...Object.keys(clients), ...Object.values(clients)].join(" ")}
          sort="name"
          error={issuers.error}
          retry={() => void issuers.refetch()}
          empty={
            <Empty icon="lock" title="No issuer is trusted">
              <p>Trust Keycloak, Auth0, Entra ID or the provider that is a plugin here, bind its clients to apps, and name it in a plugin’s option <code>issuers</code>. Until then only tokens of the gateway are taken.</p>
            </Empty>
          }
        />
      </Card>
      {making && <Edit onClose={() => setMaking("")} />}
      {doing?.what === "edit" && <Edit issuer={doing.issuer} onClose={done} />}
      {doing?.what === "clients" && <Bind issuer={doing.issuer} onClose={done} />}
      {doing?.what === "remove" && <Remove issuer={doing.issuer} onClose={done} />}
    </>
  );
}

const lines = (text: string) => text.split(/\s+/).filter(Boolean);

/** A new issuer, or another address, audience or state of one. */
function Edit({ issuer, onClose }: { issuer?: Issuer; onClose: () => void }) {
  const before = issuer?.attributes;
  const [name, setName] = useState(before?.name ?? "");
  const [url, setUrl] = useState(before?.url ?? "");
  const [jwksUri, setJwksUri] = useState(before?.jwks_uri ?? "");
  const [audiences, setAudiences] = useState(before?.audiences.join("\n") ?? `${location.origin}/plugins/{slug}/*`);
  const [types, setTypes] = useState(before?.token_types.join(" ") ?? "at+jwt");
  const [active, setActive] = useState(before?.is_active ?? true);
  const [near, setNear] = useState(before?.allow_private ?? false);
  const [scopes, setScopes] = useState(before?.scopes.join(" ") ?? "");
  const [most, setMost] = useState(String(before?.create_apps ?? 0));
  const [owner, setOwner] = useState(before?.create_apps_owner ?? "");
  const certificates = isOfCertificates(url);
  const newcomers = Number(most) > 0 ? { create_apps: Number(most), create_apps_owner: owner } : { create_apps: 0 };
  const ofJwts = { ...newcomers, jwks_uri: jwksUri, audiences: lines(audiences), token_types: lines(types), allow_private: near };
  const body: Schemas["IssuerFields"] = { name, url, is_active: active, scopes: lines(scopes), ...(certificates ? { jwks_uri: "", audiences: [] } : ofJwts) };
  const path = issuer ? `${PATH}/${issuer.id}` : PATH;
  const method = issuer ? "PATCH" : "POST";
  const save = useAction(() => call(path, { method, body }), { done: issuer ? `${name} is changed.` : `${name} is trusted. Bind its clients to apps now.`, stale: [PATH], then: onClose });
  const wrong = save.error instanceof ApiError ? save.error.byField : {};
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void save.run();
  };
  const flags = [
    ...(certificates ? [] : lines(audiences).map((audience) => `--audience ${shellQuote(audience)}`)),
    ...lines(scopes).map((scope) => `--scope ${shellQuote(scope)}`),
    ...(!certificates && Number(most) > 0 ? [`--create-apps ${shellQuote(most)} --create-apps-owner ${shellQuote(owner)}`] : []),
  ].join(" ");
  const cli = issuer ? `sidegate issuer update ${shellQuote(before?.name ?? "")} --issuer-url ${shellQuote(url)} ${flags}` : `sidegate issuer add ${shellQuote(url || "https://id.example.com")} --name ${shellQuote(name || "corp")} ${flags}`;
  return (
    <Drawer
      title={issuer ? `Change ${before?.name}` : "Trust an issuer"}
      onClose={onClose}
      footer={<><CopyAs commands={{ cli, curl: adminCurl(method, path, body) }} /><Button onClick={onClose}>Cancel</Button><Button kind="primary" type="submit" form="edit-issuer" busy={save.busy}>{issuer ? "Save" : "Trust it"}</Button></>}
    >
      <form id="edit-issuer" className="stack" onSubmit={submit}>
        <TextField label="Name" required autoFocus value={name} problem={wrong.name} onChange={(event) => setName(event.target.value)} placeholder="corp" hint="Plugins name it so in their option issuers." />
        <TextField label="Address" required code value={url} problem={wrong.url} onChange={(event) => setUrl(event.target.value)} placeholder="https://id.example.com" hint="The iss of its JWTs, character by character; plugin:SLUG for a plugin here; or tls:NAME for clients that show a certificate." />
        {!certificates && <>
        <TextArea label="JWTs are for" required code rows={3} value={audiences} problem={wrong.audiences} onChange={(event) => setAudiences(event.target.value)} hint="One aud a line. {slug} stands for the slug of the plugin that is called; /* at the end for all below." />
        <TextField label="Keys" code value={jwksUri} problem={wrong.jwks_uri} onChange={(event) => setJwksUri(event.target.value)} hint="Empty: where its metadata say." />
        <TextField label="Types of tokens" code value={types} problem={wrong.token_types} onChange={(event) => setTypes(event.target.value)} hint="at+jwt, unless it says something else, as Keycloak does: JWT." />
        <CheckField label="It may be at a private address" checked={near} onChange={(event) => setNear(event.target.checked)} hint="Within your network or on this machine. Leave it off for issuers of the internet." />
        </>}
        {!certificates && <>
        <TextField label="Apps of new clients" type="number" min={0} max={1000} value={most} problem={wrong.create_apps} onChange={(event) => setMost(event.target.value)} hint="So many are made at most, each when a client that is bound to none first comes. 0: none. Not at a control plane." />
        {Number(most) > 0 && <TextField label="Their owner" type="email" required value={owner} problem={wrong.create_apps_owner} onChange={(event) => setOwner(event.target.value)} placeholder="ops@example.com" />}
        </>}
        <TextField label="Scopes" code value={scopes} problem={wrong.scopes} onChange={(event) => setScopes(event.target.value)} hint={certificates ? "Those that whoever shows a certificate has. Empty: none." : "Those that its JWTs may carry. Empty: all."} />
        <CheckField label={certificates ? "Certificates are taken" : "Its JWTs are taken"} checked={active} onChange={(event) => setActive(event.target.checked)} />
        <ErrorBox error={save.error} title={issuer ? "It was not changed" : "It is not trusted"} />
      </form>
    </Drawer>
  );
}

/** For which app each client speaks. */
function Bind({ issuer, onClose }: { issuer: Issuer; onClose: () => void }) {
  const { name } = issuer.attributes;
  const apps = useList("/api/v1/apps");
  const [clients, setClients] = useState(issuer.attributes.clients);
  const [client, setClient] = useState("");
  const [app, setApp] = useState("");
  const all = client && app ? { ...clients, [client]: app } : clients;
  // As a merge patch: a client that is left out goes.
  const gone = Object.keys(issuer.attributes.clients).filter((one) => !(one in all));
  const body = { clients: { ...all, ...Object.fromEntries(gone.map((one) => [one, null])) } };
  const path = `${PATH}/${issuer.id}`;
  const contentType = "application/merge-patch+json";
  const save = useAction(() => call(path, { method: "PATCH", body, contentType }), { done: `The clients of ${name} are bound.`, stale: [PATH], then: onClose });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void save.run();
  };
  const flags = Object.entries(all).map(([one, its]) => `--client ${shellQuote(`${one}=${its}`)}`).join(" ");
  return (
    <Drawer
      title={`Clients of ${name}`}
      onClose={onClose}
      footer={<><CopyAs commands={{ cli: `sidegate issuer update ${shellQuote(name)} ${flags}`, curl: adminCurl("PATCH", path, body) }} /><Button onClick={onClose}>Cancel</Button><Button kind="primary" type="submit" form="bind-clients" busy={save.busy}>Save</Button></>}
    >
      <form id="bind-clients" className="stack" onSubmit={submit}>
        {isOfCertificates(issuer.attributes.url)
          ? <p>A client is what its certificate says: <code>uri:…</code>, <code>dns:…</code>, or <code>sha256:…</code> and its fingerprint. One that is bound to no app is refused.</p>
          : <p>A client is what <code>client_id</code> or <code>azp</code> of a JWT says. One that is bound to no app is refused.</p>}
        {Object.entries(clients).map(([one, its]) => (
          <div key={one} className="row">
            <span className="grow"><code>{one}</code> speaks for <strong>{its}</strong></span>
            <Button small kind="danger" onClick={() => setClients(Object.fromEntries(Object.entries(clients).filter(([other]) => other !== one)))} aria-label={`Unbind ${one}`}>Unbind</Button>
          </div>
        ))}
        <TextField label="Client" code value={client} onChange={(event) => setClient(event.target.value)} placeholder="billing-service" />
        <SelectField label="App" value={app} onChange={(event) => setApp(event.target.value)}>
          <option value="">Choose one</option>
          {apps.data?.map((one) => <option key={one.id} value={one.attributes.name}>{one.attributes.name}</option>)}
        </SelectField>
        <ErrorBox error={save.error} title="They were not bound" />
      </form>
    </Drawer>
  );
}

function Remove({ issuer, onClose }: { issuer: Issuer; onClose: () => void }) {
  const path = `${PATH}/${issuer.id}`;
  const { name } = issuer.attributes;
  const remove = useAction(() => call(path, { method: "DELETE" }), { done: `${name} is trusted no more.`, stale: [PATH], then: onClose });
  return (
    <Confirm title={`Trust ${name} no more?`} action="Remove" danger busy={remove.busy} onConfirm={() => void remove.run()} onClose={onClose}>
      <div className="stack tight">
        <p>Its JWTs are refused from now on, and open streams of its clients end. It can be had back from the history.</p>
        <ErrorBox error={remove.error} title="It was not removed" />
        <div><CopyAs small commands={{ cli: `sidegate issuer remove ${shellQuote(name)}`, curl: adminCurl("DELETE", path) }} /></div>
      </div>
    </Confirm>
  );
}
