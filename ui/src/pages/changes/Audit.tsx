// Who did what, and who was refused.
import { type Schemas, withQuery } from "../../api/client";
import { A } from "../../kit/A";
import { Badge, Card, Empty, PageHead, useTitle } from "../../kit/basics";
import { adminCurl, CopyAs } from "../../kit/copy";
import { type Column, Table } from "../../kit/Table";
import { useUrlState } from "../../kit/url";
import { ChangesTabs, Older, ThingLink, useCursor, When } from "./common";
import { useNarrowing } from "./Narrowing";
import { happened, wanted } from "./words";
import "./changes.css";

type Entry = { id: string; attributes: Schemas["AuditAttributes"] };

const COLUMNS: Column<Entry>[] = [
  { key: "when", header: "When", cell: (entry) => <When at={entry.attributes.at} /> },
  { key: "who", header: "Who", hide: "narrow", cell: ({ attributes: { actor, peer } }) => <span>{actor ?? <span className="muted">nobody known</span>}{peer && <div className="small muted">{peer}</div>}</span> },
  {
    key: "what",
    header: "What",
    cell: ({ attributes: { operation, outcome, thing, detail, times, actor } }) => (
      <span>
        <span title={operation}>{outcome === "done" ? happened(operation) : wanted(operation)}</span>
        {times > 1 && <span className="small muted"> × {times.toLocaleString("en")}</span>}
        {thing && <div className="small"><ThingLink thing={thing} gone={operation.startsWith("delete") || operation.startsWith("revoke")} /></div>}
        {detail && <div className="small muted wrap-anywhere">{detail}</div>}
        <div className="small muted audit-who">by {actor ?? "nobody known"}</div>
      </span>
    ),
  },
  {
    key: "outcome",
    header: "Outcome",
    cell: ({ attributes: { outcome } }) => (outcome === "done" ? <Badge tone="good" icon="check">Done</Badge> : <Badge tone="bad" icon="error">Refused</Badge>),
  },
  { key: "fields", header: "Fields", hide: "medium", cell: ({ attributes: { fields } }) => <span className="small muted audit-fields wrap-anywhere">{fields.join(", ")}</span> },
  { key: "revision", header: "Revision", numeric: true, hide: "narrow", cell: ({ attributes: { revision } }) => (revision === null ? "–" : <A className="link" href={`/changes/${revision}`}>{revision}</A>) },
];

const KINDS = ["plugin", "app", "issuer", "token", "admin-token", "user", "edge", "namespace", "session", "console-link", "key", "lineage"];

export default function Audit() {
  useTitle("Audit log");
  const [outcome, setOutcome] = useUrlState("outcome");
  const narrowing = useNarrowing("actor", KINDS);
  const query = { ...narrowing.query, outcome };
  const list = useCursor<Entry>("/api/v1/audit", query);
  const filtered = narrowing.any || outcome !== "";
  const cli = `sidegate audit ${outcome ? `--outcome ${outcome} ` : ""}${narrowing.cli}`.trim();
  return (
    <>
      <PageHead title="Audit log" lead="Every change and every refusal, written with the change itself. Values and secrets are never in it.">
        <CopyAs commands={{ cli, curl: adminCurl("GET", withQuery("/api/v1/audit", query)) }} />
      </PageHead>
      <ChangesTabs />
      <Card flush>
        <div className="table-tools">
          {narrowing.controls}
          <select className="select" aria-label="Outcome" value={outcome} onChange={(event) => setOutcome(event.target.value)}>
            <option value="">Outcome: all</option>
            <option value="done">Done</option>
            <option value="refused">Refused</option>
          </select>
        </div>
        <Table
          name="entries"
          rows={list.rows}
          columns={COLUMNS}
          rowKey={(entry) => entry.id}
          error={list.error}
          retry={() => void list.refetch()}
          empty={<Empty icon="changes" title={filtered ? "No such entry" : "Nothing was done yet"}><p>{filtered ? "Nothing fits these filters; take one away." : "Changes and refusals stand here from now on."}</p></Empty>}
        />
        <Older list={list} />
      </Card>
    </>
  );
}
