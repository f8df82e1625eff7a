// Apps: who calls, with how many tokens.
import { useMemo } from "react";
import { type Item, useList } from "../../api/hooks";
import { usePollInterval } from "../../api/live";
import { Card, Empty, LinkButton, PageHead, useTitle } from "../../kit/basics";
import { adminCurl, CopyAs } from "../../kit/copy";
import { StateBadge } from "../../kit/StateBadge";
import { type Column, type Filter, Table } from "../../kit/Table";
import { Time } from "../../kit/Time";
import { useReason } from "../common/Gated";
import { AppsTabs } from "./AppsTabs";

type App = Item<"/api/v1/apps">;
const FILTERS: Filter<App>[] = [
  { key: "active", label: "State", options: [["yes", "Active"], ["no", "Switched off"]], test: (app, value) => app.attributes.is_active === (value === "yes") },
];

function useColumns(): Column<App>[] {
  const tokens = useList("/api/v1/tokens").data;
  return useMemo(() => {
    const count = new Map<number, number>();
    for (const token of tokens ?? []) {
      if (!token.attributes.is_expired) count.set(token.attributes.app_id, (count.get(token.attributes.app_id) ?? 0) + 1);
    }
    const valid = (app: App) => count.get(Number(app.id)) ?? 0;
    return [
      { key: "name", header: "App", sort: (app) => app.attributes.name, cell: (app) => app.attributes.name },
      { key: "state", header: "State", sort: (app) => Number(app.attributes.is_active), cell: (app) => <StateBadge state={app.attributes.is_active ? "active" : "disabled"} word={app.attributes.is_active ? undefined : "Switched off"} /> },
      { key: "tokens", header: "Valid tokens", numeric: true, sort: valid, cell: (app) => (tokens ? valid(app) : "–") },
      {
        key: "limit",
        header: "Rate limit",
        numeric: true,
        hide: "narrow",
        sort: (app) => app.attributes.rate_limit,
        cell: (app) => (app.attributes.rate_limit === 0 ? <span className="muted">none</span> : `${app.attributes.rate_limit.toLocaleString("en")} / min`),
      },
      { key: "owner", header: "Owner", hide: "narrow", sort: (app) => app.attributes.owner_email, cell: (app) => app.attributes.owner_email },
      {
        key: "namespace",
        header: "Namespace",
        hide: "medium",
        sort: (app) => app.attributes.namespace,
        cell: (app) => (app.attributes.namespace ? <span className="chip">{app.attributes.namespace}</span> : <span className="muted">global</span>),
      },
      { key: "created", header: "Registered", hide: "medium", sort: (app) => app.attributes.created_at, cell: (app) => <Time at={app.attributes.created_at} /> },
    ];
  }, [tokens]);
}

export default function Apps() {
  useTitle("Apps");
  const apps = useList("/api/v1/apps", { refetchInterval: usePollInterval(15_000) });
  const columns = useColumns();
  const reason = useReason("operator");
  return (
    <>
      <PageHead title="Apps" lead="Who calls: an app has tokens, a rate limit, and values that plugins see.">
        <CopyAs commands={{ cli: "sidegate app list", curl: adminCurl("GET", "/api/v1/apps") }} />
        {reason ? <span className="small muted">{reason}</span> : <LinkButton kind="primary" icon="plus" href="/apps/new">Register an app</LinkButton>}
      </PageHead>
      <AppsTabs />
      <Card flush>
        <Table
          name="apps"
          rows={apps.data}
          columns={columns}
          rowKey={(app) => app.id}
          href={(app) => `/apps/${app.id}`}
          text={({ attributes: { name, owner_email, namespace, description, managed_by, metadata } }) =>
            [name, owner_email, namespace, description, managed_by, JSON.stringify(metadata)].join(" ")}
          filters={FILTERS}
          sort="name"
          error={apps.error}
          retry={() => void apps.refetch()}
          empty={
            <Empty icon="apps" title="No app yet" action={reason ? undefined : <LinkButton kind="primary" icon="plus" href="/apps/new">Register an app</LinkButton>}>
              <p>Endpoints that demand a token are called by an app. Register one for each team or program, and give it a token of its own, so that each can be limited and revoked alone.</p>
            </Empty>
          }
        />
      </Card>
    </>
  );
}
