// The last hour in figures: what was asked, what failed, and of which plugin. Every node keeps them in memory.
import { useMemo, useState } from "react";
import { useList } from "../../api/hooks";
import { A } from "../../kit/A";
import { Card, Empty, Note, PageHead, Skeleton, useTitle } from "../../kit/basics";
import { Chart } from "../../kit/Chart";
import { adminCurl, CopyAs } from "../../kit/copy";
import { ErrorBox } from "../../kit/ErrorBox";
import { Sparkline } from "../../kit/Sparkline";
import { type Column, Table } from "../../kit/Table";
import { duration } from "../../kit/Time";
import { useReason } from "../common/Gated";
import { coarse, type History, type Series, sum, useHistory } from "../plugins/data";
import { EndedRows, RequestDrawer } from "./EndedRows";
import { TrafficTabs } from "./Live";
import { type Ended, useSeen } from "./seen";
import "./traffic.css";

type Line = { id: string | null; name: string; requests: number; failed: number; failures: (number | null)[]; slowest: number | null };

const HOUR_MS = 3_600_000;
const whole = (count: number) => Math.round(count).toLocaleString("en");
const percent = (part: number, all: number) => (all === 0 ? "–" : `${((part / all) * 100).toFixed(part > 0 && part / all < 0.001 ? 3 : 1)} %`);

function most(values: (number | null)[]): number | null {
  const known = values.filter((value): value is number => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}

function lineOf(id: string | null, name: string, series: Series): Line {
  return { id, name, requests: sum(series.requests), failed: sum(series.errors), failures: coarse(series.errors), slowest: most(series.p99_ms) };
}

/** One for each plugin, and one for what went to none. */
function linesOf({ data }: History): Line[] {
  const { series, plugins = [] } = data.attributes;
  const lines = plugins.map((plugin) => lineOf(plugin.id === null ? null : String(plugin.id), plugin.name, plugin.series));
  const rest = (all: (number | null)[], of: (series: Series) => (number | null)[]) => all.map((value, at) => (value === null ? null : Math.max(0, value - sum(plugins.map((plugin) => of(plugin.series)[at] ?? null)))));
  const requests = rest(series.requests, (own) => own.requests);
  const failures = rest(series.errors, (own) => own.errors);
  if (sum(requests) > 0) lines.push({ id: null, name: "no plugin", requests: sum(requests), failed: sum(failures), failures: coarse(failures), slowest: null });
  return lines.filter((line) => line.requests > 0);
}

const COLUMNS: Column<Line>[] = [
  { key: "name", header: "Plugin", sort: (line) => line.name, cell: (line) => (line.id === null ? <span className="muted">{line.name}</span> : <A className="row-link" href={`/plugins/${line.id}/metrics`}>{line.name}</A>) },
  { key: "failed", header: "Failed", numeric: true, sort: (line) => line.failed, cell: (line) => <span className={line.failed > 0 ? "bad-text" : undefined}>{whole(line.failed)}</span> },
  { key: "share", header: "Of all", numeric: true, sort: (line) => line.failed / line.requests, cell: (line) => percent(line.failed, line.requests) },
  { key: "when", header: "When they failed", hide: "narrow", cell: (line) => (line.failed > 0 ? <Sparkline values={line.failures} width={160} height={22} tone="bad" label={`When requests of ${line.name} failed`} /> : <span className="muted">–</span>) },
  { key: "requests", header: "Requests", numeric: true, sort: (line) => line.requests, cell: (line) => whole(line.requests) },
  { key: "slowest", header: "99 % within, at worst", numeric: true, hide: "narrow", sort: (line) => line.slowest, cell: (line) => duration(line.slowest) },
];

export default function LastHour() {
  useTitle("Last hour");
  const history = useHistory({ window: "1h", each_plugin: true });
  const told = history.data?.data.attributes;
  const silent = (told?.nodes ?? []).filter((node) => !node.answered);
  return (
    <>
      <PageHead title="Last hour" lead="How many requests there were, how many failed with a status of 500 or more, and whose they were. Kept in memory, gone with the gateway's process.">
        <CopyAs commands={{ curl: adminCurl("GET", "/api/v1/metrics/history?window=1h&each_plugin=true") }} />
      </PageHead>
      <TrafficTabs />
      {silent.length > 0 && <Note tone="warn" title="Some nodes did not answer; their part is missing.">{silent.map((node) => `${node.name}: ${node.why ?? "no answer"}`).join("; ")}</Note>}
      {history.error && !history.data ? (
        <ErrorBox error={history.error} title="The figures could not be read" retry={() => void history.refetch()} />
      ) : history.data === undefined ? (
        <Skeleton lines={8} height={24} />
      ) : history.data === null ? (
        <Note tone="info" title="This gateway keeps no figures">They are at <code>/metrics</code>, for Prometheus.</Note>
      ) : (
        <Figures history={history.data} />
      )}
      <FailedHere />
    </>
  );
}

function Figures({ history }: { history: History }) {
  const { step_ms: step, from_ms: from, series } = history.data.attributes;
  const lines = useMemo(() => linesOf(history), [history]);
  const rate = (value: number) => `${value >= 10 || value === 0 ? whole(value) : value.toFixed(2)} /s`;
  const perSecond = series.requests.map((value) => (value === null ? null : value / (step / 1000)));
  return (
    <>
      <Card title="By plugin" flush>
        <Table
          name="plugins"
          rows={lines}
          columns={COLUMNS}
          rowKey={(line) => `${line.id} ${line.name}`}
          sort="-failed"
          empty={<Empty icon="traffic" title="No request in the last hour"><p>Call a plugin: it is counted here within seconds.</p></Empty>}
        />
      </Card>
      <div className="chart-grid">
        <Chart title="Requests" from={from} step={step} format={rate} series={[{ name: "requests", values: perSecond, color: "accent" }]} />
        <Chart title={`Failed, each ${duration(step)}`} unit="whole" from={from} step={step} format={whole} series={[{ name: "failed", values: series.errors, color: "bad" }]} />
      </div>
    </>
  );
}

/** Failures one by one: those that this page saw, and where the others are. */
function FailedHere() {
  const reason = useReason("operator");
  const { rows, since } = useSeen();
  const apps = useList("/api/v1/apps").data;
  const names = useMemo(() => new Map((apps ?? []).map((app) => [Number(app.id), app.attributes.name])), [apps]);
  const [open, setOpen] = useState<Ended | null>(null);
  if (reason) return null;
  const failed = rows.filter((row) => row.status >= 500 && Date.parse(row.at) > Date.now() - HOUR_MS);
  return (
    <Card title="Failed requests that this page saw" flush>
      {failed.length > 0 && <EndedRows rows={failed} names={names} onOpen={setOpen} />}
      <div className="table-foot">
        {failed.length > 0
          ? "Only while the live tail was open."
          : since === null
            ? "The live tail was not open yet, and the gateway keeps no request that has ended."
            : "None while the live tail was open; the gateway keeps no request that has ended."}{" "}
        <A className="link" href="/traffic?status=5xx">Watch for failures from now on</A>. Each failure is a line of the gateway's access log, with its status and the code of its error; why processes of a plugin ended stands at its <em>Crashes</em>.
      </div>
      {open && <RequestDrawer request={open} app={open.app == null ? undefined : names.get(open.app)} onClose={() => setOpen(null)} />}
    </Card>
  );
}
