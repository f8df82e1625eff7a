// What happens right now: every request as it ends, with the filters in the address.
import { useMemo, useState } from "react";
import { useGet, useList, useMay } from "../../api/hooks";
import { A } from "../../kit/A";
import { Button, Card, Empty, Note, PageHead, Tabs, useTitle } from "../../kit/basics";
import { adminCurl, Code, CopyAs } from "../../kit/copy";
import { ErrorBox } from "../../kit/ErrorBox";
import { duration } from "../../kit/Time";
import { useUrlState } from "../../kit/url";
import { useClients } from "../common/clients";
import { useReason } from "../common/Gated";
import { curlOf, pathBelow } from "../plugins/calls";
import { EndedRows, RequestDrawer } from "./EndedRows";
import { type Ended, forgetSeen, KEPT, takes, useSeen } from "./seen";
import { type TailState, useTail } from "./tail";
import "./traffic.css";

export function TrafficTabs() {
  return <Tabs label="Traffic" tabs={[{ href: "/traffic", text: "Live tail" }, { href: "/traffic/requests", text: "In flight" }, { href: "/traffic/hour", text: "Last hour" }]} />;
}

const STATES: Record<TailState, [string, string]> = {
  connecting: ["off", "Connecting…"],
  live: ["on", "Live"],
  paused: ["", "Paused"],
  waiting: ["off", "Reconnecting…"],
  missing: ["", "Not there"],
  refused: ["off", "Refused"],
};

function useFilters() {
  const [plugin, setPlugin] = useUrlState("plugin");
  const [app, setApp] = useUrlState("app");
  const [status, setStatus] = useUrlState("status");
  const [prefix, setPrefix] = useUrlState("path_prefix");
  const [slow, setSlow] = useUrlState("min_duration_ms");
  const query = useMemo(() => ({ plugin, app, status, path_prefix: prefix, min_duration_ms: slow }), [plugin, app, status, prefix, slow]);
  const any = Object.values(query).some(Boolean);
  return { plugin, setPlugin, app, setApp, status, setStatus, prefix, setPrefix, slow, setSlow, query, any };
}

export default function Live() {
  useTitle("Traffic");
  const reason = useReason("operator");
  return (
    <>
      <PageHead title="Traffic" lead="Requests as they end, on all nodes, while this page is open. The gateway keeps none; what comes too fast to be shown is counted.">
        <CopyAs commands={{ curl: `${adminCurl("GET", "/api/v1/traffic").replace("curl ", "curl -N ")}` }} />
      </PageHead>
      <TrafficTabs />
      {reason ? <Note tone="info" title={reason}>Requests name clients and paths. In flight shows what is going on now; ask an admin for the role operator to see more.</Note> : <Tail />}
    </>
  );
}

function Tail() {
  const filters = useFilters();
  const [paused, pause] = useState(false);
  const tail = useTail(filters.query, paused);
  const seen = useSeen();
  const apps = useList("/api/v1/apps").data;
  const plugins = useList("/api/v1/plugins").data;
  const names = useMemo(() => new Map((apps ?? []).map((app) => [Number(app.id), app.attributes.name])), [apps]);
  const pluginNames = useMemo(() => new Map((plugins ?? []).map((plugin) => [plugin.id, plugin.attributes.name])), [plugins]);
  const rows = useMemo(() => seen.rows.filter((row) => takes(filters.query, row, pluginNames)), [seen.rows, filters.query, pluginNames]);
  const [open, setOpen] = useState<Ended | null>(null);
  if (tail.state === "missing") return <Note tone="info" title="This gateway tells no traffic">It is older than this page. Its access log has every request.</Note>;
  const [dot, text] = STATES[tail.state];
  return (
    <>
      <ErrorBox error={tail.error} title="The traffic cannot be followed" />
      <Card flush>
        <div className="table-tools">
          <FilterBar filters={filters} apps={names} plugins={pluginNames} />
          <span className="grow" />
          <span className={`live-dot ${dot}`} role="status">{text}</span>
          <Button small icon={paused ? "play" : "pause"} onClick={() => pause(!paused)}>{paused ? "Go on" : "Pause"}</Button>
          <Button small disabled={seen.rows.length === 0} onClick={() => { forgetSeen(); tail.clearDropped(); }}>Clear</Button>
        </div>
        <Figures rows={rows} dropped={tail.dropped} />
        {rows.length === 0 ? <Waiting filtered={filters.any} since={tail.state === "live" ? seen.since : null} /> : <EndedRows rows={rows} names={names} onOpen={setOpen} />}
        {rows.length > 0 && (
          <div className="table-foot">
            Seen here since {seen.since === null ? "a moment ago" : new Date(seen.since).toLocaleTimeString("en-GB")}{seen.rows.length >= KEPT ? `, the newest ${KEPT}` : ""}. What ended while this page was not open, or did not fit the filters, is not in it; <A className="link" href="/traffic/hour">the last hour</A> has the figures of all.
          </div>
        )}
      </Card>
      {open && <RequestDrawer request={open} app={open.app == null ? undefined : names.get(open.app)} onClose={() => setOpen(null)} />}
    </>
  );
}

function FilterBar({ filters, apps, plugins }: { filters: ReturnType<typeof useFilters>; apps: Map<number, string>; plugins: Map<string, string> }) {
  return (
    <>
      <select className="select" aria-label="Plugin" value={filters.plugin} onChange={(event) => filters.setPlugin(event.target.value)}>
        <option value="">Plugin: all</option>
        {[...plugins].map(([id, name]) => <option key={id} value={id}>{name}</option>)}
      </select>
      <select className="select" aria-label="Status" value={filters.status} onChange={(event) => filters.setStatus(event.target.value)}>
        <option value="">Status: all</option>
        {["2xx", "3xx", "4xx", "5xx", "401", "403", "404", "429", "503"].map((status) => <option key={status}>{status}</option>)}
      </select>
      <select className="select" aria-label="App" value={filters.app} onChange={(event) => filters.setApp(event.target.value)}>
        <option value="">App: all</option>
        {[...apps].map(([id, name]) => <option key={id} value={id}>{name}</option>)}
      </select>
      <select className="select" aria-label="Duration" value={filters.slow} onChange={(event) => filters.setSlow(event.target.value)}>
        <option value="">Duration: all</option>
        {[["100", "100 ms and more"], ["1000", "1 s and more"], ["5000", "5 s and more"]].map(([ms, text]) => <option key={ms} value={ms}>{text}</option>)}
      </select>
      <PrefixField value={filters.prefix} onChange={filters.setPrefix} />
    </>
  );
}

function PrefixField({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const [text, setText] = useState(value);
  return (
    <form className="prefix" onSubmit={(event) => { event.preventDefault(); onChange(text.trim()); }}>
      <input className="input code" aria-label="Path begins with" placeholder="/plugins/…" value={text} onChange={(event) => setText(event.target.value)} onBlur={() => onChange(text.trim())} />
    </form>
  );
}

function Figures({ rows, dropped }: { rows: Ended[]; dropped: number }) {
  if (rows.length === 0) return null;
  const failed = rows.filter((row) => row.status >= 500).length;
  const times = rows.map((row) => row.duration_ms).sort((a, b) => a - b);
  const at = (share: number) => duration(times[Math.min(times.length - 1, Math.floor(times.length * share))]);
  return (
    <dl className="figures">
      <div><dt>Shown</dt><dd>{rows.length.toLocaleString("en")}</dd></div>
      <div><dt>Server errors</dt><dd className={failed > 0 ? "bad" : undefined}>{failed} <span className="muted small">of these</span></dd></div>
      <div><dt>Half are faster than</dt><dd>{at(0.5)}</dd></div>
      <div><dt>95 % are faster than</dt><dd>{at(0.95)}</dd></div>
      {dropped > 0 && <div><dt>Not told</dt><dd title="More came than is told of a second, 100 that went well and 100 that failed; all are in the access log.">{dropped.toLocaleString("en")}</dd></div>}
    </dl>
  );
}

/** Nothing ended yet: what would be shown, and how to see something. */
/** `since` is when the tail that is live now was opened; without one nothing is said, for nobody looks. */
function Waiting({ filtered, since }: { filtered: boolean; since: number | null }) {
  return (
    <Empty icon="traffic" title={filtered ? "No such request yet" : "No request yet"}>
      <p>
        {filtered ? "Requests that fit the filters appear here when they end." : "Each request appears here when it ends."}
        {since !== null && ` Nothing ended since ${new Date(since).toLocaleTimeString("en-GB")}.`} The gateway keeps no list of requests that ended before: <A className="link" href="/traffic/hour">the last hour</A> has their figures, its access log each of them.
      </p>
      <p>A stream ends when its client goes; until then it is <A className="link" href="/traffic/requests">in flight</A>.</p>
      {!filtered && <FirstCall />}
    </Empty>
  );
}

/** A call to begin with: of an endpoint that needs no token, where there is one. */
function FirstCall() {
  const routes = useGet("/api/v1/routes").data?.data ?? [];
  const { origin, isOwn } = useClients();
  const mayTry = useMay("operator");
  const plain = (path: string) => !/[{}:]/.test(path);
  const calls = routes.filter((route) => route.attributes.methods.includes("GET") && plain(route.attributes.path));
  const route = calls.find((one) => !one.attributes.require_auth) ?? calls[0] ?? routes[0];
  if (!route) return <p>No plugin serves yet: <A className="link" href="/plugins/new">add one</A>, and call it.</p>;
  const { path, methods, plugin, plugin_id: id, require_auth: token, stream_response: stream } = route.attributes;
  const method = methods.includes("GET") ? "GET" : (methods[0] ?? "GET");
  return (
    <>
      <p>Make one from a terminal{mayTry && isOwn ? <>, or <A className="link" href={`/plugins/${id}/endpoints`}>try an endpoint of {plugin}</A> here</> : ""}:</p>
      <Code text={curlOf(origin, { method, path: pathBelow(path), token, stream })} label="Copy the call" />
    </>
  );
}
