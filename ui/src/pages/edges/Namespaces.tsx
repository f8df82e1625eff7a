// Namespaces: which edges get what.
import { type FormEvent, useMemo, useState } from "react";
import { ApiError, call } from "../../api/client";
import { type Item, useList } from "../../api/hooks";
import { A } from "../../kit/A";
import { Button, Card, Empty, PageHead, useTitle } from "../../kit/basics";
import { adminCurl, CopyAs, shellQuote } from "../../kit/copy";
import { ErrorBox } from "../../kit/ErrorBox";
import { TextArea, TextField } from "../../kit/fields";
import { Confirm, Drawer } from "../../kit/overlay";
import { type Column, Table } from "../../kit/Table";
import { Time } from "../../kit/Time";
import { useAction } from "../../kit/useAction";
import { useUrlState } from "../../kit/url";
import { GatedButton } from "../common/Gated";
import { EdgesTabs } from "./common";

type Namespace = Item<"/api/v1/namespaces">;

function useColumns(remove: (namespace: Namespace) => void): Column<Namespace>[] {
  const apps = useList("/api/v1/apps").data;
  const plugins = useList("/api/v1/plugins").data;
  return useMemo(() => {
    const count = (things: { attributes: { namespace: string } }[] | undefined, name: string) => things?.filter((thing) => thing.attributes.namespace === name).length ?? 0;
    return [
      { key: "name", header: "Namespace", sort: ({ attributes }) => attributes.name, cell: ({ attributes }) => <strong>{attributes.name}</strong> },
      { key: "description", header: "What for", hide: "narrow", cell: ({ attributes }) => attributes.description || <span className="muted">–</span> },
      { key: "plugins", header: "Plugins", numeric: true, cell: ({ attributes }) => <A className="link" href={`/plugins?q=${encodeURIComponent(attributes.name)}`}>{count(plugins, attributes.name)}</A> },
      { key: "apps", header: "Apps", numeric: true, cell: ({ attributes }) => <A className="link" href={`/apps?q=${encodeURIComponent(attributes.name)}`}>{count(apps, attributes.name)}</A> },
      { key: "head", header: "Published", numeric: true, hide: "narrow", cell: ({ attributes }) => (attributes.head === null ? "–" : <A className="link" href={`/changes/${attributes.head}`}>{attributes.head}</A>) },
      { key: "created", header: "Made", hide: "medium", sort: ({ attributes }) => attributes.created_at, cell: ({ attributes }) => <Time at={attributes.created_at} /> },
      { key: "actions", header: "Delete", hideHeader: true, width: 1, cell: (one) => <GatedButton needs="admin" small kind="ghost" icon="trash" label={`Delete ${one.attributes.name}`} onClick={() => remove(one)} /> },
    ];
  }, [apps, plugins, remove]);
}

export default function Namespaces() {
  useTitle("Namespaces");
  const list = useList("/api/v1/namespaces");
  const [making, setMaking] = useUrlState("new");
  const [removing, setRemoving] = useState<Namespace | null>(null);
  const columns = useColumns(setRemoving);
  const create = <GatedButton needs="admin" kind="primary" icon="plus" onClick={() => setMaking("1")}>Register a namespace</GatedButton>;
  return (
    <>
      <PageHead title="Namespaces" lead="Every edge gets what is global, and what is in its own namespace. A plugin or app stays in its namespace for life.">
        <CopyAs commands={{ cli: "sidegate namespace list", curl: adminCurl("GET", "/api/v1/namespaces") }} />
        {create}
      </PageHead>
      <EdgesTabs />
      <Card flush>
        <Table
          name="namespaces"
          rows={list.data}
          columns={columns}
          rowKey={(one) => one.id}
          sort="name"
          error={list.error}
          retry={() => void list.refetch()}
          empty={
            <Empty icon="globe" title="Everything is global">
              <p>All plugins and apps go to every edge. Register a namespace, such as one for a region or a team, when some are to go to some edges only.</p>
            </Empty>
          }
        />
      </Card>
      {making && <CreateNamespace onClose={() => setMaking("")} />}
      {removing && <DeleteNamespace namespace={removing} onClose={() => setRemoving(null)} />}
    </>
  );
}

function CreateNamespace({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const body = { name, description };
  const create = useAction(() => call("/api/v1/namespaces", { method: "POST", body }), { done: "It is registered.", stale: ["/api/v1/namespaces"], then: onClose });
  const wrong = create.error instanceof ApiError ? create.error.byField : {};
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void create.run();
  };
  const cli = `sidegate namespace create ${shellQuote(name || "berlin")}${description ? ` --description ${shellQuote(description)}` : ""}`;
  return (
    <Drawer
      title="Register a namespace"
      onClose={onClose}
      footer={<><CopyAs commands={{ cli, curl: adminCurl("POST", "/api/v1/namespaces", body) }} /><Button onClick={onClose}>Cancel</Button><Button kind="primary" type="submit" form="create-namespace" busy={create.busy}>Register</Button></>}
    >
      <form id="create-namespace" className="stack" onSubmit={submit}>
        <TextField label="Name" code required autoFocus value={name} problem={wrong.name} onChange={(event) => setName(event.target.value)} placeholder="berlin" />
        <TextArea label="What for" rows={2} value={description} problem={wrong.description} onChange={(event) => setDescription(event.target.value)} />
        <ErrorBox error={create.error} title="It was not registered" />
      </form>
    </Drawer>
  );
}

function DeleteNamespace({ namespace, onClose }: { namespace: Namespace; onClose: () => void }) {
  const path = `/api/v1/namespaces/${namespace.id}`;
  const { name } = namespace.attributes;
  const remove = useAction(() => call(path, { method: "DELETE" }), { done: `${name} is forgotten.`, stale: ["/api/v1/namespaces"], then: onClose });
  return (
    <Confirm title={`Delete namespace ${name}?`} action="Delete" danger busy={remove.busy} onConfirm={() => void remove.run()} onClose={onClose}>
      <div className="stack tight">
        <p>It must be empty: no plugin, app or edge may be in it.</p>
        <ErrorBox error={remove.error} title="It was not deleted" />
        <div><CopyAs small commands={{ cli: `sidegate namespace delete ${shellQuote(name)}`, curl: adminCurl("DELETE", path) }} /></div>
      </div>
    </Confirm>
  );
}
