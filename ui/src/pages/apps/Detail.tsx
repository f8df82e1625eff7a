// One app: its tokens, and what there is to know of it.
import { useList } from "../../api/hooks";
import { Card, Empty, Facts, Skeleton } from "../../kit/basics";
import { ErrorBox } from "../../kit/ErrorBox";
import { Time } from "../../kit/Time";
import { useUrlState } from "../../kit/url";
import { GatedButton } from "../common/Gated";
import { AppHead, useApp } from "./AppHead";
import { CreateToken } from "./TokenForms";
import { TokenTable } from "./Tokens";

export default function AppDetail() {
  const { id, read, app } = useApp();
  const tokens = useList("/api/v1/tokens", { query: { app_id: id } });
  const [making, setMaking] = useUrlState("new");
  if (read.error && !app) return <><h1>App</h1><ErrorBox error={read.error} title="This app cannot be shown" retry={() => void read.refetch()} /></>;
  if (!app) return <><h1 className="sr-only">App</h1><Skeleton lines={6} height={20} /></>;
  const create = <GatedButton needs="operator" kind="primary" icon="plus" onClick={() => setMaking("token")}>Make a token</GatedButton>;
  const { rate_limit, namespace, owner_email, managed_by, metadata, monthly_budget, max_staleness, made_for, created_at, updated_at } = app.attributes;
  return (
    <>
      <AppHead app={app} tokens={tokens.data?.length} />
      <div className="grid-main">
        <Card title="Tokens" actions={create} flush>
          <TokenTable
            tokens={tokens.data}
            error={tokens.error}
            retry={() => void tokens.refetch()}
            empty={
              <Empty icon="lock" title="No token yet">
                <p>Whoever calls for {app.attributes.name} needs one. Make one for each program or stage, so that you can revoke one without the others.</p>
              </Empty>
            }
          />
        </Card>
        <Card title="About">
          <Facts
            facts={[
              ["Owner", owner_email],
              ["Namespace", namespace || <span className="muted">global</span>],
              ["Rate limit", rate_limit === 0 ? "none" : `${rate_limit.toLocaleString("en")} a minute`],
              ...(monthly_budget ? [["Budget", `${monthly_budget} a month`] as [string, string]] : []),
              ...(max_staleness ? [["Max. staleness", max_staleness] as [string, string]] : []),
              ...(managed_by ? [["Managed by", managed_by] as [string, string]] : []),
              ...(made_for ? [["Made for", `client ${made_for.client} of issuer ${made_for.issuer}, on first sight`] as [string, string]] : []),
              ["Metadata", <MetadataChips key="metadata" metadata={metadata} />],
              ["Registered", <Time key="created" at={created_at} />],
              ["Changed", <Time key="updated" at={updated_at} />],
            ]}
          />
        </Card>
      </div>
      {making === "token" && <CreateToken app={{ id: app.id, name: app.attributes.name }} onClose={() => setMaking("")} />}
    </>
  );
}

function MetadataChips({ metadata }: { metadata: Record<string, unknown> }) {
  const entries = Object.entries(metadata);
  if (entries.length === 0) return <span className="muted">none</span>;
  return (
    <span className="row wrap">
      {entries.map(([name, value]) => <span key={name} className="chip">{name}={typeof value === "string" ? value : JSON.stringify(value)}</span>)}
    </span>
  );
}
