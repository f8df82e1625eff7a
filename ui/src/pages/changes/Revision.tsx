// One revision: what it changed, what is different since, and going back to it.
import { useEffect, useState } from "react";
import { useParams } from "@tanstack/react-router";
import { call, type Schemas } from "../../api/client";
import { useGet } from "../../api/hooks";
import { useCrumb } from "../../app/Breadcrumbs";
import { useGo } from "../../kit/A";
import { Button, Card, LinkButton, Note, PageHead, Segmented, Skeleton, useTitle } from "../../kit/basics";
import { adminCurl, CopyAs } from "../../kit/copy";
import { ErrorBox } from "../../kit/ErrorBox";
import { SelectField } from "../../kit/fields";
import { Drawer } from "../../kit/overlay";
import { exact, Time } from "../../kit/Time";
import { useAction } from "../../kit/useAction";
import { useUrlState } from "../../kit/url";
import { GatedButton } from "../common/Gated";
import { Differences } from "./common";
import { happened } from "./words";
import "./changes.css";

export default function RevisionPage() {
  const { revision: id } = useParams({ strict: false }) as { revision: string };
  useTitle(`Revision ${id}`);
  useCrumb(`Revision ${id}`);
  const read = useGet("/api/v1/revisions/{id}", { ids: { id } });
  const newest = useGet("/api/v1/revisions", { query: { limit: 1 } }).data?.data[0]?.id;
  const [view, setView] = useUrlState("compare", "before");
  const [back, setBack] = useUrlState("rollback");
  const revision = read.data?.data;
  if (read.error && !revision) return <><h1>Revision {id}</h1><ErrorBox error={read.error} title="This revision cannot be shown" retry={() => void read.refetch()} /></>;
  if (!revision) return <><h1 className="sr-only">Revision {id}</h1><Skeleton lines={6} height={20} /></>;
  const { author, at, operation, namespaces, rolled_back_to: to } = revision.attributes;
  const isNewest = newest === revision.id;
  const number = Number(revision.id);
  return (
    <>
      <PageHead title={`Revision ${id}`} lead={<>{happened(operation, to)}, by {author}, <Time at={at} /> ({exact(new Date(at))}){isNewest ? "; the newest" : ""}</>}>
        <span className="row">
          {number > 1 && <LinkButton small href={`/changes/${number - 1}`}>Before</LinkButton>}
          {newest && !isNewest && <LinkButton small href={`/changes/${number + 1}`}>After</LinkButton>}
        </span>
        <CopyAs commands={{ cli: view === "now" ? `sidegate history diff ${id}` : `sidegate history show ${id}`, curl: adminCurl("GET", diffPath(id, view)) }} />
        <GatedButton needs="admin" kind="primary" icon="reload" disabled={isNewest} title={isNewest ? "It is what is stored now." : undefined} onClick={() => setBack("1")}>Go back to it…</GatedButton>
      </PageHead>
      <Card
        title={view === "now" ? "What is different since" : "What it changed"}
        actions={<Segmented label="Compare" value={view as "before" | "now"} options={[["before", "This revision"], ["now", "Since then"]]} onChange={setView} />}
      >
        <DiffView id={id} view={view} changes={revision.attributes.changes} />
      </Card>
      {back && <Rollback id={id} namespaces={namespaces} onClose={() => setBack("")} />}
    </>
  );
}

function diffPath(id: string, view: string): string {
  return `/api/v1/revisions/diff?${view === "now" ? "from" : "to"}=${id}`;
}

function DiffView({ id, view, changes }: { id: string; view: string; changes: Schemas["ThingChange"][] }) {
  const diff = useGet("/api/v1/revisions/diff", { query: view === "now" ? { from: id } : { to: id } });
  if (diff.error) return <ErrorBox error={diff.error} title="It cannot be compared" retry={() => void diff.refetch()} />;
  if (!diff.data) return <Skeleton lines={4} />;
  const { differences } = diff.data.data.attributes;
  // What has no content to compare, such as a token, is told by its change alone.
  const told = new Set(differences.map((one) => `${one.type} ${one.id}`));
  const bare = view === "now" ? [] : changes.filter((change) => !told.has(`${change.type} ${change.id}`));
  const all = [...differences, ...bare.map((change) => ({ ...change, fields: [] }))];
  return <Differences differences={all} none={view === "now" ? "Nothing: it is as it is now." : "Nothing that is kept in the history."} />;
}

function Rollback({ id, namespaces, onClose }: { id: string; namespaces: string[]; onClose: () => void }) {
  const [namespace, setNamespace] = useState(namespaces[0] ?? "");
  const [preview, setPreview] = useState<Schemas["RollbackAttributes"] | null>(null);
  const go = useGo();
  const body = { revision: Number(id), namespace };
  type Answer = { data: { id: string; attributes: Schemas["RollbackAttributes"] } };
  const look = useAction(async () => {
    setPreview(null);
    const answer = await call<Answer>("/api/v1/revisions/rollback", { method: "POST", body: { ...body, dry_run: true } });
    setPreview(answer.body.data.attributes);
  });
  const roll = useAction(() => call<Answer>("/api/v1/revisions/rollback", { method: "POST", body }), {
    done: `Plugins and apps are as they were at revision ${id}.`,
    stale: ["/api/v1/"],
    then: (answer) => go(`/changes/${answer.body.data.attributes.revision}`),
  });
  useEffect(() => {
    void look.run();
  }, [namespace]);
  const same = preview !== null && preview.differences.length === 0;
  const deleted = (type: string) => (preview?.differences ?? []).filter((one) => one.type === type && one.change === "deleted").map((one) => one.name);
  const [apps, plugins] = [deleted("app"), deleted("plugin")];
  const isLossy = apps.length + plugins.length > 0;
  const cli = `sidegate history rollback ${id}${namespace ? ` --namespace ${namespace}` : ""}`;
  return (
    <Drawer
      title={`Go back to revision ${id}`}
      onClose={onClose}
      footer={
        <>
          <CopyAs commands={{ cli, curl: adminCurl("POST", "/api/v1/revisions/rollback", body) }} />
          <Button onClick={onClose}>Cancel</Button>
          <Button kind={isLossy ? "danger-primary" : "primary"} busy={roll.busy} disabled={!preview || same} onClick={() => void roll.run()}>Go back</Button>
        </>
      }
    >
      <div className="stack">
        <p className="muted">Plugins and apps become what they were then. It gets a revision of its own, from which one can go back again. Tokens that were revoked stay revoked, and what is deleted on the way takes along what a revision does not hold.</p>
        {namespaces.length > 1 && (
          <SelectField label="Namespace" value={namespace} onChange={(event) => setNamespace(event.target.value)}>
            {namespaces.map((one) => <option key={one} value={one}>{one || "global"}</option>)}
          </SelectField>
        )}
        <ErrorBox error={look.error ?? roll.error} title={roll.error ? "Nothing was changed" : "It cannot be said what would change"} />
        {look.busy && <Skeleton lines={4} />}
        {isLossy && (
          <Note tone="bad" title="Some of it is lost for good">
            {apps.length > 0 && <p>{apps.join(", ")}: deleted with all tokens, which no way forward brings back.</p>}
            {plugins.length > 0 && <p>{plugins.join(", ")}: deleted with what they keep in their storage.</p>}
          </Note>
        )}
        {preview && (
          <>
            <h3>{same ? "Nothing would change" : "What would change"}</h3>
            {same ? <Note tone="info">This namespace is as it was at revision {id}.</Note> : <Differences differences={preview.differences} none="" />}
          </>
        )}
      </div>
    </Drawer>
  );
}

