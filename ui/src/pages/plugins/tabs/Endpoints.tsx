// What the plugin serves and who may call it; each endpoint can be tried.
import { useState } from "react";
import type { Schemas } from "../../../api/client";
import { useGet } from "../../../api/hooks";
import { Badge, Button, Card, Empty, LinkButton } from "../../../kit/basics";
import { type Column, Table } from "../../../kit/Table";
import type { TabProps } from "../Detail";
import { TryIt } from "./TryIt";

type Endpoint = Schemas["EndpointAttributes"];

export function Access({ endpoint }: { endpoint: Pick<Endpoint, "require_auth" | "scopes_required"> & { public?: Endpoint["public"] } }) {
  if (endpoint.require_auth) {
    return (
      <span className="row wrap">
        <Badge icon="lock">Token</Badge>
        {endpoint.scopes_required.map((scope) => <span key={scope} className="chip">{scope}</span>)}
      </span>
    );
  }
  if (endpoint.public === "not_approved") return <Badge tone="warn" icon="warn">Public, waits for approval</Badge>;
  return <Badge tone="info" icon="globe">Public</Badge>;
}

export function Methods({ methods }: { methods: string[] }) {
  return <span className="row wrap" style={{ gap: 4 }}>{methods.map((method) => <span key={method} className="method">{method}</span>)}</span>;
}

export default function EndpointsTab({ plugin }: TabProps) {
  const { slug, is_active } = plugin.attributes;
  const status = useGet("/api/v1/plugins/{id}/status", { ids: { id: plugin.id } });
  const [open, setOpen] = useState<Endpoint | null>(null);
  const columns: Column<Endpoint>[] = [
    { key: "path", header: "Path", sort: (endpoint) => endpoint.path, cell: (endpoint) => <code className="wrap-anywhere">/plugins/{slug}{endpoint.path}</code> },
    { key: "methods", header: "Methods", hide: "narrow", cell: (endpoint) => <Methods methods={endpoint.methods} /> },
    { key: "access", header: "Who may call", cell: (endpoint) => <Access endpoint={endpoint} /> },
    { key: "kind", header: "Answers", hide: "narrow", cell: (endpoint) => (endpoint.stream_response ? <Badge icon="stream">Stream</Badge> : <span className="muted">at once</span>) },
    { key: "description", header: "Description", hide: "medium", cell: (endpoint) => endpoint.description || <span className="muted">–</span> },
    { key: "try", header: "Try it", hideHeader: true, cell: (endpoint) => <Button small onClick={() => setOpen(endpoint)} aria-label={`Try it: ${endpoint.path}`}>Try it</Button> },
  ];
  if (!slug) {
    return (
      <Card><Empty icon="routes" title="It is not mounted" action={<LinkButton href={`/plugins/${plugin.id}/configuration`}>Give it a slug</LinkButton>}><p>Without a slug nothing of it is served: its endpoints would be below /plugins/SLUG/.</p></Empty></Card>
    );
  }
  return (
    <section className="card" aria-label="Endpoints">
      <Table
        name="endpoints"
        rows={status.data?.data.attributes.endpoints}
        error={status.error}
        retry={() => void status.refetch()}
        columns={columns}
        rowKey={(endpoint) => `${endpoint.methods.join()} ${endpoint.path}`}
        onOpen={setOpen}
        text={(endpoint) => `${endpoint.path} ${endpoint.methods.join(" ")} ${endpoint.description}`}
        empty={
          <Empty icon="routes" title={is_active ? "It serves no endpoint" : "It is disabled"}>
            <p>{is_active ? "A plugin says what it serves once it is ready. When it is, and this stays empty, it registered no endpoint." : "Enable it to see what it serves."}</p>
          </Empty>
        }
      />
      {open && <TryIt plugin={plugin.id} slug={slug} endpoint={open} onClose={() => setOpen(null)} />}
    </section>
  );
}
