// How rjsf draws: our fields instead of its own, in plain HTML.
import type {
  ArrayFieldItemTemplateProps,
  ArrayFieldTemplateProps,
  BaseInputTemplateProps,
  FieldProps,
  FieldTemplateProps,
  IconButtonProps,
  ObjectFieldTemplateProps,
  RegistryWidgetsType,
  TemplatesType,
  WidgetProps,
  WrapIfAdditionalTemplateProps,
} from "@rjsf/utils";
import { ADDITIONAL_PROPERTY_FLAG, getInputProps } from "@rjsf/utils";
import { useState } from "react";
import { Badge, Button } from "../kit/basics";
import { Problem } from "../kit/fields";
import { isSecret, KEEP } from "./secrets";

function FieldTemplate(props: FieldTemplateProps) {
  const { id, label, required, rawDescription, rawErrors, children, hidden, displayLabel, schema, registry, uiSchema } = props;
  if (hidden) return <div hidden>{children}</div>;
  const Wrap = registry.templates.WrapIfAdditionalTemplate;
  const container = schema.type === "object" || schema.type === "array";
  const errors = (rawErrors ?? []).filter((text, index, all) => all.indexOf(text) === index);
  const named = displayLabel && !container && uiSchema?.["ui:field"] !== "secret" && schema.type !== "boolean";
  return (
    <Wrap {...props}>
      <div className="field">
        {named && <label htmlFor={id}>{label}{required && <span className="required" aria-hidden="true"> *</span>}</label>}
        {children}
        {rawDescription && !container && schema.type !== "boolean" && <p className="hint" id={`${id}__description`}>{rawDescription}</p>}
        {errors.map((text) => <Problem key={text} text={text} />)}
      </div>
    </Wrap>
  );
}

function ObjectFieldTemplate(props: ObjectFieldTemplateProps) {
  const { title, description, properties, schema, onAddProperty, disabled, readonly, fieldPathId } = props;
  const nested = fieldPathId.path.length > 0;
  return (
    <fieldset className={nested ? "object nested" : "object"} id={fieldPathId.$id}>
      {nested && title ? <legend>{title}</legend> : <legend className="sr-only">Settings</legend>}
      {nested && description && <p className="small muted">{description}</p>}
      {properties.map((property) => property.content)}
      {schema.additionalProperties && !disabled && !readonly && (
        <div><Button small icon="plus" onClick={() => onAddProperty()}>Add a setting</Button></div>
      )}
    </fieldset>
  );
}

function ArrayFieldTemplate(props: ArrayFieldTemplateProps) {
  const { title, items, canAdd, onAddClick, disabled, readonly, schema, required, fieldPathId } = props;
  return (
    <fieldset className="list" id={fieldPathId.$id}>
      <legend>{title}{required && <span className="required" aria-hidden="true"> *</span>}</legend>
      {schema.description && <p className="small muted">{schema.description}</p>}
      {items.length === 0 && <p className="small muted">Empty.</p>}
      {items}
      {canAdd && <div><Button small icon="plus" disabled={disabled || readonly} onClick={onAddClick}>Add an entry</Button></div>}
    </fieldset>
  );
}

function ArrayFieldItemTemplate({ children, buttonsProps, index }: ArrayFieldItemTemplateProps) {
  return (
    <div className="item">
      <div>{children}</div>
      <div className="row">
        {buttonsProps.hasMoveUp && <Button small kind="ghost" icon="up" label={`Move entry ${index + 1} up`} onClick={buttonsProps.onMoveUpItem} />}
        {buttonsProps.hasMoveDown && <Button small kind="ghost" icon="down" label={`Move entry ${index + 1} down`} onClick={buttonsProps.onMoveDownItem} />}
        {buttonsProps.hasRemove && <Button small kind="ghost" icon="trash" label={`Remove entry ${index + 1}`} onClick={buttonsProps.onRemoveItem} />}
      </div>
    </div>
  );
}

function WrapIfAdditional({ id, label, schema, children, onKeyRenameBlur, onRemoveProperty, disabled, readonly }: WrapIfAdditionalTemplateProps) {
  if (!(ADDITIONAL_PROPERTY_FLAG in schema)) return <>{children}</>;
  return (
    <div className="item">
      <div className="grid-2">
        <div className="field">
          <label htmlFor={`${id}-key`}>Name of the setting</label>
          <input className="input" id={`${id}-key`} defaultValue={label} onBlur={onKeyRenameBlur} disabled={disabled || readonly} />
        </div>
        {children}
      </div>
      <Button small kind="ghost" icon="trash" label={`Remove ${label}`} onClick={onRemoveProperty} disabled={disabled || readonly} />
    </div>
  );
}

const placeholder = (schema: { default?: unknown }, fallback?: string) => (schema.default === undefined || typeof schema.default === "object" ? fallback : `${String(schema.default)} (if empty)`);

function BaseInput(props: BaseInputTemplateProps) {
  const { id, value, onChange, onChangeOverride, schema, type, options, required, disabled, readonly, rawErrors } = props;
  const { step: _, min, max, ...input } = getInputProps(schema, type, options);
  const number = input.type === "number";
  return (
    <input
      id={id}
      name={id}
      className="input"
      {...(number ? { type: "text", inputMode: "decimal" as const } : input)}
      title={[min !== undefined ? `at least ${min}` : "", max !== undefined ? `at most ${max}` : ""].filter(Boolean).join(", ") || undefined}
      value={value ?? ""}
      placeholder={placeholder(schema, options.placeholder)}
      required={required}
      disabled={disabled}
      readOnly={readonly}
      spellCheck={false}
      autoComplete="off"
      aria-invalid={rawErrors?.length ? true : undefined}
      aria-describedby={schema.description ? `${id}__description` : undefined}
      onChange={onChangeOverride ?? ((event) => onChange(event.target.value === "" ? options.emptyValue : event.target.value))}
    />
  );
}

function SelectWidget({ id, options, value, onChange, required, disabled, readonly, rawErrors, schema, multiple }: WidgetProps) {
  const choices = (options.enumOptions ?? []) as { value: unknown; label: string }[];
  if (multiple) return <Choices id={id} choices={choices} value={value as unknown[]} onChange={onChange} disabled={disabled || readonly} />;
  const index = choices.findIndex((choice) => JSON.stringify(choice.value) === JSON.stringify(value));
  return (
    <select
      id={id}
      className="select"
      value={index < 0 ? "" : String(index)}
      required={required}
      disabled={disabled || readonly}
      aria-invalid={rawErrors?.length ? true : undefined}
      onChange={(event) => onChange(event.target.value === "" ? undefined : choices[Number(event.target.value)]?.value)}
    >
      {(index < 0 || (!required && schema.default === undefined)) && <option value="">{placeholder(schema, "not set")}</option>}
      {choices.map((choice, position) => <option key={position} value={String(position)}>{choice.label}</option>)}
    </select>
  );
}

function Choices({ id, choices, value, onChange, disabled }: { id: string; choices: { value: unknown; label: string }[]; value: unknown[] | undefined; onChange: (value: unknown[]) => void; disabled?: boolean }) {
  const chosen = value ?? [];
  return (
    <div className="stack tight" id={id} role="group">
      {choices.map((choice, index) => (
        <label className="check" key={index}>
          <input
            type="checkbox"
            checked={chosen.includes(choice.value)}
            disabled={disabled}
            onChange={(event) => onChange(choices.map((each) => each.value).filter((each) => (each === choice.value ? event.target.checked : chosen.includes(each))))}
          />
          {choice.label}
        </label>
      ))}
    </div>
  );
}

function CheckboxesWidget({ id, options, value, onChange, disabled, readonly }: WidgetProps) {
  return <Choices id={id} choices={(options.enumOptions ?? []) as { value: unknown; label: string }[]} value={value as unknown[]} onChange={onChange} disabled={disabled || readonly} />;
}

function CheckboxWidget({ id, value, onChange, label, schema, disabled, readonly }: WidgetProps) {
  return (
    <div className="check">
      <input type="checkbox" id={id} checked={(value ?? schema.default) === true || value === "true"} disabled={disabled || readonly} onChange={(event) => onChange(event.target.checked)} aria-describedby={schema.description ? `${id}__description` : undefined} />
      <div>
        <label htmlFor={id}>{label}</label>
        {schema.description && <p className="small muted" id={`${id}__description`}>{schema.description}</p>}
      </div>
    </div>
  );
}

function TextareaWidget({ id, value, onChange, options, required, disabled, readonly, rawErrors }: WidgetProps) {
  return (
    <textarea id={id} className="textarea" value={value ?? ""} required={required} disabled={disabled} readOnly={readonly} aria-invalid={rawErrors?.length ? true : undefined} rows={options.rows ?? 5} onChange={(event) => onChange(event.target.value === "" ? options.emptyValue : event.target.value)} />
  );
}

function PasswordWidget({ id, value, onChange, options, required, disabled, readonly, rawErrors }: WidgetProps) {
  const [shown, show] = useState(false);
  return (
    <div className="secret-field">
      <input id={id} type={shown ? "text" : "password"} className="input code" value={value ?? ""} required={required} disabled={disabled} readOnly={readonly} autoComplete="new-password" spellCheck={false} aria-invalid={rawErrors?.length ? true : undefined} onChange={(event) => onChange(event.target.value === "" ? options.emptyValue : event.target.value)} />
      <Button onClick={() => show(!shown)}>{shown ? "Hide" : "Show"}</Button>
    </div>
  );
}

/** A setting whose stored value the gateway never shows: it is kept, replaced or removed. */
function SecretField({ formData, onChange, schema, name, required, fieldPathId, disabled, readonly }: FieldProps) {
  const [draft, setDraft] = useState<string | null>(null);
  const id = fieldPathId.$id;
  const path = fieldPathId.path;
  const off = disabled || readonly;
  const title = <>{schema.title ?? name}{required && <span className="required" aria-hidden="true"> *</span>}</>;
  if (draft === null && isSecret(formData)) {
    return (
      <>
        <span className="label" id={`${id}-label`}>{title}</span>
        <div className="row wrap">
          <Badge icon="lock">A secret is stored</Badge>
          <Button small id={id} aria-describedby={`${id}-label`} disabled={off} onClick={() => { setDraft(""); onChange("", path); }}>Replace it</Button>
        </div>
      </>
    );
  }
  return (
    <>
      <label htmlFor={id}>{title}</label>
      <div className="secret-field">
        <input id={id} type="password" className="input code" value={typeof formData === "string" ? formData : ""} disabled={off} autoComplete="new-password" placeholder="The new secret" onChange={(event) => onChange(event.target.value, path)} />
        <Button onClick={() => { setDraft(null); onChange({ ...KEEP }, path); }}>Keep the stored one</Button>
      </div>
    </>
  );
}

const icon = (name: "plus" | "trash" | "up" | "down" | "copy" | "x", label: string) =>
  function IconButton({ onClick, disabled }: IconButtonProps) {
    return <Button small kind="ghost" icon={name} label={label} onClick={onClick} disabled={disabled} />;
  };

export const templates: Partial<TemplatesType> = {
  FieldTemplate,
  ObjectFieldTemplate,
  ArrayFieldTemplate,
  ArrayFieldItemTemplate,
  WrapIfAdditionalTemplate: WrapIfAdditional,
  BaseInputTemplate: BaseInput,
  FieldErrorTemplate: () => null,
  ErrorListTemplate: () => null,
  DescriptionFieldTemplate: () => null,
  TitleFieldTemplate: ({ title, id }) => <h3 id={id}>{title}</h3>,
  ButtonTemplates: {
    SubmitButton: () => null,
    AddButton: icon("plus", "Add"),
    RemoveButton: icon("trash", "Remove"),
    MoveUpButton: icon("up", "Move up"),
    MoveDownButton: icon("down", "Move down"),
    CopyButton: icon("copy", "Copy"),
    ClearButton: icon("x", "Clear"),
  },
};

export const widgets: RegistryWidgetsType = { SelectWidget, CheckboxWidget, CheckboxesWidget, TextareaWidget, PasswordWidget, RadioWidget: SelectWidget };
export const fields = { secret: SecretField };
