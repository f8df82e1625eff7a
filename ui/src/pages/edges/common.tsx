// What the pages of edges have in common.
import { type Item, useGet } from "../../api/hooks";
import { Badge, Empty, Tabs } from "../../kit/basics";
import { Code } from "../../kit/copy";
import { StateBadge } from "../../kit/StateBadge";
import { duration, Time } from "../../kit/Time";

export type Edge = Item<"/api/v1/edges">;

export function EdgesTabs() {
  return <Tabs label="Edges and namespaces" tabs={[{ href: "/edges", text: "Edges" }, { href: "/edges/namespaces", text: "Namespaces" }]} />;
}

const WORDS: Record<string, [string, string]> = {
  waiting: ["pending", "Waits to join"],
  connected: ["connected", "Connected"],
  offline: ["disconnected", "Offline"],
  revoked: ["revoked", "Revoked"],
};

export function EdgeState({ edge }: { edge: Edge }) {
  const [state, word] = WORDS[edge.attributes.state] ?? [edge.attributes.state, edge.attributes.state];
  return <StateBadge state={state} word={word} />;
}

export function rejectedOf(edge: Edge) {
  return edge.attributes.positions.flatMap((position) => position.rejected.map((object) => ({ ...object, namespace: position.namespace })));
}

/** Whether it serves by what is published, in a few words. */
export function Position({ edge }: { edge: Edge }) {
  const { positions, stale_for_seconds: stale, readiness, state } = edge.attributes;
  if (state === "waiting" || positions.every((position) => position.revision === null)) return <span className="muted">nothing yet</span>;
  const behind = positions.filter((position) => !position.is_current);
  if (readiness === "stale") return <Badge tone="warn" icon="warn">Stale{stale !== null && ` for ${duration(stale * 1000)}`}</Badge>;
  if (behind.length === 0) return <Badge tone="good" icon="check">Current</Badge>;
  return <Badge tone="warn" icon="warn">Behind</Badge>;
}

/** When it was last there; a connected one is there now. */
export function LastSeen({ edge }: { edge: Edge }) {
  return edge.attributes.state === "connected" ? <>now</> : <Time at={edge.attributes.last_seen_at} />;
}

export function revisionsOf(edge: Edge): string {
  const known = edge.attributes.positions.filter((position) => position.revision !== null);
  return known.map((position) => `${position.namespace || "global"} ${position.revision}`).join(", ");
}

export function StandsAlone() {
  return (
    <Empty icon="edges" title="This gateway serves alone">
      <p>So it has no edges, and this page is not in its menu. With a control plane many gateways serve what is saved in one place, and go on when it is away. The same data folder becomes a control plane's, with all plugins, apps and tokens, by starting it so:</p>
      <Code text="sidegate serve --role control" />
      <p>Then this page has a wizard that prints the one command that starts an edge.</p>
    </Empty>
  );
}

export function useNamespaces(): string[] {
  const list = useGet("/api/v1/namespaces", { query: { limit: 100 } });
  return (list.data?.data ?? []).map((one) => one.attributes.name);
}
