// One edge: where it is, what it serves by, what it does not take, and how to bar it.
import { useState } from "react";
import { useParams } from "@tanstack/react-router";
import { call, type Schemas } from "../../api/client";
import { useGet, useStandsAlone } from "../../api/hooks";
import { usePollInterval } from "../../api/live";
import { useCrumb } from "../../app/Breadcrumbs";
import { A, useGo } from "../../kit/A";
import { Badge, Button, Card, Facts, LinkButton, Note, PageHead, Skeleton, useTitle } from "../../kit/basics";
import { adminCurl, Code, CopyAs, shellQuote } from "../../kit/copy";
import { ErrorBox } from "../../kit/ErrorBox";
import { Confirm, Drawer, Menu } from "../../kit/overlay";
import { StateBadge } from "../../kit/StateBadge";
import { duration, Time } from "../../kit/Time";
import { useAction } from "../../kit/useAction";
import { useReason } from "../common/Gated";
import { type Edge, EdgeState, LastSeen, Position, rejectedOf, StandsAlone } from "./common";

export default function EdgeDetail() {
  const { id } = useParams({ strict: false }) as { id: string };
  const alone = useStandsAlone();
  const read = useGet("/api/v1/edges/{id}", { ids: { id }, refetchInterval: usePollInterval(5_000), enabled: alone === false });
  const edge = read.data?.data;
  useTitle(edge?.attributes.name ?? "Edge");
  useCrumb(edge?.attributes.name);
  if (alone) return <><h1>Edge</h1><Card><StandsAlone /></Card></>;
  if (read.error && !edge) return <><h1>Edge</h1><ErrorBox error={read.error} title="This edge cannot be shown" retry={() => void read.refetch()} /></>;
  if (!edge) return <><h1 className="sr-only">Edge</h1><Skeleton lines={6} height={20} /></>;
  return (
    <>
      <Head edge={edge} />
      <Troubles edge={edge} />
      <div className="grid-main">
        <div className="stack">
          <Positions edge={edge} />
          <Plugins edge={edge} />
        </div>
        <About edge={edge} />
      </div>
    </>
  );
}

type Doing = "revoke" | "delete" | "join" | null;

function Head({ edge }: { edge: Edge }) {
  const [doing, act] = useState<Doing>(null);
  const reason = useReason("admin");
  const { name, state } = edge.attributes;
  return (
    <>
      <PageHead title={name} badge={<><EdgeState edge={edge} /><Position edge={edge} /></>}>
        <CopyAs commands={{ cli: `sidegate edge show ${shellQuote(name)}`, curl: adminCurl("GET", `/api/v1/edges/${edge.id}`) }} />
        {state === "connected" && <LinkButton href={`/routes?node=${encodeURIComponent(name)}`}>Explain a request</LinkButton>}
        <Menu
          label="More"
          entries={[
            { text: "Another join token…", icon: "reload", disabled: reason, onSelect: () => act("join") },
            { text: "Revoke…", icon: "lock", danger: true, disabled: reason ?? (state === "revoked" && "It is revoked."), onSelect: () => act("revoke") },
            { text: "Delete…", icon: "trash", danger: true, disabled: reason, onSelect: () => act("delete") },
          ]}
        />
      </PageHead>
      {doing === "revoke" && <Bar edge={edge} what="revoke" onClose={() => act(null)} />}
      {doing === "delete" && <Bar edge={edge} what="delete" onClose={() => act(null)} />}
      {doing === "join" && <JoinToken edge={edge} onClose={() => act(null)} />}
    </>
  );
}

function Troubles({ edge }: { edge: Edge }) {
  const { state, last_seen_at, readiness, readiness_reasons } = edge.attributes;
  const rejected = rejectedOf(edge);
  return (
    <>
      {state === "offline" && (
        <Note tone="warn" title="It is not connected">
          Last seen <Time at={last_seen_at} />. It goes on serving what it had. Look at its <code>/ready</code> and its log; it connects again by itself.
        </Note>
      )}
      {rejected.length > 0 && (
        <Card title={<span className="row">Rejected <span className="count bad">{rejected.length}</span></span>}>
          <div className="stack">
            <p className="muted">The edge did not understand these, most often because it is older than this control plane. It keeps the last good version of each.</p>
            <ul className="stack tight">
              {rejected.map((object) => (
                <li key={`${object.namespace} ${object.object}`}>
                  <code>{object.object}</code> {object.keeps_last_good ? <Badge>keeps the last good one</Badge> : <Badge tone="bad" icon="error">not served</Badge>}
                  <p className="wrap-anywhere muted">{object.reason}</p>
                </li>
              ))}
            </ul>
          </div>
        </Card>
      )}
      {readiness_reasons.length > 0 && (
        <Note tone="warn" title={readiness === "not_ready" ? "It is not ready" : "It has not heard from this control plane for a while"}>{readiness_reasons.join("; ")}</Note>
      )}
    </>
  );
}

function Positions({ edge }: { edge: Edge }) {
  const { positions } = edge.attributes;
  return (
    <Card title="What it serves by" flush>
      {positions.length === 0 ? (
        <p className="muted" style={{ padding: 16 }}>Nothing yet: it has not joined.</p>
      ) : (
        <div className="table-scroll">
          <table className="table" aria-label="positions">
            <thead><tr><th scope="col">Namespace</th><th scope="col" className="num">Serves</th><th scope="col" className="num">Published</th><th scope="col">State</th></tr></thead>
            <tbody>
              {positions.map((position) => (
                <tr key={position.namespace}>
                  <td>{position.namespace || "global"}</td>
                  <td className="num">{position.revision === null ? "–" : <A className="link" href={`/changes/${position.revision}`}>{position.revision}</A>}</td>
                  <td className="num">{position.head_revision ?? "–"}</td>
                  <td>{position.is_current ? <Badge tone="good" icon="check">Current</Badge> : <Badge tone="warn" icon="warn">Behind</Badge>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

function Plugins({ edge }: { edge: Edge }) {
  const { plugins } = edge.attributes;
  return (
    <Card title="Plugins there" flush>
      {plugins.length === 0 ? (
        <p className="muted" style={{ padding: 16 }}>It runs none{edge.attributes.state === "waiting" ? " yet" : ""}.</p>
      ) : (
        <div className="table-scroll">
          <table className="table" aria-label="plugins of the edge">
            <thead><tr><th scope="col">Plugin</th><th scope="col">State</th><th scope="col">Why</th></tr></thead>
            <tbody>
              {plugins.map((plugin) => (
                <tr key={plugin.id}>
                  <td><A className="link" href={`/plugins/${plugin.id}`}>{plugin.name}</A></td>
                  <td><StateBadge state={plugin.state} /></td>
                  <td className="muted wrap-anywhere">{plugin.reason ?? ""}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

function About({ edge }: { edge: Edge }) {
  const { namespace, version, connected_since, joined_at, certificate_expires_at, created_at, replica, stale_for_seconds, revoked_at, readiness, client_url } = edge.attributes;
  return (
    <Card title="About">
      <Facts
        facts={[
          ["Namespace", namespace || <span className="muted">global only</span>],
          ["Version", version ?? "–"],
          ["Clients", client_url ? <code key="clients">{client_url}</code> : "–"],
          ["Connected", <Time key="since" at={connected_since} none="no" />],
          ...(replica ? [["By process", <code key="replica">{replica}</code>] as [string, React.ReactNode]] : []),
          ["Last seen", <LastSeen key="seen" edge={edge} />],
          ["Knowledge", readiness === "stale" && stale_for_seconds !== null ? `stale for ${duration(stale_for_seconds * 1000)}` : (readiness?.replace("_", " ") ?? "–")],
          ["Joined", <Time key="joined" at={joined_at} none="not yet" />],
          ["Certificate ends", <Time key="certificate" at={certificate_expires_at} none="none" />],
          ["Registered", <Time key="created" at={created_at} />],
          ...(revoked_at ? [["Revoked", <Time key="revoked" at={revoked_at} />] as [string, React.ReactNode]] : []),
        ]}
      />
    </Card>
  );
}

const TEXTS = {
  revoke: { title: "Revoke", done: "is barred.", says: "It is cut off at once, and the keys that it knew are replaced. What it has it goes on serving until it notices. Another join token lets it in again.", method: "POST", path: "/revoke" },
  delete: { title: "Delete", done: "is barred and forgotten.", says: "It is cut off at once and forgotten. To have it back, add it anew.", method: "DELETE", path: "" },
} as const;

function Bar({ edge, what, onClose }: { edge: Edge; what: "revoke" | "delete"; onClose: () => void }) {
  const { title, done, says, method, path } = TEXTS[what];
  const { name } = edge.attributes;
  const go = useGo();
  const url = `/api/v1/edges/${edge.id}${path}`;
  const bar = useAction(() => call(url, { method }), {
    done: `${name} ${done}`,
    stale: ["/api/v1/edges", "/api/v1/needs"],
    then: () => (what === "delete" ? go("/edges") : onClose()),
  });
  return (
    <Confirm title={`${title} ${name}?`} action={title} danger typed={name} busy={bar.busy} onConfirm={() => void bar.run()} onClose={onClose}>
      <div className="stack tight">
        <p>{says}</p>
        <ErrorBox error={bar.error} title="It was not done" />
        <div><CopyAs small commands={{ cli: `sidegate edge ${what} ${shellQuote(name)}`, curl: adminCurl(method, url) }} /></div>
      </div>
    </Confirm>
  );
}

function JoinToken({ edge, onClose }: { edge: Edge; onClose: () => void }) {
  const [command, setCommand] = useState<string | null>(null);
  const { name } = edge.attributes;
  const path = `/api/v1/edges/${edge.id}/join-token`;
  const make = useAction(
    async () => {
      const made = await call<{ data: { attributes: Schemas["EdgeAttributes"] } }>(path, { method: "POST", body: {} });
      setCommand(made.body.data.attributes.join_command ?? null);
    },
    { stale: ["/api/v1/edges"] },
  );
  return (
    <Drawer
      title={`Another join token for ${name}`}
      onClose={onClose}
      footer={command ? <Button kind="primary" onClick={onClose}>I have copied it</Button> : <><Button onClick={onClose}>Cancel</Button><Button kind="primary" busy={make.busy} onClick={() => void make.run()}>Make it</Button></>}
    >
      <div className="stack">
        {command ? (
          <>
            <Note tone="warn" title="Copy the command now.">It is not shown again, and works once.</Note>
            <Code text={command} label="Copy the command" />
          </>
        ) : (
          <>
            <p>A machine that starts with it becomes {name}. The certificate that {name} has now counts no more: where it still runs, it is cut off.</p>
            <CopyAs small commands={{ cli: `sidegate edge join-token ${shellQuote(name)}`, curl: adminCurl("POST", path, {}) }} />
          </>
        )}
        <ErrorBox error={make.error} title="No join token was made" />
      </div>
    </Drawer>
  );
}
