// The plugin's course over the last hours, from what every node keeps in memory.
import { Empty, Note, Segmented, Skeleton } from "../../../kit/basics";
import { Chart } from "../../../kit/Chart";
import { adminCurl, CopyAs } from "../../../kit/copy";
import { ErrorBox } from "../../../kit/ErrorBox";
import { bytes, duration } from "../../../kit/Time";
import { useUrlState } from "../../../kit/url";
import { useHistory } from "../data";
import type { TabProps } from "../Detail";

const count = (value: number) => (value >= 10 || Number.isInteger(value) ? Math.round(value).toLocaleString("en") : value.toFixed(1));
const rate = (value: number) => `${value >= 10 || value === 0 ? Math.round(value).toLocaleString("en") : value.toFixed(2)} /s`;

export default function MetricsTab({ plugin }: TabProps) {
  const [window, setWindow] = useUrlState("window", "1h");
  const history = useHistory({ plugin: plugin.id, window });
  if (history.error && !history.data) return <ErrorBox error={history.error} title="The figures could not be read" retry={() => void history.refetch()} />;
  if (history.data === undefined) return <Skeleton lines={8} height={24} />;
  if (history.data === null) {
    return (
      <section className="card" aria-label="Metrics">
        <Empty icon="traffic" title="This gateway keeps no figures"><p>They are at <code>/metrics</code>, for Prometheus.</p></Empty>
      </section>
    );
  }
  const { step_ms: step, from_ms: from, series, nodes = [] } = history.data.data.attributes;
  const perSecond = (values: (number | null)[]) => values.map((value) => (value === null ? null : value / (step / 1000)));
  const silent = nodes.filter((node) => !node.answered);
  return (
    <div className="stack">
      <div className="row wrap between">
        <Segmented label="How far back" value={window} options={[["1h", "1 hour"], ["6h", "6 hours"], ["24h", "24 hours"]]} onChange={setWindow} />
        <span className="row">
          <span className="small muted">In steps of {duration(step)}; kept in memory, gone with the gateway's process</span>
          <CopyAs small commands={{ curl: adminCurl("GET", `/api/v1/metrics/history?plugin=${plugin.id}&window=${window}`) }} />
        </span>
      </div>
      {silent.length > 0 && <Note tone="warn" title="Some nodes did not answer; their part is missing.">{silent.map((node) => `${node.name}: ${node.why ?? "no answer"}`).join("; ")}</Note>}
      <div className="chart-grid">
        <Chart title="Requests" from={from} step={step} format={rate} series={[{ name: "requests", values: perSecond(series.requests), color: "accent" }, { name: "failed", values: perSecond(series.errors), color: "bad" }]} />
        <Chart title="Time to answer" from={from} step={step} format={duration} series={[{ name: "half", values: series.p50_ms, color: "good" }, { name: "90 %", values: series.p90_ms, color: "accent" }, { name: "99 %", values: series.p99_ms, color: "warn" }]} />
        <Chart title="In flight" unit="whole" from={from} step={step} format={count} series={[{ name: "open requests", values: series.in_flight, color: "accent" }]} />
        <Chart title="Memory" unit="bytes" from={from} step={step} format={bytes} series={[{ name: "resident", values: series.memory_bytes, color: "accent" }]} />
        <Chart title="Processor" from={from} step={step} format={(value) => `${value.toFixed(value < 10 ? 1 : 0)} %`} series={[{ name: "of one core", values: series.cpu_percent, color: "accent" }]} />
      </div>
    </div>
  );
}
