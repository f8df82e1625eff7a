// What changes, field by field: the old and the new value under the field's path.
import { soundsSecret } from "../forms/secrets";
import { type FieldDiff, isObject } from "./same";

export { differences, type FieldDiff, same } from "./same";

export function showValue(value: unknown): string {
  if (value === undefined || value === null) return "not set";
  if (isObject(value) && "$secret" in value) return value.$secret === "changed" ? "a new secret" : "a secret (hidden)";
  return typeof value === "string" ? `"${value}"` : JSON.stringify(value, null, 1);
}

/** What is written in the place of a secret is one, too, and is not put on the screen. */
export function newSecret({ path, from, to }: FieldDiff): boolean {
  return typeof to === "string" && to !== "" && (path.startsWith("options.env.") || (isObject(from) && "$secret" in from) || soundsSecret(path.split(".").at(-1) ?? ""));
}

export function Diff({ changes, none = "Nothing changes." }: { changes: FieldDiff[]; none?: string }) {
  if (changes.length === 0) return <p className="muted">{none}</p>;
  return (
    <div className="diff">
      {changes.map((change) => (
        <div className="change" key={change.path}>
          <div className="path">{change.path || "everything"}</div>
          <div className="from"><span aria-hidden="true">− </span><span className="sr-only">was </span>{showValue(change.from)}</div>
          <div className="to"><span aria-hidden="true">+ </span><span className="sr-only">becomes </span>{newSecret(change) ? "a new secret" : showValue(change.to)}</div>
        </div>
      ))}
    </div>
  );
}
