// Changing an app: nothing that was typed is lost, neither by a refusal nor by somebody else's change.
import { type FormEvent, useMemo, useState } from "react";
import { ApiError, call, type Schemas } from "../../api/client";
import { Button, Card, Skeleton } from "../../kit/basics";
import { adminCurl, CopyAs, shellQuote } from "../../kit/copy";
import { ErrorBox } from "../../kit/ErrorBox";
import { useAction } from "../../kit/useAction";
import { changedFields, useEditing } from "../common/editing";
import { GatedButton, RoleNote, useReason } from "../common/Gated";
import { MergeBox } from "../common/MergeBox";
import { AppHead, useApp } from "./AppHead";
import { type AppDraft, AppFields } from "./fields";

function pick(app: Schemas["AppAttributes"]): AppDraft {
  const { name, owner_email, description, rate_limit, monthly_budget, max_staleness, managed_by, metadata } = app;
  return { name, owner_email, description, rate_limit, monthly_budget, max_staleness: max_staleness ?? "", managed_by, metadata: metadata as AppDraft["metadata"] };
}

const FLAGS: Partial<Record<keyof AppDraft, string>> = {
  name: "--name",
  owner_email: "--owner-email",
  description: "--description",
  rate_limit: "--rate-limit",
  monthly_budget: "--monthly-budget",
  max_staleness: "--max-staleness",
  managed_by: "--managed-by",
};

function cliOf(name: string, change: Partial<AppDraft>, before: AppDraft): string {
  const words = ["sidegate app update", shellQuote(name)];
  for (const [field, value] of Object.entries(change)) {
    const flag = FLAGS[field as keyof AppDraft];
    if (flag) words.push(flag, shellQuote(String(value)));
  }
  for (const [key, value] of Object.entries(change.metadata ?? {})) {
    if (JSON.stringify(before.metadata[key]) === JSON.stringify(value)) continue;
    if (typeof value === "string") words.push("--metadata", shellQuote(`${key}=${value}`));
    else words.push("--metadata-json", shellQuote(`${key}=${JSON.stringify(value)}`));
  }
  for (const key of Object.keys(before.metadata)) {
    if (change.metadata && !(key in change.metadata)) words.push("--remove-metadata", shellQuote(key));
  }
  return words.join(" ");
}

export default function AppSettings() {
  const { read, app } = useApp();
  if (read.error && !app) return <><h1>App</h1><ErrorBox error={read.error} title="This app cannot be shown" retry={() => void read.refetch()} /></>;
  if (!app) return <><h1 className="sr-only">App</h1><Skeleton lines={6} height={20} /></>;
  return (
    <>
      <AppHead app={app} />
      <Settings key={app.id} id={app.id} attributes={app.attributes} etag={read.data?.etag ?? null} reload={() => void read.refetch()} />
    </>
  );
}

type Props = { id: string; attributes: Schemas["AppAttributes"]; etag: string | null; reload: () => void };

function Settings({ id, attributes, etag, reload }: Props) {
  const path = `/api/v1/apps/${id}`;
  const edit = useEditing(useMemo(() => pick(attributes), [attributes]), etag);
  const [problem, setProblem] = useState<string | null>(null);
  const reason = useReason("operator");
  const { draft, base } = edit;
  const change = changedFields(base, draft);
  const count = Object.keys(change).length;
  const save = useAction(
    async () => {
      try {
        const done = await call<Schemas["Changed_AppAttributes"]>(path, { method: "PATCH", body: change, ifMatch: edit.version ?? undefined });
        edit.saved(pick(done.body.data.attributes), done.etag);
      } catch (cause) {
        // Somebody was faster: what they stored is asked for, and shown as a merge.
        if (cause instanceof ApiError && cause.status === 412) reload();
        throw cause;
      }
    },
    { done: "Saved, and in force.", stale: ["/api/v1/apps"] },
  );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void save.run();
  };
  const wrong = save.error instanceof ApiError ? save.error.byField : {};
  return (
    <Card title="Settings" actions={<CopyAs small commands={{ cli: cliOf(base.name, change, base), curl: adminCurl("PATCH", path, change) }} />}>
      <form className="stack" onSubmit={submit}>
        <RoleNote needs="operator" />
        <AppFields draft={draft} set={edit.set} wrong={wrong} onProblem={setProblem} disabled={reason !== undefined} />
        <MergeBox what="app" edit={edit} then={save.clear} />
        {!edit.merge && <ErrorBox error={save.error} title="Nothing was saved; what you wrote is still here" />}
        <div className="row end wrap">
          {count > 0 && <span className="small muted grow">{count === 1 ? "1 field differs" : `${count} fields differ`}: {Object.keys(change).join(", ")}</span>}
          <Button disabled={count === 0} onClick={() => { edit.discard(); save.clear(); }}>Undo</Button>
          <GatedButton needs="operator" kind="primary" type="submit" busy={save.busy} disabled={count === 0 || problem !== null || edit.merge !== null}>Save</GatedButton>
        </div>
      </form>
    </Card>
  );
}
