// The plugin's settings: by form or as JSON, looked at before they are saved, merged when somebody was faster.
import { useBlocker } from "@tanstack/react-router";
import { lazy, Suspense, useMemo, useState } from "react";
import { ApiError, call, type Schemas } from "../../../api/client";
import { useGet, useInvalidate, useMay } from "../../../api/hooks";
import { describes } from "../../../forms/describes";
import { Button, Card, Note, Segmented, Skeleton } from "../../../kit/basics";
import { Confirm } from "../../../kit/overlay";
import { ErrorBox } from "../../../kit/ErrorBox";
import { TextArea, TextField } from "../../../kit/fields";
import { Sentence } from "../../../kit/Sentence";
import { toast } from "../../../kit/toast";
import type { TabProps } from "../Detail";
import { changedFields, type Editing, useEditing } from "../../common/editing";
import { MergeBox } from "../../common/MergeBox";
import { type Draft, draftOf, type Preview, save } from "../draft";
import { JsonEditor } from "../JsonEditor";
import { OptionsEditor } from "../OptionsEditor";
import { Review } from "../Review";
import { settled } from "../settled";
import type { Plugin } from "../data";

const SchemaForm = lazy(() => import("../../../forms/SchemaForm"));
const SLUG = ["slug"];

/** What the gateway refused, by path within `config`. */
function within(error: unknown, prefix: string): Record<string, string> {
  if (!(error instanceof ApiError)) return {};
  return Object.fromEntries(
    Object.entries(error.byField)
      .filter(([path]) => path.startsWith(`${prefix}.`))
      .map(([path, text]) => [path.slice(prefix.length + 1), text]),
  );
}

export default function ConfigurationTab({ plugin, etag, reload }: TabProps) {
  const operator = useMay("operator");
  const admin = useMay("admin");
  const schema = useGet("/api/v1/plugins/{id}/config-schema", { ids: { id: plugin.id } });
  const edit = useEditing(useMemo(() => draftOf(plugin), [plugin]), etag);
  const [view, setView] = useState<"form" | "json">("form");
  const [valid, setValid] = useState(true);
  // The text of the JSON begins anew with it.
  const [discarded, setDiscarded] = useState(0);
  const [reviewing, setReviewing] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const invalidate = useInvalidate();
  const told = schema.data?.data.attributes.schema;
  const form = describes(told, SLUG);
  const dirty = edit.dirty || !valid;
  const blocker = useBlocker({ shouldBlockFn: () => dirty, enableBeforeUnload: () => dirty, withResolver: true });

  /** Tells what came of a change that is stored: whether what is to serve by it does. */
  const follow = async (applied: boolean, effect: Preview["effect"] | undefined) => {
    if (!applied) return toast.good("Saved; some node has not taken it up yet");
    if (effect !== "reload" && effect !== "start") return toast.good(effect === "stop" ? "Saved; its processes end" : "Saved, and live");
    const found = await settled(plugin.id, plugin.attributes.status).catch(() => "open" as const);
    if (found === "open") toast.good("Saved; its new process does not serve yet");
    else if (found.failed === null) toast.good("Saved, and live");
    else toast.bad(`Saved, but it does not run: ${found.failed}`);
    await invalidate("/api/v1/plugins", "/api/v1/needs");
  };

  const onSave = async (effect: Preview["effect"] | undefined) => {
    setBusy(true);
    setError(null);
    try {
      const result = await save(plugin.id, changedFields(edit.base, edit.draft), edit.version);
      edit.saved(draftOf(result.plugin), result.etag);
      setReviewing(false);
      void follow(result.applied, effect);
      await invalidate("/api/v1/plugins", "/api/v1/routes", "/api/v1/needs", "/api/v1/revisions");
    } catch (cause) {
      setError(cause);
      // Somebody was faster: what they stored is asked for, and shown as a merge.
      if (cause instanceof ApiError && cause.status === 412) {
        setReviewing(false);
        await call<Schemas["Shown_PluginAttributes"]>(`/api/v1/plugins/${plugin.id}`).then(reload, () => undefined);
      }
    } finally {
      setBusy(false);
    }
  };
  const fields = edit.changes.length === 1 ? "One field" : `${edit.changes.length} fields`;
  return (
    <div className="stack">
      {!operator && <Note tone="info">Your role may read this. Changes need the role operator.</Note>}
      {plugin.attributes.status.reload_failure && (
        <Note tone="bad" title="What is stored here does not run; the process before serves on">
          <Sentence text={plugin.attributes.status.reload_failure} />
        </Note>
      )}
      <MergeBox what="plugin" edit={edit} then={() => setError(null)} />
      {error !== null && !reviewing && !edit.merge && <ErrorBox error={error} title="Nothing was saved; your edits are still here" />}
      <Card
        title="Configuration"
        actions={form && <Segmented label="How to edit" value={view} options={[["form", "Form"], ["json", "JSON"]]} onChange={(wanted) => { if (valid) setView(wanted); else toast.bad("The form needs JSON that can be read: mend the text, or discard it"); }} />}
      >
        {schema.isPending ? (
          <Skeleton lines={5} height={30} />
        ) : form && view === "form" ? (
          <Suspense fallback={<Skeleton lines={5} height={30} />}>
            <SchemaForm schema={told as never} value={edit.draft.config} stored={edit.base.config} hidden={SLUG} refused={within(error, "config")} disabled={!operator} onChange={(config) => edit.set({ config })} />
          </Suspense>
        ) : (
          <div className="stack">
            {!form && <p className="muted small">The plugin told no schema of its settings{plugin.attributes.status.state === "ready" ? "" : ", or was not started yet"}; so they are edited as JSON.</p>}
            <JsonEditor key={discarded} label="Configuration as JSON" value={edit.draft.config} onChange={(config) => edit.set({ config })} onValid={setValid} disabled={!operator} problem={error instanceof ApiError ? error.byField.config : undefined} />
          </div>
        )}
      </Card>
      <Registration plugin={plugin} edit={edit} operator={operator} admin={admin} error={error} />
      {operator && dirty && (
        <div className="card savebar" role="region" aria-label="Unsaved changes">
          <span><strong>{valid ? fields : "The JSON"}</strong> {valid ? "changed, not saved" : "cannot be read yet, so it is not saved"}</span>
          <span className="row">
            <Button onClick={() => { edit.discard(); setError(null); setValid(true); setDiscarded((count) => count + 1); }}>Discard</Button>
            <Button kind="primary" disabled={!valid || edit.merge !== null} onClick={() => setReviewing(true)}>Review and save</Button>
          </span>
        </div>
      )}
      {reviewing && (
        <Review id={plugin.id} name={plugin.attributes.name} patch={changedFields(edit.base, edit.draft)} changes={edit.changes} busy={busy} error={error} onSave={(effect) => void onSave(effect)} onClose={() => setReviewing(false)} />
      )}
      {blocker.status === "blocked" && (
        <Confirm title="Leave without saving?" action="Leave" danger onConfirm={blocker.proceed} onClose={blocker.reset}>
          <p>{valid ? `${fields} that changed` : "Text that is no JSON yet"} would be lost.</p>
        </Confirm>
      )}
    </div>
  );
}

function Registration({ plugin, edit, operator, admin, error }: { plugin: Plugin; edit: Editing<Draft>; operator: boolean; admin: boolean; error: unknown }) {
  const { draft, set } = edit;
  const wrong = error instanceof ApiError ? error.byField : {};
  const slug = typeof draft.config.slug === "string" ? draft.config.slug : "";
  return (
    <Card title="Registration">
      <div className="schema-form">
        <TextField label="Name" required value={draft.name} problem={wrong.name} disabled={!operator} onChange={(event) => set({ name: event.target.value })} />
        <TextField label="Slug" code value={slug} problem={wrong.slug ?? wrong["config.slug"]} disabled={!operator} hint={slug ? <>Clients call <code>/plugins/{slug}/…</code></> : <>Clients call <code>/plugins/SLUG/…</code>; without one, nothing of it is served.</>} onChange={(event) => set({ config: { ...draft.config, slug: event.target.value || undefined } })} />
        <TextField label="Program" code value={draft.command} problem={wrong.command} disabled={!admin} hint={admin ? <><code>file:///absolute/path</code>, or <code>grpc://host:port</code> of one that runs already</> : "Which program runs is for admins to change."} onChange={(event) => set({ command: event.target.value })} />
        <TextArea label="Description" rows={2} value={draft.description} problem={wrong.description} disabled={!operator} onChange={(event) => set({ description: event.target.value })} />
        <TextField label="Looked after by" value={draft.managed_by} problem={wrong.managed_by} disabled={!operator} hint="A note, such as the repository it is configured from." onChange={(event) => set({ managed_by: event.target.value })} />
        <OptionsEditor options={draft.options} disabled={!operator} problems={within(error, "options")} onChange={(options) => set({ options })} />
        {plugin.attributes.namespace && <p className="small muted">It belongs to the namespace <code>{plugin.attributes.namespace}</code>, which was said at its creation and stays.</p>}
      </div>
    </Card>
  );
}
