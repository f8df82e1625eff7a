// Every revision of what is stored: who changed what, and the way back.
import { type Schemas, withQuery } from "../../api/client";
import { Card, Empty, PageHead, useTitle } from "../../kit/basics";
import { adminCurl, CopyAs } from "../../kit/copy";
import { type Column, Table } from "../../kit/Table";
import { useUrlState } from "../../kit/url";
import { useNamespaces } from "../edges/common";
import "./changes.css";
import { ChangeBadge, ChangesTabs, Older, ThingLink, useCursor, When } from "./common";
import { useNarrowing } from "./Narrowing";
import { happened } from "./words";

type Revision = { id: string; attributes: Schemas["RevisionAttributes"] };
const SHOWN = 3;
const KINDS = ["plugin", "app", "issuer", "token", "namespace"];

function What({ revision }: { revision: Revision }) {
  const { changes, total_changes, operation, author, rolled_back_to: to } = revision.attributes;
  return (
    <span className="stack tight">
      <span className="small muted in-what">{happened(operation, to)} <span className="audit-who">by {author}</span></span>
      {changes.length === 0 && <span className="muted">nothing that is kept in the history</span>}
      {changes.slice(0, SHOWN).map((change) => (
        <span key={`${change.type} ${change.id}`} className="row wrap"><ChangeBadge change={change.change} /> <ThingLink thing={change} gone={change.change === "deleted"} /></span>
      ))}
      {total_changes > SHOWN && <span className="small muted">and {total_changes - Math.min(SHOWN, changes.length)} more</span>}
    </span>
  );
}

const COLUMNS: Column<Revision>[] = [
  { key: "revision", header: "Revision", width: 90, cell: (revision) => revision.id },
  { key: "what", header: "What", cell: (revision) => <What revision={revision} /> },
  { key: "operation", header: "Operation", hide: "medium", cell: ({ attributes: { operation, rolled_back_to: to } }) => <span title={operation}>{happened(operation, to)}</span> },
  { key: "who", header: "Who", hide: "narrow", cell: (revision) => revision.attributes.author },
  { key: "when", header: "When", cell: (revision) => <When at={revision.attributes.at} /> },
];

export default function History() {
  useTitle("Changes");
  const [namespace, setNamespace] = useUrlState("namespace");
  const narrowing = useNarrowing("author", KINDS);
  const namespaces = useNamespaces();
  const list = useCursor<Revision>("/api/v1/revisions", { namespace, ...narrowing.query });
  const filtered = narrowing.any || namespace !== "";
  const cli = `sidegate history list ${namespace ? `--namespace ${namespace} ` : ""}${narrowing.cli}`.trim();
  return (
    <>
      <PageHead title="Changes" lead="Each save is a revision. Open one to see what it changed, and to go back to it.">
        <CopyAs commands={{ cli, curl: adminCurl("GET", withQuery("/api/v1/revisions", { namespace, ...narrowing.query })) }} />
      </PageHead>
      <ChangesTabs />
      <Card flush>
        <div className="table-tools">
          {narrowing.controls}
          {namespaces.length > 0 && (
            <select className="select" aria-label="Namespace" value={namespace} onChange={(event) => setNamespace(event.target.value)}>
              <option value="">Namespace: all</option>
              {namespaces.map((one) => <option key={one}>{one}</option>)}
            </select>
          )}
        </div>
        <Table
          name="revisions"
          rows={list.rows}
          columns={COLUMNS}
          rowKey={(revision) => revision.id}
          href={(revision) => `/changes/${revision.id}`}
          error={list.error}
          retry={() => void list.refetch()}
          empty={<Empty icon="changes" title={filtered ? "No such change" : "Nothing was changed yet"}><p>{filtered ? "Nothing fits these filters; take one away." : "Everything that is saved from now on stands here, with who did it."}</p></Empty>}
        />
        <Older list={list} />
      </Card>
    </>
  );
}
