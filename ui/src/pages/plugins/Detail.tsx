// One plugin: its state at the top of every tab, one tab for each thing to know or do.
import { useParams } from "@tanstack/react-router";
import { type ComponentType, lazy, Suspense } from "react";
import { ApiError } from "../../api/client";
import { useGet, useVersioned } from "../../api/hooks";
import { usePollInterval } from "../../api/live";
import { useCrumb } from "../../app/Breadcrumbs";
import { Empty, LinkButton, Note, PageHead, Skeleton, Tabs, useTitle } from "../../kit/basics";
import { ErrorBox } from "../../kit/ErrorBox";
import { Sentence } from "../../kit/Sentence";
import type { PLUGIN_TABS } from "../../routes";
import { type Plugin, PluginMenu, PluginState, ReloadButton, stateOf } from "./data";

export type TabProps = { plugin: Plugin; etag: string | null; reload: () => void };
type TabName = "overview" | (typeof PLUGIN_TABS)[number];

const TABS: Record<TabName, { text: string; part: ComponentType<TabProps> }> = {
  overview: { text: "Overview", part: lazy(() => import("./tabs/Overview")) },
  endpoints: { text: "Endpoints", part: lazy(() => import("./tabs/Endpoints")) },
  configuration: { text: "Configuration", part: lazy(() => import("./tabs/Configuration")) },
  permissions: { text: "Permissions", part: lazy(() => import("./tabs/Permissions")) },
  logs: { text: "Logs", part: lazy(() => import("./tabs/Logs")) },
  crashes: { text: "Crashes", part: lazy(() => import("./tabs/Crashes")) },
  metrics: { text: "Metrics", part: lazy(() => import("./tabs/Metrics")) },
  storage: { text: "Storage", part: lazy(() => import("./tabs/Storage")) },
  events: { text: "Events", part: lazy(() => import("./tabs/Events")) },
  page: { text: "Page", part: lazy(() => import("./tabs/Page")) },
};

export default function PluginPage() {
  const { id = "", tab = "overview" } = useParams({ strict: false }) as { id?: string; tab?: string };
  const plugin = useVersioned("/api/v1/plugins/{id}", { id });
  const name = plugin.data?.body.data.attributes.name;
  const chosen = TABS[tab as TabName];
  useTitle(name ? `${name}${tab === "overview" ? "" : ` ${chosen?.text.toLowerCase() ?? ""}`}` : "Plugin");
  useCrumb(name);
  if (plugin.error instanceof ApiError && plugin.error.status === 404) {
    return (
      <>
        <h1 className="sr-only">Plugin {id}</h1>
        <Empty icon="plugins" title="There is no such plugin" action={<LinkButton href="/plugins">All plugins</LinkButton>}>
          <p>It may have been removed. The history keeps what it was.</p>
        </Empty>
      </>
    );
  }
  if (plugin.error && !plugin.data) return <><h1>Plugin</h1><ErrorBox error={plugin.error} title="The plugin could not be read" retry={() => void plugin.refetch()} /></>;
  if (!plugin.data) return <Skeleton lines={8} height={20} />;
  if (!chosen) return <><h1 className="sr-only">{name}</h1><Empty title="There is no such tab" action={<LinkButton href={`/plugins/${id}`}>The plugin's overview</LinkButton>} /></>;
  const shown = plugin.data.body.data;
  const Part = chosen.part;
  return (
    <>
      <Head plugin={shown} />
      <PluginTabs plugin={shown} />
      <Suspense fallback={<Skeleton lines={8} height={20} />}>
        <Part key={shown.id} plugin={shown} etag={plugin.data.etag} reload={() => void plugin.refetch()} />
      </Suspense>
    </>
  );
}

function Head({ plugin }: { plugin: Plugin }) {
  const { name, description, slug, status, is_active } = plugin.attributes;
  const state = stateOf(plugin);
  return (
    <>
      <PageHead
        title={name}
        badge={<PluginState plugin={plugin} />}
        lead={description || (slug ? <>Serves <code>/plugins/{slug}/</code></> : "Not mounted: it has no slug.")}
      >
        {slug && <LinkButton href={`/routes?method=GET&path=${encodeURIComponent(`/plugins/${slug}/`)}`} icon="search">Explain a request</LinkButton>}
        <PluginMenu plugin={plugin} />
      </PageHead>
      {is_active && status.reason && state !== "ready" && (
        <Note
          tone={state === "parked" || state === "stopped" ? "bad" : "warn"}
          title={{ parked: "It failed too often and is not started again by itself.", stopped: "It does not run.", backoff: "It ended and is started again after a pause." }[state] ?? "It does not serve everywhere."}
          action={<span className="row wrap"><LinkButton small href={`/plugins/${plugin.id}/crashes`}>See why</LinkButton><ReloadButton plugin={plugin} /></span>}
        >
          <span className="clamp three" title={status.reason}><Sentence text={status.reason} /></span>
        </Note>
      )}
    </>
  );
}

function PluginTabs({ plugin }: { plugin: Plugin }) {
  const at = `/plugins/${plugin.id}`;
  const records = useGet("/api/v1/plugins/{id}/records", { ids: { id: plugin.id }, query: { lines: 0 }, refetchInterval: usePollInterval(10_000) });
  const failed = records.data?.data.filter((record) => record.attributes.in_order === false).length;
  const waits = plugin.attributes.missing_scopes.length + (plugin.attributes.public_endpoints?.pending.length ?? 0);
  return (
    <Tabs
      label="About this plugin"
      tabs={(Object.keys(TABS) as TabName[]).map((name) => ({
        href: name === "overview" ? at : `${at}/${name}`,
        text: TABS[name].text,
        count: name === "crashes" ? failed : name === "permissions" ? waits : undefined,
        tone: name === "crashes" ? "bad" : "warn",
      }))}
    />
  );
}
