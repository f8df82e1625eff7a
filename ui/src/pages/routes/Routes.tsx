// What is served where, and why a request would get its answer.
import { useMemo } from "react";
import { type Answer, useGet, useMay } from "../../api/hooks";
import { usePollInterval } from "../../api/live";
import { A } from "../../kit/A";
import { Badge, Button, Card, Empty, LinkButton, PageHead, useTitle } from "../../kit/basics";
import { adminCurl, CopyAs } from "../../kit/copy";
import { StateBadge } from "../../kit/StateBadge";
import { type Column, type Filter, Table } from "../../kit/Table";
import { Explain, useQuestion } from "./Explain";

type Route = Answer<"/api/v1/routes">["data"][number];

const ALL_METHODS = 6;

function Methods({ methods }: { methods: string[] }) {
  if (methods.length >= ALL_METHODS) return <span className="method" title={methods.join(", ")}>ANY</span>;
  return <span className="row wrap">{methods.map((method) => <span key={method} className="method">{method}</span>)}</span>;
}

function access(route: Route): string {
  if (route.attributes.public === "not_approved") return "waiting";
  return route.attributes.require_auth ? "token" : "public";
}

function Access({ route }: { route: Route }) {
  const { scopes_required: scopes, demanded_by: by } = route.attributes;
  const kind = access(route);
  if (kind === "waiting") return <Badge tone="warn" icon="lock">Waits for approval</Badge>;
  if (kind === "public") return <Badge icon="globe">Public</Badge>;
  return (
    <span className="row wrap">
      <Badge icon="lock">Token</Badge>
      {scopes.map((scope) => <span key={scope} className="chip" title="A scope that the token must have">{scope}</span>)}
      {by.includes("policy") && <span className="small muted">by policy</span>}
    </span>
  );
}

function useColumns(ask: (method: string, path: string) => void): Column<Route>[] {
  return useMemo(
    () => [
      {
        key: "path",
        header: "Path",
        sort: (route) => route.attributes.path,
        cell: (route) => (
          <div>
            <div className="mono wrap-anywhere">{route.attributes.path}</div>
            {route.attributes.description && <div className="small muted">{route.attributes.description}</div>}
          </div>
        ),
      },
      { key: "methods", header: "Methods", cell: (route) => <Methods methods={route.attributes.methods} /> },
      { key: "access", header: "Access", sort: access, cell: (route) => <Access route={route} /> },
      {
        key: "kind",
        header: "Answer",
        hide: "narrow",
        sort: (route) => Number(route.attributes.stream_response),
        cell: (route) => (route.attributes.stream_response ? <Badge icon="stream">Stream</Badge> : <span className="muted">Whole</span>),
      },
      {
        key: "plugin",
        header: "Plugin",
        sort: (route) => route.attributes.plugin,
        cell: (route) => <A className="link" href={`/plugins/${route.attributes.plugin_id}`}>{route.attributes.plugin}</A>,
      },
      { key: "state", header: "State", hide: "narrow", sort: (route) => route.attributes.state, cell: (route) => <StateBadge state={route.attributes.state} /> },
      {
        key: "explain",
        header: "Explain",
        hideHeader: true,
        hide: "narrow",
        width: 1,
        cell: (route) => {
          const { methods, path } = route.attributes;
          return (
            <Button small kind="ghost" onClick={() => ask(methods[0] ?? "GET", path.replace("*", ""))} aria-label={`Explain ${methods[0]} ${path}`}>
              Explain
            </Button>
          );
        },
      },
    ],
    [ask],
  );
}

const FILTERS: Filter<Route>[] = [
  {
    key: "access",
    label: "Access",
    options: [["public", "Public"], ["token", "Token"], ["waiting", "Waits for approval"]],
    test: (route, value) => access(route) === value,
  },
  {
    key: "kind",
    label: "Answer",
    options: [["stream", "Stream"], ["whole", "Whole"]],
    test: (route, value) => (value === "stream") === route.attributes.stream_response,
  },
];

export default function Routes() {
  useTitle("Routes");
  const admin = useMay("admin");
  const interval = usePollInterval(10_000);
  const routes = useGet("/api/v1/routes", { refetchInterval: interval });
  const question = useQuestion();
  const columns = useColumns(question.ask);
  return (
    <>
      <PageHead title="Routes" lead="Every endpoint that plugins serve, and why a request gets the answer it gets.">
        <CopyAs commands={{ cli: "sidegate routes", curl: adminCurl("GET", "/api/v1/routes") }} />
      </PageHead>
      <Explain question={question} />
      <Card title="Endpoints" flush>
        <Table
          name="endpoints"
          rows={routes.data?.data}
          columns={columns}
          rowKey={(route) => route.id}
          text={({ attributes: { path, plugin, description, methods, scopes_required } }) =>
            [path, plugin, description, ...methods, ...scopes_required].join(" ")}
          filters={FILTERS}
          sort="path"
          error={routes.error}
          retry={() => void routes.refetch()}
          empty={
            <Empty icon="routes" title="Nothing is served yet" action={admin && <LinkButton kind="primary" icon="plus" href="/plugins/new">Add a plugin</LinkButton>}>
              <p>A plugin names its endpoints when it starts; they appear here as soon as one serves.</p>
            </Empty>
          }
        />
      </Card>
    </>
  );
}
