// Requests that are open now, the oldest first; one that should not go on can be ended.
import { type ReactNode, useMemo, useState } from "react";
import { call, type Schemas } from "../../api/client";
import { useList, useOptional } from "../../api/hooks";
import { A } from "../../kit/A";
import { Badge, Button, Empty, Facts, Note, PageHead, useTitle } from "../../kit/basics";
import { adminCurl, CopyAs, CopyButton } from "../../kit/copy";
import { ErrorBox } from "../../kit/ErrorBox";
import { Confirm, Drawer } from "../../kit/overlay";
import { type Column, type Filter, Table } from "../../kit/Table";
import { duration, Time } from "../../kit/Time";
import { useAction } from "../../kit/useAction";
import { GatedButton } from "../common/Gated";
import { TrafficTabs } from "./Live";
import "./traffic.css";

type Open = { id: string; attributes: Schemas["OpenRequestAttributes"] };
type OpenList = { data: Open[]; meta: { total_count?: number; nodes?: { name: string; answered: boolean; why: string | null }[] } };

const FILTERS: Filter<Open>[] = [
  { key: "kind", label: "Answer", options: [["stream", "Stream"], ["whole", "Whole"]], test: (open, value) => (value === "stream") === open.attributes.stream },
];

const keyOf = (open: Open) => `${open.attributes.node} ${open.id}`;

function Kind({ open }: { open: Open }) {
  const { stream, status } = open.attributes;
  return <span className="row">{stream ? <Badge tone="info" icon="stream">Stream</Badge> : <span className="muted">{status ? "being sent" : "not begun"}</span>}</span>;
}

function columnsOf(names: Map<number, string>, end: (open: Open) => void): Column<Open>[] {
  return [
    { key: "path", header: "Request", sort: (open) => open.attributes.path, cell: ({ attributes: { method, path } }) => <span className="row"><span className="method">{method}</span> <code className="truncate" title={path}>{path}</code></span> },
    { key: "age", header: "Open for", numeric: true, sort: (open) => open.attributes.duration_ms, cell: (open) => duration(open.attributes.duration_ms) },
    { key: "kind", header: "Answer", hide: "narrow", cell: (open) => <Kind open={open} /> },
    { key: "plugin", header: "Plugin", hide: "narrow", sort: (open) => open.attributes.plugin, cell: (open) => open.attributes.plugin ?? <span className="muted">none</span> },
    { key: "app", header: "App", hide: "narrow", cell: ({ attributes: { app } }) => (app == null ? <span className="muted">none</span> : (names.get(app) ?? app)) },
    { key: "client", header: "Client", hide: "medium", cell: (open) => <code>{open.attributes.client ?? "–"}</code> },
    { key: "node", header: "Node", hide: "medium", sort: (open) => open.attributes.node, cell: (open) => open.attributes.node },
    { key: "end", header: "End", hideHeader: true, width: 1, cell: (open) => <GatedButton needs="operator" small kind="danger" onClick={() => end(open)}>End</GatedButton> },
  ];
}

export default function InFlight() {
  useTitle("In flight");
  const list = useOptional<OpenList>("/api/v1/requests", { query: { limit: 1000 }, refetchInterval: 2_000, keep: true });
  const apps = useList("/api/v1/apps").data;
  const names = useMemo(() => new Map((apps ?? []).map((app) => [Number(app.id), app.attributes.name])), [apps]);
  const [ending, setEnding] = useState<Open | null>(null);
  const [shown, setShown] = useState<Open | null>(null);
  const columns = useMemo(() => columnsOf(names, setEnding), [names]);
  const silent = list.data?.meta.nodes?.filter((node) => !node.answered) ?? [];
  const total = list.data?.meta.total_count;
  const now = shown && list.data?.data.find((open) => keyOf(open) === keyOf(shown));
  return (
    <>
      <PageHead title="In flight" lead="Requests that are open now, on all nodes, the oldest first.">
        <CopyAs commands={{ curl: adminCurl("GET", "/api/v1/requests") }} />
      </PageHead>
      <TrafficTabs />
      {silent.length > 0 && <Note tone="warn" title={`${silent.map((node) => node.name).join(", ")} did not answer`}>{silent[0]?.why} Requests there are not in this list.</Note>}
      {list.data === null ? (
        <Note tone="info" title="This gateway does not list its open requests">It is older than this page.</Note>
      ) : (
        <section className="card requests" aria-label="Open requests">
          <Table
            name="open requests"
            rows={list.data?.data}
            columns={columns}
            rowKey={keyOf}
            onOpen={setShown}
            text={({ attributes: { method, path, plugin, client, node } }) => [method, path, plugin, client, node].join(" ")}
            filters={FILTERS}
            sort="-age"
            error={list.error}
            retry={() => void list.refetch()}
            foot={total !== undefined && list.data && total > list.data.data.length ? ` of ${total} that are open` : undefined}
            empty={
              <Empty icon="check" title="Nothing is in flight">
                <p>Every request has its answer. Streams and slow calls stand here while they are open, and can be ended.</p>
              </Empty>
            }
          />
        </section>
      )}
      {shown && <OpenDrawer open={now ?? shown} isOver={!now} app={names.get(Number(shown.attributes.app))} onEnd={setEnding} onClose={() => setShown(null)} />}
      {ending && <EndRequest open={ending} onClose={() => setEnding(null)} />}
    </>
  );
}

type Shown = { open: Open; isOver: boolean; app?: string; onEnd: (open: Open) => void; onClose: () => void };

/** All that is known of a request, kept on the screen when it ends meanwhile. */
function OpenDrawer({ open, isOver, app, onEnd, onClose }: Shown) {
  const { method, path, plugin, route, client, node, status, request_id: id, started_at: begun, duration_ms: so_far, app: number } = open.attributes;
  const none = (text: string): ReactNode => <span className="muted">{text}</span>;
  return (
    <Drawer
      title={<span className="row"><span className="method">{method}</span> <code className="truncate">{path}</code></span>}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Close</Button>
          {!isOver && <GatedButton needs="operator" kind="danger" onClick={() => onEnd(open)}>End this request…</GatedButton>}
        </>
      }
    >
      <div className="stack">
        {isOver && <Note tone="info" title="It is not in flight any more">What is below is the last that was seen of it. <A className="link" href="/traffic">The live tail</A> shows requests as they end.</Note>}
        <Facts
          facts={[
            ["Path", <code key="path" className="wrap-anywhere">{path}</code>],
            [isOver ? "Was open for" : "Open for", duration(so_far)],
            ["Since", <Time key="since" at={begun} />],
            ["Answer", <span key="answer" className="row"><Kind open={open} />{status ? <span>status {status}</span> : null}</span>],
            ["Plugin", plugin ?? none("none found yet")],
            ["Endpoint", route ? <code key="route">{route}</code> : none("none found yet")],
            ["App", app ?? (number != null ? String(number) : none(client ? "none: no valid token, or the endpoint asks for none" : "told to operators only"))],
            ["Client", client ? <code key="client">{client}</code> : none("told to operators only")],
            ["Node", node],
            ["Request id", <span key="id" className="row"><code className="wrap-anywhere">{id}</code>{id && <CopyButton text={id} label="Copy the request id" />}</span>],
          ]}
        />
        <p><A className="link" href={`/routes?method=${method}&path=${encodeURIComponent(path)}`}>Explain this request</A></p>
      </div>
    </Drawer>
  );
}

function EndRequest({ open, onClose }: { open: Open; onClose: () => void }) {
  const path = `/api/v1/requests/${encodeURIComponent(open.id)}`;
  const end = useAction(() => call(path, { method: "DELETE" }), { done: "The request is ended.", stale: ["/api/v1/requests"], then: onClose });
  return (
    <Confirm title="End this request?" action="End the request" danger busy={end.busy} onConfirm={() => void end.run()} onClose={onClose}>
      <div className="stack tight">
        <p className="row"><span className="method">{open.attributes.method}</span> <code className="wrap-anywhere">{open.attributes.path}</code></p>
        <p className="muted">
          For plugin {open.attributes.plugin ?? "none"} on {open.attributes.node}
          {open.attributes.client ? <>, by <code>{open.attributes.client}</code></> : ""}, open for {duration(open.attributes.duration_ms)}.
        </p>
        <p>Its client gets an error or a cut answer, and the plugin is told that nobody waits any more.</p>
        <ErrorBox error={end.error} title="It was not ended" />
        <div><CopyAs small commands={{ curl: adminCurl("DELETE", path) }} /></div>
      </div>
    </Confirm>
  );
}
