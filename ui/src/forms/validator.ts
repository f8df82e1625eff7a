// JSON Schema in the browser without generated code (ajv needs `eval`): an adapter of rjsf's validator to cfworker's.
// It helps while one writes; the gateway decides.
import { type Schema, type SchemaDraft, Validator } from "@cfworker/json-schema";
import type { ErrorSchema, RJSFSchema, RJSFValidationError, ValidationData, ValidatorType } from "@rjsf/utils";
import { isSecret } from "./secrets";

function draftOf(schema: RJSFSchema): SchemaDraft {
  const named = String(schema.$schema ?? "");
  if (named.includes("2020-12")) return "2020-12";
  if (named.includes("2019-09")) return "2019-09";
  if (named.includes("draft-04")) return "4";
  return "7";
}

/** What JSON cannot say is left out: otherwise an emptied field would count as present. */
function withoutUndefined(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

function at(value: unknown, path: string[]): unknown {
  return path.reduce<unknown>((inner, key) => (typeof inner === "object" && inner !== null ? (inner as Record<string, unknown>)[key] : undefined), value);
}

const MISSING = /required property "([^"]+)"/;
const GROUPS = new Set(["properties", "items", "allOf", "$ref", "prefixItems", "additionalProperties", "then", "else", "if"]);

type Found = { path: string[]; keyword: string; message: string };

function problems(schema: RJSFSchema, data: unknown): Found[] {
  let result: ReturnType<Validator["validate"]>;
  try {
    result = new Validator(schema as Schema, draftOf(schema), false).validate(withoutUndefined(data) ?? null);
  } catch {
    return []; // What this library cannot read, such as a reference elsewhere, permits everything.
  }
  const found: Found[] = [];
  for (const error of result.errors) {
    const missing = error.keyword === "required" ? MISSING.exec(error.error)?.[1] : undefined;
    if (GROUPS.has(error.keyword)) continue;
    const path = error.instanceLocation
      .replace(/^#\/?/, "")
      .split("/")
      .filter(Boolean)
      .map((part) => decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~"));
    const full = missing ? [...path, missing] : path;
    if (isSecret(at(data, full))) continue;
    found.push({ path: full, keyword: error.keyword, message: missing || (at(data, full) ?? null) === null ? "must be given" : readable(error.error) });
  }
  return found;
}

function readable(text: string): string {
  return text.replace(/^Instance type "(\w+)" is invalid\. Expected "(\w+)"\.$/, "is a $1 and must be a $2").replace(/^Instance /, "").replace(/\.$/, "");
}

function errorSchema(found: Found[]): ErrorSchema {
  const root: Record<string, unknown> = {};
  for (const { path, message } of found) {
    let inner = root;
    for (const key of path) {
      inner[key] ??= {};
      inner = inner[key] as Record<string, unknown>;
    }
    inner.__errors = [...((inner.__errors as string[]) ?? []), message];
  }
  return root as ErrorSchema;
}

export const validator: ValidatorType = {
  validateFormData(data, schema): ValidationData<unknown> {
    const found = problems(schema, data);
    const errors = found.map(({ path, keyword, message }): RJSFValidationError => ({ name: keyword, property: `.${path.join(".")}`, message, stack: `${path.join(".")} ${message}` }));
    return { errors, errorSchema: errorSchema(found) };
  },
  isValid(schema, data, root) {
    if (typeof schema === "boolean") return schema;
    const whole = { ...schema, definitions: { ...root?.definitions, ...schema.definitions }, $defs: { ...root?.$defs, ...schema.$defs } } as RJSFSchema;
    if (root?.$schema) whole.$schema = root.$schema;
    return problems(whole, data).length === 0;
  },
  rawValidation(schema, data) {
    return { errors: problems(schema, data) as never[] };
  },
};
