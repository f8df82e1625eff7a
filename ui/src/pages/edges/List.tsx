// The edges of a control plane: which one is away, behind, or does not take something.
import { useMemo } from "react";
import { useList, useStandsAlone } from "../../api/hooks";
import { usePollInterval } from "../../api/live";
import { Badge, Card, Empty, LinkButton, PageHead, useTitle } from "../../kit/basics";
import { adminCurl, CopyAs } from "../../kit/copy";
import { type Column, type Filter, Table } from "../../kit/Table";
import { useReason } from "../common/Gated";
import { EdgesTabs, EdgeState, type Edge, LastSeen, Position, rejectedOf, revisionsOf, StandsAlone } from "./common";

const ORDER: Record<string, number> = { offline: 0, revoked: 1, waiting: 2, connected: 3 };
const FILTERS: Filter<Edge>[] = [
  { key: "state", label: "State", options: [["connected", "Connected"], ["offline", "Offline"], ["waiting", "Waits to join"], ["revoked", "Revoked"]], test: (edge, value) => edge.attributes.state === value },
  {
    key: "trouble",
    label: "Trouble",
    options: [["behind", "Behind"], ["rejected", "Rejects something"]],
    test: (edge, value) => (value === "behind" ? edge.attributes.positions.some((position) => !position.is_current) : rejectedOf(edge).length > 0),
  },
];

const COLUMNS: Column<Edge>[] = [
  { key: "name", header: "Edge", sort: (edge) => edge.attributes.name, cell: (edge) => edge.attributes.name },
  { key: "state", header: "State", sort: (edge) => ORDER[edge.attributes.state] ?? 9, cell: (edge) => <EdgeState edge={edge} /> },
  { key: "position", header: "Serves by", cell: (edge) => <Position edge={edge} /> },
  { key: "revision", header: "Revision", hide: "narrow", cell: (edge) => <span className="small">{revisionsOf(edge) || "–"}</span> },
  {
    key: "rejected",
    header: "Rejected",
    numeric: true,
    hide: "narrow",
    sort: (edge) => rejectedOf(edge).length,
    cell: (edge) => (rejectedOf(edge).length > 0 ? <Badge tone="bad" icon="error">{rejectedOf(edge).length}</Badge> : "0"),
  },
  { key: "namespace", header: "Namespace", hide: "narrow", sort: (edge) => edge.attributes.namespace, cell: (edge) => (edge.attributes.namespace ? <span className="chip">{edge.attributes.namespace}</span> : <span className="muted">global only</span>) },
  { key: "version", header: "Version", hide: "medium", sort: (edge) => edge.attributes.version, cell: (edge) => edge.attributes.version ?? "–" },
  { key: "seen", header: "Last seen", hide: "medium", sort: (edge) => edge.attributes.last_seen_at, cell: (edge) => <LastSeen edge={edge} /> },
];

export default function Edges() {
  useTitle("Edges");
  const alone = useStandsAlone();
  const edges = useList("/api/v1/edges", { refetchInterval: usePollInterval(5_000), enabled: alone === false });
  const reason = useReason("admin");
  const bad = useMemo(() => (edges.data ?? []).filter((edge) => edge.attributes.state === "offline" || rejectedOf(edge).length > 0).length, [edges.data]);
  const add = reason ? <span className="small muted">{reason}</span> : <LinkButton kind="primary" icon="plus" href="/edges/new">Add an edge</LinkButton>;
  return (
    <>
      <PageHead title="Edges" badge={bad > 0 ? <Badge tone="bad" icon="error">{bad} {bad === 1 ? "needs" : "need"} a look</Badge> : undefined} lead="Gateways elsewhere that serve what is saved here.">
        <CopyAs commands={{ cli: "sidegate edge list", curl: adminCurl("GET", "/api/v1/edges") }} />
        {alone === false && add}
      </PageHead>
      {alone ? (
        <Card><StandsAlone /></Card>
      ) : (
        <>
          <EdgesTabs />
          <Card flush>
            <Table
              name="edges"
              rows={edges.data}
              columns={COLUMNS}
              rowKey={(edge) => edge.id}
              href={(edge) => `/edges/${edge.id}`}
              text={({ attributes: { name, namespace, version, state } }) => [name, namespace, version, state].join(" ")}
              filters={FILTERS}
              sort="state"
              error={edges.error}
              retry={() => void edges.refetch()}
              empty={
                <Empty icon="edges" title="No edge yet" action={reason ? undefined : add}>
                  <p>An edge is a gateway on another machine. Give it a name here and get the one command that starts it there; it serves what is saved here within a second, and goes on when this control plane is away.</p>
                </Empty>
              }
            />
          </Card>
        </>
      )}
    </>
  );
}
