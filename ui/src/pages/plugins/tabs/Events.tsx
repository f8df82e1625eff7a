// What the plugin published last: each node remembers a few events in memory.
import { useState } from "react";
import type { Schemas } from "../../../api/client";
import { useGet, useMay } from "../../../api/hooks";
import { Badge, Empty, Facts, Note } from "../../../kit/basics";
import { adminCurl, Code, CopyAs } from "../../../kit/copy";
import { Drawer } from "../../../kit/overlay";
import { type Column, Table } from "../../../kit/Table";
import { bytes, Time } from "../../../kit/Time";
import type { TabProps } from "../Detail";

type Event = { id: string; attributes: Schemas["PluginEventAttributes"] };

const COLUMNS: Column<Event>[] = [
  { key: "topic", header: "Topic", sort: ({ attributes }) => attributes.topic, cell: ({ attributes }) => <code className="wrap-anywhere">{attributes.topic}</code> },
  { key: "at", header: "Published", sort: ({ attributes }) => attributes.at, cell: ({ attributes }) => <Time at={attributes.at} /> },
  { key: "reached", header: "Reached", numeric: true, sort: ({ attributes }) => attributes.reached, cell: ({ attributes }) => <>{attributes.reached}{attributes.lost > 0 && <> <Badge tone="warn" icon="warn">{attributes.lost} lost</Badge></>}</> },
  { key: "size", header: "Size", numeric: true, hide: "narrow", sort: ({ attributes }) => attributes.payload_bytes, cell: ({ attributes }) => bytes(attributes.payload_bytes) },
  { key: "direction", header: "Goes", hide: "narrow", cell: ({ attributes }) => ({ local: "nowhere else", up: "up", down: "down" })[attributes.direction] },
  { key: "node", header: "Node", hide: "medium", cell: ({ attributes }) => <code>{attributes.node}</code> },
];

export default function EventsTab({ plugin }: TabProps) {
  const operator = useMay("operator");
  if (!operator) return <Note tone="info">What plugins tell each other is for operators and admins.</Note>;
  return <Events id={plugin.id} />;
}

function Events({ id }: { id: string }) {
  const at = `/api/v1/plugins/${id}/events`;
  const list = useGet("/api/v1/plugins/{id}/events", { ids: { id }, refetchInterval: 5_000 });
  const [open, setOpen] = useState<Event | null>(null);
  const meta = list.data?.meta;
  const silent = meta?.nodes.filter((node) => !node.answered) ?? [];
  return (
    <div className="stack">
      {silent.length > 0 && <Note tone="warn" title="Some nodes did not answer; their events are missing.">{silent.map((node) => `${node.name}: ${node.why ?? "no answer"}`).join("; ")}</Note>}
      <section className="card" aria-label="Events">
        <Table
          name="events"
          rows={list.data?.data}
          error={list.error}
          retry={() => void list.refetch()}
          columns={COLUMNS}
          rowKey={(event) => event.id}
          onOpen={setOpen}
          sort="-at"
          text={({ attributes }) => `${attributes.topic} ${attributes.node}`}
          tools={<><span className="grow" />{meta && <span className="small muted">The last {meta.most_kept} of each node, in memory only; {meta.total_published.toLocaleString("en")} since the start</span>}<CopyAs commands={{ curl: adminCurl("GET", at) }} /></>}
          empty={
            <Empty icon="stream" title="It has published nothing">
              <p>Plugins tell each other things by events. Each node remembers the last {meta?.most_kept ?? 50} that a plugin published since the node started; they appear here.</p>
            </Empty>
          }
        />
      </section>
      {open && <EventDrawer event={open} onClose={() => setOpen(null)} />}
    </div>
  );
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function EventDrawer({ event, onClose }: { event: Event; onClose: () => void }) {
  const { topic, at, node, direction, payload, payload_bytes, reached, lost } = event.attributes;
  const isCut = payload !== null && payload !== undefined && payload_bytes > 2048;
  return (
    <Drawer title={<code className="wrap-anywhere">{topic}</code>} onClose={onClose}>
      <div className="stack">
        <Facts
          facts={[
            ["Published", <Time key="at" at={at} />],
            ["On node", <code key="node">{node}</code>],
            ["Id", <code key="id">{event.id}</code>],
            ["Goes", { local: "nowhere else: it stays on this node", up: "up, from an edge to its hub", down: "down, from the hub to edges" }[direction]],
            ["Reached", `${reached} ${reached === 1 ? "subscription" : "subscriptions"}${lost > 0 ? `; ${lost} lost it, since they read too slowly` : ""}`],
            ["Size", bytes(payload_bytes)],
          ]}
        />
        {payload === null || payload === undefined ? (
          <Note tone="info">What was in it is for admins.</Note>
        ) : (
          <div className="stack tight">
            <h3>Payload</h3>
            {isCut && <p className="small muted">Its first 2 KiB; no more is remembered.</p>}
            <Code long text={pretty(payload)} label="Copy the payload" />
          </div>
        )}
      </div>
    </Drawer>
  );
}
