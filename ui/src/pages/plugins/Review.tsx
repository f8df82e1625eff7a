// Before a change is saved: every field that becomes another, what it does to the processes, what stands against it.
import { useQuery } from "@tanstack/react-query";
import { ApiError } from "../../api/client";
import { soundsSecret } from "../../forms/secrets";
import { Button, Note, Skeleton } from "../../kit/basics";
import { adminCurl, CommandView, shellQuote } from "../../kit/copy";
import { Diff, type FieldDiff, newSecret } from "../../kit/Diff";
import { ErrorBox } from "../../kit/ErrorBox";
import { Drawer } from "../../kit/overlay";
import { Sentence } from "../../kit/Sentence";
import { type Draft, type Preview, preview } from "./draft";

const EFFECTS: Record<Preview["effect"], [string, string, "info" | "good" | "warn"]> = {
  none: ["Nothing happens to its processes", "Nobody who calls it notices.", "good"],
  live: ["Live: the processes go on", "The next request is served by it; no process starts or ends.", "good"],
  reload: ["Reload, and no request is lost", "A new process starts beside the old one and takes over once it serves. If it fails, the old one goes on.", "info"],
  start: ["A process is started", "The plugin does not run now; it will.", "info"],
  stop: ["Its processes end", "Open requests are finished; new ones are refused.", "warn"],
};

type Props = {
  id: string;
  name: string;
  patch: Partial<Draft>;
  changes: FieldDiff[];
  busy: boolean;
  error: unknown;
  /** With what it does to the processes, where that is known. */
  onSave: (effect: Preview["effect"] | undefined) => void;
  onClose: () => void;
};

/** The commands that make the same change, as far as a command line can say it. */
function commandOf(name: string, changes: FieldDiff[]): string | undefined {
  const parts = ["sidegate plugin update", shellQuote(name)];
  for (const change of changes) {
    const { path, to } = change;
    const [field, ...rest] = path.split(".");
    const key = rest.join(".");
    if (field === "config" && rest.length === 1) {
      if (to === undefined) parts.push("--unset", shellQuote(key));
      else if (typeof to === "string") parts.push("--set", shellQuote(`${key}=${newSecret(change) ? "…" : to}`));
      else parts.push("--set-json", shellQuote(`${key}=${JSON.stringify(to)}`));
    } else if (field === "options" && key) {
      if (to === undefined) parts.push("--remove-option", shellQuote(key));
      else parts.push("--option", shellQuote(`${key}=${key.startsWith("env.") ? "…" : String(to)}`));
    } else if (["name", "description", "command", "managed_by"].includes(field ?? "")) {
      parts.push(`--${field?.replace("_", "-")}`, shellQuote(String(to ?? "")));
    } else return undefined;
  }
  return parts.join(" ");
}

export function Review({ id, name, patch, changes, busy, error, onSave, onClose }: Props) {
  const looked = useQuery({ queryKey: ["preview", id, JSON.stringify(patch)], queryFn: () => preview(id, patch), staleTime: 0, gcTime: 0, retry: false });
  const told = looked.data;
  const shown = told && told.changes.length > 0 ? told.changes : changes;
  const losesSlug = shown.some(({ path, from, to }) => path === "config.slug" && Boolean(from) && !to);
  const stops = (told?.problems.length ?? 0) > 0;
  return (
    <Drawer
      title={`Review ${shown.length === 1 ? "one change" : `${shown.length} changes`}`}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Back to editing</Button>
          <Button kind="primary" busy={busy} disabled={stops} onClick={() => onSave(told?.effect)}>{busy ? "Saving…" : "Save"}</Button>
        </>
      }
    >
      <div className="stack loose">
        {looked.isPending && <Skeleton lines={2} />}
        {looked.error && <ErrorBox error={looked.error} title={looked.error instanceof ApiError && looked.error.status === 403 ? "You may not change this" : "What it does could not be looked up"} />}
        {told && !stops && <Note tone={EFFECTS[told.effect][2]} title={EFFECTS[told.effect][0]}>{EFFECTS[told.effect][1]}</Note>}
        {stops && (
          <Note tone="bad" title="The gateway would refuse this">
            <ul>{told?.problems.map((problem) => <li key={problem.detail}><Sentence text={problem.detail} /></li>)}</ul>
          </Note>
        )}
        {losesSlug && <Note tone="warn" title="Nothing of it is served any more">Without a slug it has no address: clients get 404.</Note>}
        <Diff changes={shown} />
        <ErrorBox error={error} title="Nothing was saved; your edits are still here" />
        <details>
          <summary className="small muted">The same from a terminal</summary>
          <div style={{ marginTop: 8 }}>
            <CommandView commands={{ cli: commandOf(name, changes), curl: adminCurl("PATCH", `/api/v1/plugins/${id}`, hideSecrets(patch, changes)) }} />
          </div>
        </details>
      </div>
    </Drawer>
  );
}

/** New secrets are not copied into a command: it would stand in a shell's history. */
function hideSecrets(value: unknown, changes: FieldDiff[], path = ""): unknown {
  const change = changes.find((each) => each.path === path);
  if (change ? newSecret(change) : typeof value === "string" && soundsSecret(path.split(".").at(-1) ?? "")) return "…";
  if (Array.isArray(value) || typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, hideSecrets(inner, changes, path ? `${path}.${key}` : key)]));
}
