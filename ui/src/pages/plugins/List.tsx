// All plugins: which one is broken, how much each has to do.
import { useMemo } from "react";
import { useMay } from "../../api/hooks";
import { Empty, LinkButton, PageHead, useTitle } from "../../kit/basics";
import { adminCurl, Code, CopyAs } from "../../kit/copy";
import { Sparkline } from "../../kit/Sparkline";
import { type Column, type Filter, Table } from "../../kit/Table";
import { Time } from "../../kit/Time";
import { BADNESS, coarse, type History, Matter, matterOf, type Plugin, PluginMenu, PluginState, readyNodes, stateOf, sum, useHistory, usePlugins } from "./data";

function columnsOf(history: History | null | undefined, severalNodes: boolean, severalNamespaces: boolean): Column<Plugin>[] {
  const series = new Map((history?.data.attributes.plugins ?? []).map((entry) => [String(entry.id), entry.series]));
  const columns: Column<Plugin>[] = [
    {
      key: "name",
      header: "Name",
      sort: (plugin) => plugin.attributes.name,
      cell: (plugin) => (
        <>
          {plugin.attributes.name}
          <Matter plugin={plugin} className="below-name" />
        </>
      ),
    },
    {
      key: "state",
      header: "State",
      width: 130,
      sort: (plugin) => BADNESS[stateOf(plugin)] ?? 3,
      cell: (plugin) => <PluginState plugin={plugin} />,
    },
    {
      key: "why",
      header: "What is the matter",
      hide: "narrow",
      cell: (plugin) => <div style={{ maxWidth: 300 }}>{matterOf(plugin) ? <Matter plugin={plugin} /> : <span className="muted small">–</span>}</div>,
    },
    {
      key: "slug",
      header: "Served below",
      hide: "narrow",
      sort: (plugin) => plugin.attributes.slug,
      cell: (plugin) => (plugin.attributes.slug ? <code>/plugins/{plugin.attributes.slug}/</code> : <span className="muted">not mounted</span>),
    },
  ];
  if (history) {
    columns.push({
      key: "requests",
      header: "Requests, last hour",
      numeric: true,
      hide: "narrow",
      width: 210,
      sort: (plugin) => sum(series.get(plugin.id)?.requests ?? []),
      cell: (plugin) => {
        const own = series.get(plugin.id);
        if (!own) return <span className="muted">0</span>;
        const total = sum(own.requests);
        return (
          <span className="row end">
            <Sparkline values={coarse(own.requests)} width={110} height={22} label={`Requests of the last hour, ${total} in all`} />
            <span style={{ minWidth: 52 }}>{Math.round(total).toLocaleString("en")}</span>
          </span>
        );
      },
    });
    columns.push({
      key: "errors",
      header: "Errors",
      numeric: true,
      hide: "medium",
      width: 80,
      sort: (plugin) => sum(series.get(plugin.id)?.errors ?? []),
      cell: (plugin) => Math.round(sum(series.get(plugin.id)?.errors ?? [])).toLocaleString("en"),
    });
  }
  if (severalNodes) columns.push({ key: "nodes", header: "Nodes", numeric: true, hide: "narrow", width: 80, cell: (plugin) => readyNodes(plugin) });
  columns.push({ key: "restarts", header: "Restarts", numeric: true, hide: "medium", width: 90, sort: (plugin) => plugin.attributes.status.restarts, cell: (plugin) => plugin.attributes.status.restarts });
  if (severalNamespaces) columns.push({ key: "namespace", header: "Namespace", hide: "medium", sort: (plugin) => plugin.attributes.namespace, cell: (plugin) => plugin.attributes.namespace || <span className="muted">global</span> });
  columns.push({ key: "updated", header: "Changed", hide: "medium", width: 110, sort: (plugin) => plugin.attributes.updated_at, cell: (plugin) => <Time at={plugin.attributes.updated_at} /> });
  columns.push({ key: "actions", header: "Actions", hideHeader: true, width: 52, cell: (plugin) => <PluginMenu plugin={plugin} /> });
  return columns;
}

const STATES: [string, string][] = [["ready", "Ready"], ["starting", "Starting"], ["backoff", "Restarting"], ["parked", "Parked"], ["stopped", "Stopped"], ["draining", "Draining"], ["mixed", "Partly ready"], ["disabled", "Disabled"]];
const FILTERS: Filter<Plugin>[] = [{ key: "state", label: "State", options: STATES, test: (plugin, value) => stateOf(plugin) === value }];

export default function PluginsPage() {
  useTitle("Plugins");
  const plugins = usePlugins();
  const history = useHistory({ window: "1h", each_plugin: true });
  const admin = useMay("admin");
  const severalNodes = (plugins.data ?? []).some((plugin) => plugin.attributes.status.nodes.length > 1);
  const severalNamespaces = (plugins.data ?? []).some((plugin) => plugin.attributes.namespace !== "");
  const columns = useMemo(() => columnsOf(history.data, severalNodes, severalNamespaces), [history.data, severalNodes, severalNamespaces]);
  return (
    <>
      <PageHead title="Plugins" lead="Programs that serve endpoints below /plugins/. Each runs apart from the gateway and from the others.">
        <CopyAs commands={{ cli: "sidegate plugin list", curl: adminCurl("GET", "/api/v1/plugins") }} />
        {admin && <LinkButton href="/plugins/new" kind="primary" icon="plus">Add a plugin</LinkButton>}
      </PageHead>
      <section className="card" aria-label="Plugins">
        <Table
          name="plugins"
          rows={plugins.data}
          error={plugins.error}
          retry={() => void plugins.refetch()}
          columns={columns}
          sort="state"
          rowKey={(plugin) => plugin.id}
          href={(plugin) => `/plugins/${plugin.id}`}
          text={(plugin) => `${plugin.attributes.name} ${plugin.attributes.slug} ${plugin.attributes.description} ${plugin.attributes.command} ${plugin.attributes.namespace}`}
          filters={FILTERS}
          empty={
            <Empty icon="plugins" title="No plugin yet" action={admin && <LinkButton href="/plugins/new" kind="primary" icon="plus">Add a plugin</LinkButton>}>
              <p>A plugin is any program that speaks the plugin protocol: an OAuth provider, an MCP server, a webhook receiver. The gateway starts it and serves its endpoints.</p>
              <Code text="sidegate plugin add --name hello --slug hello --command file:///path/to/hello" />
            </Empty>
          }
        />
      </section>
    </>
  );
}
