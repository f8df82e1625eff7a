// The second step: its configuration, by the schema that it told, checked by starting it once more.
import { lazy, Suspense, useMemo, useState } from "react";
import { describes } from "../../../forms/describes";
import { Button, Card, Note, Segmented, Skeleton } from "../../../kit/basics";
import { ErrorBox } from "../../../kit/ErrorBox";
import { Sentence } from "../../../kit/Sentence";
import { JsonEditor } from "../JsonEditor";
import type { Inspection, Wanted } from "./wanted";

const SchemaForm = lazy(() => import("../../../forms/SchemaForm"));
const SLUG = ["slug"];
const NOTHING = {};

type Props = { wanted: Wanted; set: (part: Partial<Wanted>) => void; seen: Inspection | null; busy: boolean; error: unknown; onBack: () => void; onNext: (anyway: boolean) => void };

export function SettingsStep({ wanted, set, seen, busy, error, onBack, onNext }: Props) {
  const schema = seen?.config_schema;
  const form = describes(schema, SLUG);
  const [view, setView] = useState<"form" | "json">("form");
  const [valid, setValid] = useState(true);
  const [touched, setTouched] = useState(false);
  const value = useMemo(() => ({ ...wanted.config, ...(wanted.slug ? { slug: wanted.slug } : {}) }), [wanted.config, wanted.slug]);
  const change = (config: Record<string, unknown>) => {
    const { slug: _, ...rest } = config;
    setTouched(true);
    set({ config: rest });
  };
  const refused = useMemo(() => (touched ? {} : Object.fromEntries((seen?.config_problems ?? []).map((problem) => [(problem.path ?? "").replace(/^config\.?/, "") || "_", problem.detail]))), [seen, touched]);
  return (
    <Card title="Configuration" actions={form && <Segmented label="How to edit" value={view} options={[["form", "Form"], ["json", "JSON"]]} onChange={setView} />}>
      <div className="stack">
        {seen?.failure && <Note tone={seen.config_problems.length > 0 ? "warn" : "bad"} title={seen.config_problems.length > 0 ? "It does not serve with these settings" : "It would not serve as it is"}><Sentence text={seen.failure} /></Note>}
        {!seen && <Note tone="info">It was not looked at, so its settings are written as JSON. The plugin says what is wrong with them when it starts.</Note>}
        {seen && !form && <p className="muted">It tells no schema of its settings. What it needs is in its documentation; many need nothing.</p>}
        {form && view === "form" ? (
          <Suspense fallback={<Skeleton lines={5} height={30} />}>
            <SchemaForm schema={schema as never} value={value} stored={NOTHING} hidden={SLUG} refused={refused} onChange={change} />
          </Suspense>
        ) : (
          <JsonEditor label="Configuration as JSON" value={wanted.config} onChange={change} onValid={setValid} stored={false} />
        )}
        <ErrorBox error={error} title="The program could not be looked at" />
        <div className="row between wrap">
          <Button onClick={onBack}>Back</Button>
          <span className="row wrap">
            {seen?.failure && <Button disabled={!valid || busy} onClick={() => onNext(true)}>Go on anyway</Button>}
            <Button kind="primary" busy={busy} disabled={!valid} onClick={() => { setTouched(false); onNext(!seen); }}>{busy ? "Starting it once…" : seen?.failure ? "Check it again" : "Continue"}</Button>
          </span>
        </div>
      </div>
    </Card>
  );
}
