// The first page: what waits for somebody, how much there is to do, what changed.
import type { ReactNode } from "react";
import { useGet, useMay, useOptional } from "../api/hooks";
import { usePollInterval } from "../api/live";
import { A } from "../kit/A";
import { Card, Empty, LinkButton, PageHead, Skeleton, useTitle } from "../kit/basics";
import { Code, CopyAs } from "../kit/copy";
import { ErrorBox } from "../kit/ErrorBox";
import { Icon, type IconName } from "../kit/Icon";
import { Sentence } from "../kit/Sentence";
import { Sparkline } from "../kit/Sparkline";
import { duration, Time } from "../kit/Time";
import { BADNESS, coarse, type History, latest, Matter, type Plugin, PluginState, stateOf, sum, useHistory, usePlugins } from "./plugins/data";
import { did } from "./changes/words";

type Urgency = "now" | "soon" | "decision";
export type Need = { kind: string; urgency?: Urgency; thing: { type: string; id: string; name: string }; since: string | null; text: string; action: string; command?: string | null };
type NeedItem = { id?: string; attributes: Need } | Need;

export default function Overview() {
  useTitle("Overview");
  const plugins = usePlugins();
  const history = useHistory({ window: "1h", each_plugin: true });
  const admin = useMay("admin");
  if (plugins.data?.length === 0) return <FirstRun admin={admin} />;
  return (
    <>
      <PageHead title="Overview" lead={plugins.data && <Verdict plugins={plugins.data} />}>
        {admin && <LinkButton href="/plugins/new" icon="plus">Add a plugin</LinkButton>}
      </PageHead>
      <ErrorBox error={plugins.error} title="The plugins could not be read" retry={() => void plugins.refetch()} />
      <Needs />
      {history.data && <Tiles history={history.data} />}
      <div className="grid-main">
        <PluginStates plugins={plugins.data} history={history.data} />
        <RecentChanges />
      </div>
    </>
  );
}

function Verdict({ plugins }: { plugins: Plugin[] }) {
  const wanted = plugins.filter((plugin) => plugin.attributes.is_active);
  const ready = wanted.filter((plugin) => stateOf(plugin) === "ready").length;
  if (wanted.length === 0) return <>No plugin is active.</>;
  if (ready === wanted.length) return wanted.length === 1 ? <>The one active plugin serves.</> : <>All {wanted.length} active plugins serve.</>;
  return <>{ready} of {wanted.length} active plugins serve; <A className="link" href="/plugins">look at the others</A>.</>;
}

const ICONS: Record<Urgency, IconName> = { now: "error", soon: "warn", decision: "info" };
const WHERE: Record<string, (id: string, kind: string) => string | undefined> = {
  plugin: (id, kind) => {
    const tabs: Record<string, string> = { scopes_wished: "/permissions", public_endpoint_waits: "/permissions", plugin_invalid_config: "/configuration", issuer_incomplete: "/configuration", plugin_parked: "/crashes", plugin_failing: "/crashes" };
    return `/plugins/${id}${tabs[kind] ?? ""}`;
  },
  token: () => "/apps/tokens",
  edge: (id) => `/edges/${id}`,
  "admin-token": () => "/settings/admin-tokens",
  admin_token: () => "/settings/admin-tokens",
  issuer: () => "/apps/issuers",
};

function Needs() {
  const needs = useOptional<{ data: NeedItem[] }>("/api/v1/needs", { refetchInterval: usePollInterval(10_000) });
  if (needs.data === null) return null;
  if (needs.error) return <ErrorBox error={needs.error} title="What waits for you could not be read" retry={() => void needs.refetch()} />;
  if (!needs.data) return <Card title="Needs you"><Skeleton lines={2} /></Card>;
  const list = needs.data.data.map((item) => ("attributes" in item ? item.attributes : item));
  if (list.length === 0) {
    return (
      <section className="card all-well" aria-label="Needs you">
        <Icon name="check" size={18} />
        <span>Nothing waits for you: no plugin is down, nothing expires soon, nothing is to be approved.</span>
      </section>
    );
  }
  return (
    <Card title={`Needs you (${list.length})`} flush>
      <ul className="needs">
        {list.map((need) => {
          const urgency = need.urgency ?? "decision";
          const href = WHERE[need.thing.type]?.(need.thing.id, need.kind);
          return (
            <li key={`${need.kind} ${need.thing.type} ${need.thing.id}`} className={urgency}>
              <Icon name={ICONS[urgency]} />
              <div className="wrap-anywhere">
                <p className="what">{href ? <A className="link" href={href}>{need.thing.name}</A> : need.thing.name}<span className="sr-only">, {urgency}</span></p>
                <p className="clamp three"><Sentence text={need.text} /></p>
                <p className="muted small"><Sentence text={need.action} /></p>
              </div>
              <div className="need-side">
                <span className="since">{need.since && <Time at={need.since} />}</span>
                {need.command && <CopyAs small commands={{ cli: need.command }} />}
              </div>
            </li>
          );
        })}
      </ul>
    </Card>
  );
}

function Tile({ name, figure, unit, values, tone, href }: { name: string; figure: string; unit?: string; values: (number | null)[]; tone?: "bad"; href: string }) {
  return (
    <A className="card tile" href={href}>
      <span className="name">{name}</span>
      <span className="figure">{figure} {unit && <small>{unit}</small>}</span>
      <Sparkline values={values} width="100%" height={30} tone={tone} label={`${name} over the last hour`} />
    </A>
  );
}

function Tiles({ history }: { history: History }) {
  const { series, step_ms } = history.data.attributes;
  const lastMinutes = Math.max(1, Math.round(300_000 / step_ms));
  const recent = (values: (number | null)[]) => sum(values.slice(-lastMinutes));
  const perSecond = recent(series.requests) / 300;
  const all = sum(series.requests);
  const failed = sum(series.errors);
  const p99 = latest(series.p99_ms);
  const link = "/traffic/hour";
  return (
    <div className="tiles">
      <Tile name="Requests, last 5 minutes" figure={perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond).toLocaleString("en")} unit="/s" values={coarse(series.requests, 60)} href={link} />
      <Tile name="Failed, last hour" figure={Math.round(failed).toLocaleString("en")} unit={all > 0 ? `${((failed / all) * 100).toFixed(failed > 0 && failed / all < 0.001 ? 3 : 1)} %` : undefined} values={coarse(series.errors, 60)} tone={failed > 0 ? "bad" : undefined} href={link} />
      <Tile name="99 % answered within" figure={duration(p99)} values={coarse(series.p99_ms, 60, "most")} href={link} />
      <Tile name="In flight" figure={Math.round(latest(series.in_flight) ?? 0).toLocaleString("en")} values={coarse(series.in_flight, 60, "most")} href="/traffic/requests" />
    </div>
  );
}

function PluginStates({ plugins, history }: { plugins: Plugin[] | undefined; history: History | null | undefined }) {
  const series = new Map((history?.data.attributes.plugins ?? []).map((entry) => [String(entry.id), entry.series]));
  const sorted = [...(plugins ?? [])].sort((left, right) => (BADNESS[stateOf(left)] ?? 3) - (BADNESS[stateOf(right)] ?? 3) || left.attributes.name.localeCompare(right.attributes.name));
  const shown = sorted.slice(0, 12);
  let body: ReactNode = <div style={{ padding: 16 }}><Skeleton lines={4} height={22} /></div>;
  if (plugins) {
    body = (
      <div className="table-scroll">
        <table className="table">
          <caption className="sr-only">Plugins, those that do not serve first</caption>
          <thead><tr><th scope="col">Plugin</th><th scope="col">State</th>{history && <th scope="col" className="num not-narrow">Last hour</th>}<th scope="col" className="not-narrow">Since</th></tr></thead>
          <tbody>
            {shown.map((plugin) => (
              <tr key={plugin.id}>
                <td>
                  <A className="row-link" href={`/plugins/${plugin.id}`}>{plugin.attributes.name}</A>
                  {plugin.attributes.is_active && <Matter plugin={plugin} />}
                </td>
                <td><PluginState plugin={plugin} /></td>
                {history && (
                  <td className="num not-narrow">
                    <span className="row end">
                      <Sparkline values={coarse(series.get(plugin.id)?.requests ?? [])} width={90} height={20} label={`Requests of ${plugin.attributes.name} over the last hour`} />
                      <span style={{ minWidth: 44 }}>{Math.round(sum(series.get(plugin.id)?.requests ?? [])).toLocaleString("en")}</span>
                    </span>
                  </td>
                )}
                <td className="not-narrow"><Time at={plugin.attributes.status.ready_since} none="–" /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    );
  }
  return (
    <Card title="Plugins" flush actions={sorted.length > shown.length ? <A className="link small" href="/plugins">All {sorted.length}</A> : undefined}>
      {body}
    </Card>
  );
}

function RecentChanges() {
  const revisions = useGet("/api/v1/revisions", { query: { limit: 8 } });
  return (
    <Card title="Recent changes" flush actions={<A className="link small" href="/changes">All changes</A>}>
      <ErrorBox error={revisions.error} />
      {revisions.isPending && <div style={{ padding: 16 }}><Skeleton lines={4} /></div>}
      {revisions.data?.data.length === 0 && <p className="muted" style={{ padding: 16 }}>Nothing was changed yet.</p>}
      <ul className="feed">
        {revisions.data?.data.map((revision) => {
          const { author, operation, rolled_back_to: to, changes, total_changes, at } = revision.attributes;
          const some = changes.slice(0, 2).map((change) => `${change.type.replaceAll("-", " ")} ${change.name || change.id}`).join(", ");
          const things = `${some}${total_changes > 2 ? ` and ${total_changes - 2} more` : ""}`;
          return (
            <li key={revision.id}>
              <p className="wrap-anywhere"><strong style={{ fontWeight: 500 }}>{author}</strong> <A href={`/changes/${revision.id}`}>{did(operation, things, to)}</A></p>
              <p className="small muted"><Time at={at} /> · revision {revision.id}</p>
            </li>
          );
        })}
      </ul>
    </Card>
  );
}

function FirstRun({ admin }: { admin: boolean }) {
  return (
    <>
      <PageHead title="Overview" lead="The gateway runs and serves nothing yet." />
      <section className="card" aria-label="First steps">
        <Empty icon="plugins" title="Add your first plugin" action={admin && <LinkButton href="/plugins/new" kind="primary" icon="plus">Add a plugin</LinkButton>}>
          <p>Name a program on the gateway's machine. The gateway starts it once, shows what it offers and what it asks for, and serves it when you say so.</p>
          <Code text="sidegate plugin add --name hello --slug hello --command file:///path/to/hello" />
        </Empty>
      </section>
    </>
  );
}
