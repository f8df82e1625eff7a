// How the plugin is doing: on which nodes, since when, and every process it had.
import { useMemo } from "react";
import type { Schemas } from "../../../api/client";
import { useGet, useStandsAlone } from "../../../api/hooks";
import { usePollInterval } from "../../../api/live";
import { A } from "../../../kit/A";
import { Card, Facts, Note, Skeleton } from "../../../kit/basics";
import { ErrorBox } from "../../../kit/ErrorBox";
import { Sparkline } from "../../../kit/Sparkline";
import { StateBadge } from "../../../kit/StateBadge";
import { bytes, Countdown, duration, exact, Time, useTick } from "../../../kit/Time";
import { coarse, latest, sum, useHistory } from "../data";
import type { TabProps } from "../Detail";

export default function OverviewTab({ plugin }: TabProps) {
  const { status, command, namespace, managed_by, created_at, updated_at, reloads } = plugin.attributes;
  const whole = useGet("/api/v1/plugins/{id}/status", { ids: { id: plugin.id }, refetchInterval: usePollInterval(5_000) });
  const alone = useStandsAlone();
  const instance = whole.data?.data.attributes.instance;
  return (
    <div className="stack">
      {status.warnings.map((warning) => <Note key={warning} tone="warn">{warning}</Note>)}
      <Figures id={plugin.id} inFlight={whole.data?.data.attributes.in_flight} />
      <div className="grid-main">
        <div className="stack">
          <Nodes nodes={status.nodes} />
          <Timeline id={plugin.id} />
        </div>
        <Card title="Facts">
          <Facts
            facts={[
              ["Program", <code key="c">{command}</code>],
              // Where there are no edges, nobody asks which of them get it.
              ...(namespace || alone === false ? [["Namespace", namespace || <span key="n" className="muted">global: every edge gets it</span>] as [string, React.ReactNode]] : []),
              ...(instance ? [["Program's SHA-256", <code key="s" title={instance.sha256 ?? undefined}>{instance.sha256 ? `${instance.sha256.slice(0, 16)}…` : "–"}</code>] as [string, React.ReactNode]] : []),
              ...(instance?.start_duration_ms != null ? [["Started in", duration(instance.start_duration_ms)] as [string, React.ReactNode]] : []),
              ["Restarts by itself", status.restarts],
              ["Reloads", reloads],
              ...(managed_by ? [["Looked after by", managed_by] as [string, React.ReactNode]] : []),
              ["Hooks", status.hooks.length ? status.hooks.join(", ") : <span key="h" className="muted">not known yet</span>],
              ["Registered", <Time key="r" at={created_at} />],
              ["Changed", <Time key="u" at={updated_at} />],
            ]}
          />
        </Card>
      </div>
    </div>
  );
}

function Figures({ id, inFlight }: { id: string; inFlight: number | undefined }) {
  const history = useHistory({ plugin: id, window: "1h" });
  if (!history.data) return null;
  const { series } = history.data.data.attributes;
  const failed = Math.round(sum(series.errors));
  const tiles: [string, string, (number | null)[], ("bad" | undefined)?][] = [
    ["Requests, last hour", Math.round(sum(series.requests)).toLocaleString("en"), coarse(series.requests, 60)],
    ["Failed, last hour", failed.toLocaleString("en"), coarse(series.errors, 60), failed > 0 ? "bad" : undefined],
    ["99 % answered within", duration(latest(series.p99_ms)), coarse(series.p99_ms, 60, "most")],
    ["Memory", bytes(latest(series.memory_bytes)), coarse(series.memory_bytes, 60, "most")],
  ];
  return (
    <div className="tiles" title={inFlight === undefined ? undefined : `${inFlight} in flight now`}>
      {tiles.map(([name, figure, values, tone]) => (
        <A key={name} className="card tile" href={`/plugins/${id}/metrics`}>
          <span className="name">{name}</span>
          <span className="figure">{figure}</span>
          <Sparkline values={values} width="100%" height={28} tone={tone} label={`${name}, its course`} />
        </A>
      ))}
    </div>
  );
}

function Nodes({ nodes }: { nodes: Schemas["NodeStatus"][] }) {
  return (
    <Card title={nodes.length > 1 ? `Instances on ${nodes.length} nodes` : "Instance"} flush>
      {nodes.length === 0 && <p className="muted" style={{ padding: 16 }}>No node runs it.</p>}
      {nodes.length > 0 && (
        <div className="table-scroll">
          <table className="table">
            <caption className="sr-only">How it is doing on each node</caption>
            <thead><tr><th scope="col">Node</th><th scope="col">State</th><th scope="col" className="num not-narrow">Process</th><th scope="col" className="num not-narrow">Restarts</th><th scope="col" className="not-narrow">Serves since</th></tr></thead>
            <tbody>
              {nodes.map((node) => (
                <tr key={node.node}>
                  <td>
                    <span className="wrap-anywhere">{node.node}</span>
                    {nodes.length > 1 && node.reason && node.state !== "ready" && <p className="small muted wrap-anywhere clamp three">{node.reason}</p>}
                    {node.next_start_in_ms !== null && node.next_start_in_ms !== undefined && <p className="small muted">starts again in <Countdown ms={node.next_start_in_ms} /></p>}
                  </td>
                  <td><StateBadge state={node.state} /></td>
                  <td className="num not-narrow"><code>{node.pid ?? "–"}</code></td>
                  <td className="num not-narrow">{node.restarts}</td>
                  <td className="not-narrow"><Time at={node.ready_since} none="–" /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

type Run = Schemas["RecordAttributes"];

function Timeline({ id }: { id: string }) {
  const records = useGet("/api/v1/plugins/{id}/records", { ids: { id }, query: { lines: 0 }, refetchInterval: usePollInterval(5_000) });
  const tick = useTick();
  const runs = useMemo(() => (records.data?.data ?? []).map((record) => record.attributes), [records.data]);
  const now = useMemo(() => Date.now(), [tick, runs]);
  if (records.error) return <Card title="Processes"><ErrorBox error={records.error} title="The processes could not be read" /></Card>;
  if (records.isPending) return <Card title="Processes"><Skeleton /></Card>;
  if (runs.length === 0) return <Card title="Processes"><p className="muted">It had no process yet.</p></Card>;
  const from = Math.min(...runs.map((run) => new Date(run.started_at).getTime()));
  const lanes = [...new Set(runs.map((run) => run.node))].sort();
  const failed = runs.filter((run) => run.in_order === false).length;
  return (
    <Card title="Processes" actions={failed > 0 ? <A className="link small" href={`/plugins/${id}/crashes`}>{failed} ended badly</A> : <span className="small muted">none ended badly</span>}>
      <div className="stack tight">
        <div className="timeline">
          {lanes.map((node) => (
            <div className="lane" key={node}>
              <span className="small truncate" title={node}>{node}</span>
              <Lane runs={runs.filter((run) => run.node === node)} from={from} to={now} />
            </div>
          ))}
          <div className="lane"><span /><div className="axis"><span><Time at={new Date(from).toISOString()} /></span><span>now</span></div></div>
        </div>
        <div className="legend"><span><i className="is-run" />runs</span><span><i className="is-ended" />ran before</span><span><i className="is-failed" />ended badly</span></div>
      </div>
    </Card>
  );
}

function Lane({ runs, from, to }: { runs: Run[]; from: number; to: number }) {
  const x = (at: number) => ((at - from) / Math.max(1, to - from)) * 1000;
  return (
    <svg viewBox="0 0 1000 18" height="18" preserveAspectRatio="none" role="img" aria-label={`${runs.length} processes, ${runs.filter((run) => run.in_order === false).length} of them ended badly`}>
      <rect x="0" y="8" width="1000" height="2" fill="var(--line)" />
      {[...runs].reverse().map((run) => {
        const start = x(new Date(run.started_at).getTime());
        const end = x(run.ended_at ? new Date(run.ended_at).getTime() : to);
        const bad = run.in_order === false && !run.running;
        const title = `process ${run.pid ?? "–"}, started ${exact(new Date(run.started_at))}${run.ended_at ? `, ended ${exact(new Date(run.ended_at))}` : ", runs"}${run.reason ? `\n${run.reason}` : ""}`;
        return (
          <g key={`${run.started_at} ${run.pid}`}>
            <title>{title}</title>
            <rect className={run.running ? "run" : "run ended"} x={start} y={5} width={Math.max(bad ? 0 : 4, end - start)} height={8} />
            {bad && <rect className="run failed" x={Math.max(0, end - 5)} y={0} width={5} height={18} rx="1" />}
          </g>
        );
      })}
    </svg>
  );
}
