// A plugin's configuration as a form drawn from its JSON Schema, or as JSON; both are the same value.
import Form from "@rjsf/core";
import type { ErrorSchema, RJSFSchema, UiSchema } from "@rjsf/utils";
import { Component, type ReactNode, useMemo } from "react";
import { Note } from "../kit/basics";
import { isSecret, soundsSecret } from "./secrets";
import { fields, templates, widgets } from "./theme";
import { validator } from "./validator";

type Json = Record<string, unknown>;

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Which settings are secrets: those that are stored as such, those the schema or their name calls so. */
function uiOf(schema: unknown, value: unknown, stored: unknown): UiSchema {
  const ui: UiSchema = {};
  const properties = isObject(schema) && isObject(schema.properties) ? schema.properties : {};
  const names = new Set([...Object.keys(properties), ...(isObject(value) && !isSecret(value) ? Object.keys(value) : [])]);
  for (const name of names) {
    const inner = isObject(properties[name]) ? (properties[name] as Json) : {};
    const kept = isObject(stored) ? stored[name] : undefined;
    if (isSecret(kept)) ui[name] = { "ui:field": "secret" };
    else if (inner.type === "object" || isObject(inner.properties)) ui[name] = uiOf(inner, isObject(value) ? value[name] : undefined, kept);
    else if (inner.type === "string" && !inner.enum && (inner.writeOnly === true || inner.format === "password" || soundsSecret(name))) ui[name] = { "ui:widget": "PasswordWidget" };
  }
  return ui;
}

type Props = {
  schema: RJSFSchema;
  value: Json;
  /** The configuration as the gateway has it, in which secrets are hidden. */
  stored: Json;
  /** Settings that are edited elsewhere. */
  hidden?: string[];
  /** What the gateway found wrong, by path within the configuration. */
  refused?: Record<string, string>;
  disabled?: boolean;
  onChange: (value: Json) => void;
};

function extraErrors(refused: Record<string, string>): ErrorSchema {
  const root: Json = {};
  for (const [path, text] of Object.entries(refused)) {
    let inner = root;
    for (const key of path.split(".")) {
      inner[key] ??= {};
      inner = inner[key] as Json;
    }
    inner.__errors = [text];
  }
  return root as ErrorSchema;
}

export default function SchemaForm({ schema, value, stored, hidden = [], refused = {}, disabled, onChange }: Props) {
  const ui = useMemo(() => {
    const own = uiOf(schema, value, stored);
    for (const name of hidden) own[name] = { "ui:widget": "hidden" };
    return { ...own, "ui:submitButtonOptions": { norender: true } };
  }, [schema, stored, hidden.join(), Object.keys(value).join()]);
  const extra = useMemo(() => extraErrors(refused), [refused]);
  return (
    <Guard key={JSON.stringify(schema).length}>
      <div className="schema-form">
        <Form
          tagName="div"
          schema={schema}
          uiSchema={ui}
          formData={value}
          validator={validator}
          templates={templates}
          widgets={widgets}
          fields={fields as never}
          extraErrors={extra}
          disabled={disabled}
          liveValidate
          noHtml5Validate
          showErrorList={false}
          experimental_defaultFormStateBehavior={{ emptyObjectFields: "skipDefaults", allOf: "skipDefaults" }}
          onChange={(event) => onChange((event.formData ?? {}) as Json)}
        />
      </div>
    </Guard>
  );
}

/** A schema that cannot be drawn (a reference to another host, a broken one) costs the form, not the page. */
class Guard extends Component<{ children: ReactNode }, { why: string | null }> {
  override state = { why: null };
  static getDerivedStateFromError(error: unknown) {
    return { why: error instanceof Error ? error.message : String(error) };
  }
  override render() {
    if (this.state.why === null) return this.props.children;
    return (
      <Note tone="warn" title="The plugin's schema cannot be shown as a form. Edit the configuration as JSON.">
        {this.state.why}
      </Note>
    );
  }
}
