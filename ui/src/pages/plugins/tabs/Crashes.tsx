// Every process that did not end in order: why, with what signal, and what it printed last.
import { useState } from "react";
import type { Schemas } from "../../../api/client";
import { useGet, useMay } from "../../../api/hooks";
import { usePollInterval } from "../../../api/live";
import { Badge, Card, Empty, Facts, Note, Segmented } from "../../../kit/basics";
import { Code, CopyAs, shellQuote } from "../../../kit/copy";
import { Drawer } from "../../../kit/overlay";
import { Sentence } from "../../../kit/Sentence";
import { type Column, Table } from "../../../kit/Table";
import { duration, exact, Time } from "../../../kit/Time";
import type { TabProps } from "../Detail";

type Run = Schemas["RecordAttributes"];
const asText = (lines: Run["lines"]) => (lines ?? []).map((line) => `${line.at.slice(11, 23)} ${line.stream} ${line.message}`).join("\n");

function ending(run: Run): string {
  if (run.running) return "runs";
  if (run.signal !== null && run.signal !== undefined) return run.signal_name ?? `signal ${run.signal}`;
  if (run.exit_code !== null && run.exit_code !== undefined) return `exit code ${run.exit_code}`;
  return run.in_order ? "in order" : "not started";
}

export default function CrashesTab({ plugin }: TabProps) {
  const operator = useMay("operator");
  const [which, setWhich] = useState<"failed" | "all">("failed");
  const [open, setOpen] = useState<Run | null>(null);
  const records = useGet("/api/v1/plugins/{id}/records", { ids: { id: plugin.id }, query: { lines: operator ? 200 : 0 }, refetchInterval: usePollInterval(10_000) });
  const all = records.data?.data.map((record) => record.attributes);
  const rows = which === "failed" ? all?.filter((run) => run.in_order === false) : all;
  const columns: Column<Run>[] = [
    { key: "at", header: "When", width: 130, sort: (run) => run.ended_at ?? run.started_at, cell: (run) => <Time at={run.ended_at ?? run.started_at} /> },
    { key: "reason", header: "Why", cell: (run) => <span className="wrap-anywhere clamp">{run.reason ?? (run.running ? "runs" : "–")}</span> },
    { key: "end", header: "How", hide: "narrow", width: 150, cell: (run) => (run.running ? <Badge tone="good">runs</Badge> : run.in_order ? <Badge>{ending(run)}</Badge> : <Badge tone="bad" icon="error">{ending(run)}</Badge>) },
    { key: "uptime", header: "Ran for", numeric: true, hide: "narrow", width: 110, sort: (run) => run.uptime_ms, cell: (run) => duration(run.uptime_ms) },
    { key: "lost", header: "Requests lost", numeric: true, hide: "medium", width: 120, sort: (run) => run.in_flight, cell: (run) => run.in_flight ?? 0 },
    { key: "node", header: "Node", hide: "medium", cell: (run) => run.node },
    { key: "pid", header: "Process", numeric: true, hide: "medium", width: 90, cell: (run) => <code>{run.pid ?? "–"}</code> },
  ];
  return (
    <section className="card" aria-label="Crashes">
      <Table
        name={which === "failed" ? "crashes" : "processes"}
        rows={rows}
        error={records.error}
        retry={() => void records.refetch()}
        columns={columns}
        sort="-at"
        rowKey={(run) => `${run.node} ${run.started_at} ${run.pid}`}
        onOpen={setOpen}
        tools={<Segmented label="Which processes" value={which} options={[["failed", "Ended badly"], ["all", "All processes"]]} onChange={setWhich} />}
        empty={
          <Empty icon="check" title={which === "failed" ? "No process of it ended badly" : "It had no process yet"} action={<Segmented label="Which processes" value={which} options={[["failed", "Ended badly"], ["all", "All processes"]]} onChange={setWhich} />}>
            <p>When one does, its last lines, signal and open requests are kept here.</p>
          </Empty>
        }
      />
      {open && <RunDrawer run={open} name={plugin.attributes.name} operator={operator} onClose={() => setOpen(null)} />}
    </section>
  );
}

function RunDrawer({ run, name, operator, onClose }: { run: Run; name: string; operator: boolean; onClose: () => void }) {
  return (
    <Drawer title={`Process ${run.pid ?? "that could not be made"}`} onClose={onClose} footer={<CopyAs commands={{ cli: `sidegate plugin logs ${shellQuote(name)}` }} />}>
      <div className="stack">
        {run.reason && <Note tone={run.in_order ? "info" : "bad"} title={<Sentence text={ending(run)} />}><Sentence text={run.reason} /></Note>}
        {run.out_of_memory && <Note tone="bad" title="Memory ran out">{run.out_of_memory}</Note>}
        <Facts
          facts={[
            ["Node", run.node],
            ["Started", <>{exact(new Date(run.started_at))} (<Time at={run.started_at} />)</>],
            ["Served after", run.ready_at ? duration(run.start_duration_ms) : <span className="muted">it never served</span>],
            ["Ended", run.ended_at ? <>{exact(new Date(run.ended_at))} (<Time at={run.ended_at} />)</> : "it runs"],
            ["Ran for", duration(run.uptime_ms)],
            ["Requests that broke off", run.in_flight ?? 0],
            ["Program's SHA-256", run.sha256 ? <code className="wrap-anywhere">{run.sha256}</code> : "–"],
          ]}
        />
        <Card title="Last lines">
          {!operator && <p className="muted">What plugins print is for operators and admins.</p>}
          {operator && (run.lines?.length ?? 0) === 0 && <p className="muted">It printed nothing.</p>}
          {operator && (run.lines?.length ?? 0) > 0 && <Code long text={asText(run.lines)} label="Copy the lines" />}
        </Card>
      </div>
    </Drawer>
  );
}
