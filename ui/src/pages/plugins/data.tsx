// What the pages of plugins have in common: the plugins, their figures, what can be done with one.
import { type ReactNode, useState } from "react";
import { call, type Schemas } from "../../api/client";
import { type Item, useList, useMay, useOptional } from "../../api/hooks";
import { usePollInterval } from "../../api/live";
import { useGo } from "../../kit/A";
import { Button } from "../../kit/basics";
import { CopyAs, adminCurl, shellQuote } from "../../kit/copy";
import { ErrorBox } from "../../kit/ErrorBox";
import { Icon } from "../../kit/Icon";
import { Confirm, Menu } from "../../kit/overlay";
import { StateBadge } from "../../kit/StateBadge";
import { useAction } from "../../kit/useAction";

export type Plugin = Item<"/api/v1/plugins">;
export type Series = {
  requests: (number | null)[];
  errors: (number | null)[];
  p50_ms: (number | null)[];
  p90_ms: (number | null)[];
  p99_ms: (number | null)[];
  in_flight: (number | null)[];
  memory_bytes: (number | null)[];
  cpu_percent: (number | null)[];
};
export type History = {
  data: { attributes: { step_ms: number; from_ms: number; series: Series; plugins?: { id: number | null; name: string; series: Series }[]; nodes?: { name: string; answered: boolean; why: string | null }[] } };
};

export function usePlugins() {
  return useList("/api/v1/plugins", { refetchInterval: usePollInterval(5_000) });
}

/** Figures of the last hour, of the whole gateway and of each plugin; `null` where the gateway keeps none. */
export function useHistory(query: { plugin?: string; window?: string; each_plugin?: boolean } = {}) {
  return useOptional<History>("/api/v1/metrics/history", { query, refetchInterval: 10_000, keep: true });
}

/** Thirty values out of many, from the first that is known: sums for what is counted, the most for the rest. */
export function coarse(all: (number | null)[], count = 30, how: "sum" | "most" = "sum"): (number | null)[] {
  const begun = all.findIndex((value) => value !== null);
  const values = begun > 0 ? all.slice(begun) : all;
  const size = Math.max(1, Math.ceil(values.length / count));
  const result: (number | null)[] = [];
  for (let at = 0; at < values.length; at += size) {
    const known = values.slice(at, at + size).filter((value): value is number => value !== null);
    if (known.length === 0) result.push(null);
    else result.push(how === "sum" ? known.reduce((sum, value) => sum + value, 0) : Math.max(...known));
  }
  return result;
}

export function sum(values: (number | null)[]): number {
  return values.reduce<number>((total, value) => total + (value ?? 0), 0);
}

export function latest(values: (number | null)[]): number | null {
  for (let at = values.length - 1; at >= 0; at -= 1) if (values[at] !== null && values[at] !== undefined) return values[at] as number;
  return null;
}

export const BADNESS: Record<string, number> = { parked: 0, backoff: 1, stopped: 2, starting: 3, draining: 4, ready: 5, disabled: 6 };

/** The state as people mean it: a plugin that is switched off is disabled, one that should run and cannot is stopped. */
export function stateOf(plugin: Plugin): string {
  const { is_active, status } = plugin.attributes;
  if (!is_active) return "disabled";
  const nodes = status.nodes;
  const ready = nodes.filter((node) => node.state === "ready").length;
  if (nodes.length > 1 && ready > 0 && ready < nodes.length) return "mixed";
  return status.state;
}

export function PluginState({ plugin }: { plugin: Plugin }) {
  return <StateBadge state={stateOf(plugin)} title={plugin.attributes.status.reason ?? undefined} />;
}

/** What is to be said against a plugin, also against one that serves; whether it is more than a note. */
export function matterOf(plugin: Plugin): { text: string; warns: boolean } | undefined {
  const { is_active, status, missing_scopes, public_endpoints } = plugin.attributes;
  const pending = public_endpoints?.pending.length ?? 0;
  const found = [
    status.reason ?? undefined,
    ...status.warnings,
    missing_scopes.length ? `wishes ${missing_scopes.join(", ")}` : undefined,
    pending ? `${pending} public ${pending === 1 ? "endpoint waits" : "endpoints wait"} for approval` : undefined,
  ].filter((text) => text !== undefined);
  if (found.length === 0) return undefined;
  const text = found.length > 1 ? `${found[0]} (and ${found.length - 1} more)` : (found[0] as string);
  return { text, warns: is_active };
}

/** The same below a plugin's name. */
export function Matter({ plugin, className = "" }: { plugin: Plugin; className?: string }) {
  const matter = matterOf(plugin);
  if (!matter) return null;
  return (
    <span className={`matter small ${matter.warns ? "warns" : "muted"} ${className}`} title={matter.text}>
      {matter.warns && <Icon name="warn" size={12} />}
      <span className="clamp wrap-anywhere">{matter.text}</span>
    </span>
  );
}

export function readyNodes(plugin: Plugin): string {
  const { nodes } = plugin.attributes.status;
  return `${nodes.filter((node) => node.state === "ready").length}/${nodes.length}`;
}

type Deed = "reload" | "enable" | "disable" | "delete";
const STALE = ["/api/v1/plugins", "/api/v1/routes", "/api/v1/needs", "/api/v1/revisions"];

function request(plugin: Plugin, deed: Deed): { method: string; path: string; body?: unknown } {
  const path = `/api/v1/plugins/${plugin.id}`;
  if (deed === "reload") return { method: "POST", path: `${path}/reload` };
  if (deed === "delete") return { method: "DELETE", path };
  return { method: "PATCH", path, body: { is_active: deed === "enable" } };
}

export function usePluginDeed(plugin: Plugin, then?: (deed: Deed) => void) {
  const words: Record<Deed, string> = { reload: "is reloaded", enable: "is enabled", disable: "is disabled", delete: "is removed" };
  return useAction(
    async (deed: Deed) => {
      const { method, path, body } = request(plugin, deed);
      await call<Schemas["Changed_PluginAttributes"]>(path, { method, body });
      return deed;
    },
    { done: (deed) => `${plugin.attributes.name} ${words[deed]}`, stale: STALE, then },
  );
}

const QUESTIONS: Record<Exclude<Deed, "enable">, { title: (name: string) => string; text: ReactNode; action: string }> = {
  reload: { title: (name) => `Reload ${name}?`, text: "A new process starts beside the old one and takes over once it serves. No request is lost; if it fails, the old one goes on.", action: "Reload" },
  disable: { title: (name) => `Disable ${name}?`, text: "Its routes answer 404 at once; open requests are finished. Its configuration is kept.", action: "Disable" },
  delete: { title: (name) => `Remove ${name}?`, text: "Its routes are gone at once, and so is what it stored. Its history keeps its configuration.", action: "Remove" },
};

/** What can be done with a plugin: a menu, with the question before it and what went wrong. */
export function PluginMenu({ plugin }: { plugin: Plugin }) {
  const [asked, ask] = useState<Exclude<Deed, "enable"> | null>(null);
  const operator = useMay("operator");
  const admin = useMay("admin");
  const go = useGo();
  const deed = usePluginDeed(plugin, (done) => {
    ask(null);
    if (done === "delete") go("/plugins");
  });
  const name = plugin.attributes.name;
  const needs = (allowed: boolean, role: string) => (allowed ? false : `This needs the role ${role}.`);
  const question = asked ? QUESTIONS[asked] : null;
  return (
    <>
      <Menu
        label={`Actions for ${name}`}
        entries={[
          { text: "Reload", icon: "reload", disabled: needs(operator, "operator"), onSelect: () => ask("reload") },
          plugin.attributes.is_active
            ? { text: "Disable", icon: "pause", disabled: needs(operator, "operator"), onSelect: () => ask("disable") }
            : { text: "Enable", icon: "play", disabled: needs(operator, "operator"), onSelect: () => void deed.run("enable") },
          { text: "Remove", icon: "trash", danger: true, disabled: needs(admin, "admin"), onSelect: () => ask("delete") },
        ]}
      />
      {asked && question && (
        <Confirm
          title={question.title(name)}
          action={question.action}
          danger={asked !== "reload"}
          typed={asked === "delete" ? name : undefined}
          busy={deed.busy}
          onConfirm={() => void deed.run(asked)}
          onClose={() => { ask(null); deed.clear(); }}
        >
          <p>{question.text}</p>
          <ErrorBox error={deed.error} title="Nothing was changed" />
          <div className="row">
            <CopyAs small commands={{ cli: `sidegate plugin ${asked === "delete" ? "remove" : asked} ${shellQuote(name)}`, curl: adminCurl(request(plugin, asked).method, request(plugin, asked).path, request(plugin, asked).body) }} />
            <span className="small">The same from a terminal</span>
          </div>
        </Confirm>
      )}
    </>
  );
}

/** The way out for a plugin that does not serve; a failed start harms nobody, so nothing is asked before. */
export function ReloadButton({ plugin }: { plugin: Plugin }) {
  const operator = useMay("operator");
  const deed = usePluginDeed(plugin);
  return <Button small icon="reload" disabled={!operator} busy={deed.busy} onClick={() => void deed.run("reload")}>Start again</Button>;
}
