// The first step: which program, and where it is to be mounted.
import { type FormEvent, useState } from "react";
import { ApiError } from "../../../api/client";
import { Button, Card, LinkButton } from "../../../kit/basics";
import { ErrorBox } from "../../../kit/ErrorBox";
import { SelectField, TextArea, TextField } from "../../../kit/fields";
import { OptionsEditor } from "../OptionsEditor";
import { useList, useStandsAlone } from "../../../api/hooks";
import { nameProblem, slugProblem } from "./checks";
import { useNamespaces } from "../../edges/common";
import { isAddress, nameOf, type Wanted } from "./wanted";

export function ProgramStep({ wanted, set, busy, error, onNext }: { wanted: Wanted; set: (part: Partial<Wanted>) => void; busy: boolean; error: unknown; onNext: (anyway: boolean) => void }) {
  const all = useNamespaces();
  // A gateway that stands alone serves the global namespace only.
  const alone = useStandsAlone();
  const namespaces = alone === false ? all : [];
  const others = useList("/api/v1/plugins").data;
  const found = { name: nameProblem(wanted.name, wanted.namespace, others), slug: slugProblem(wanted.slug, wanted.namespace, others) };
  const [named, setNamed] = useState(wanted.name !== nameOf(wanted.command));
  const [mounted, setMounted] = useState(wanted.slug !== nameOf(wanted.command));
  // What was wrong with what was sent is not wrong with what is typed since.
  const [sent, setSent] = useState(wanted);
  const wrong = error instanceof ApiError ? error.byField : {};
  const still = (field: keyof Wanted, problem: string | undefined) => (sent[field] === wanted[field] ? problem : undefined);
  // What stands below its field is not said once more.
  const told = error instanceof ApiError && error.problems.length > 0 && error.problems.every((problem) => ["command", "name", "slug", "config.slug", "description"].includes(problem.field ?? ""));
  const next = (anyway: boolean) => {
    setSent(wanted);
    onNext(anyway);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    next(false);
  };
  const onCommand = (command: string) => {
    const guess = nameOf(command);
    set({ command, ...(named ? {} : { name: guess }), ...(mounted ? {} : { slug: guess }) });
  };
  return (
    <form onSubmit={submit}>
      <Card title="Which program?">
        <div className="stack">
          <TextField
            label="Program or address"
            code
            required
            autoFocus
            placeholder="/opt/plugins/hello"
            value={wanted.command}
            problem={still("command", wrong.command)}
            hint={<>The absolute path of a program on the gateway's machine, or <code>grpc://host:port</code> of one that runs already.</>}
            onChange={(event) => onCommand(event.target.value)}
          />
          <div className="grid-2">
            <TextField label="Name" required value={wanted.name} problem={found.name ?? still("name", wrong.name)} hint="How people and logs call it." onChange={(event) => { setNamed(true); set({ name: event.target.value, ...(mounted ? {} : { slug: nameOf(event.target.value) }) }); }} />
            <TextField label="Slug" code value={wanted.slug} problem={found.slug ?? still("slug", wrong.slug ?? wrong["config.slug"])} hint={wanted.slug ? <>Clients call <code>/plugins/{wanted.slug}/…</code></> : <>Clients call <code>/plugins/SLUG/…</code>; without one, nothing of it is served.</>} onChange={(event) => { setMounted(true); set({ slug: event.target.value }); }} />
          </div>
          {namespaces.length > 0 && (
            <SelectField label="Namespace" value={wanted.namespace} hint="Which edges get it; it cannot be changed later." onChange={(event) => set({ namespace: event.target.value })}>
              <option value="">Every edge (global)</option>
              {namespaces.map((name) => <option key={name} value={name}>{name}</option>)}
            </SelectField>
          )}
          <details>
            <summary className="small muted">Description and options</summary>
            <div className="stack" style={{ marginTop: 12 }}>
              <TextArea label="Description" rows={2} value={wanted.description} problem={still("description", wrong.description)} onChange={(event) => set({ description: event.target.value })} />
              <OptionsEditor options={wanted.options} disabled={false} problems={Object.fromEntries(Object.entries(wrong).filter(([path]) => sent.options === wanted.options && path.startsWith("options.")).map(([path, text]) => [path.slice(8), text]))} onChange={(options) => set({ options })} />
            </div>
          </details>
          {!told && <ErrorBox error={error} title="The program could not be looked at" />}
          {error instanceof ApiError && error.status === 400 && alone === false && (
            <p className="small">A program that is only on edges cannot be looked at from here. <Button small disabled={found.name !== undefined || found.slug !== undefined} onClick={() => next(true)}>Go on without looking</Button></p>
          )}
          <div className="row between wrap">
            <p className="small muted">{isAddress(wanted.command) ? "It runs already; its status says what it offers, once it is registered." : "It is started once, without serving, to see what it offers."}</p>
            <span className="row">
              <LinkButton href="/plugins">Cancel</LinkButton>
              <Button type="submit" kind="primary" busy={busy} disabled={!wanted.command.trim() || !wanted.name.trim() || found.name !== undefined || found.slug !== undefined}>{busy ? "Starting it once…" : isAddress(wanted.command) ? "Continue" : "Look at it"}</Button>
            </span>
          </div>
        </div>
      </Card>
    </form>
  );
}
