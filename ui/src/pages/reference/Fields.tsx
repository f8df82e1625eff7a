// The fields of a schema as a tree that is opened where one wants to know more.
import { inner, type OpenApi, resolved, type Schema, typeOf } from "./document";
import { Prose } from "./Prose";

const DEEPEST = 6;

export function Fields({ document, schema, depth = 0 }: { document: OpenApi; schema: Schema; depth?: number }) {
  const known = inner(document, schema);
  if (!known?.properties) {
    const plain = resolved(document, schema);
    return <Choices schema={plain} />;
  }
  return (
    <ul className="schema">
      {Object.entries(known.properties).map(([name, field]) => (
        <Field key={name} document={document} name={name} field={field} required={known.required?.includes(name) ?? false} depth={depth} />
      ))}
    </ul>
  );
}

function Field({ document, name, field, required, depth }: { document: OpenApi; name: string; field: Schema; required: boolean; depth: number }) {
  const plain = resolved(document, field);
  const deeper = depth < DEEPEST && (inner(document, field) !== undefined || choicesOf(plain).length > 0);
  const head = (
    <>
      <code className="name">{name}</code>
      {required && <span className="required" title="is always there"> *</span>} <code className="small muted wrap-anywhere">{typeOf(field)}</code>
    </>
  );
  return (
    <li>
      {deeper ? (
        <details open={name === "data" || name === "attributes"}>
          <summary>{head}</summary>
          {plain.description && <p className="description"><Prose text={plain.description} /></p>}
          <Fields document={document} schema={field} depth={depth + 1} />
        </details>
      ) : (
        <>
          <div>{head}</div>
          {plain.description && <p className="description"><Prose text={plain.description} /></p>}
        </>
      )}
    </li>
  );
}

function choicesOf(schema: Schema): Schema[] {
  return (schema.oneOf ?? schema.anyOf ?? []).filter((choice) => choice.const !== undefined);
}

function Choices({ schema }: { schema: Schema }) {
  const choices = choicesOf(schema);
  if (choices.length === 0) return <p className="muted small"><Prose text={schema.description ?? typeOf(schema)} /></p>;
  return (
    <ul className="schema">
      {choices.map((choice) => (
        <li key={String(choice.const)}>
          <code className="name">{JSON.stringify(choice.const)}</code>
          {choice.description && <p className="description"><Prose text={choice.description} /></p>}
        </li>
      ))}
    </ul>
  );
}
