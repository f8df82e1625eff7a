// The OpenAPI document as a reader wants it: operations by group, schemas as trees, a curl line for each.

export type Schema = {
  $ref?: string;
  type?: string | string[];
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: boolean | Schema;
  enum?: unknown[];
  const?: unknown;
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
  format?: string;
  default?: unknown;
  example?: unknown;
  examples?: unknown[];
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  pattern?: string;
};

type Content = Record<string, { schema?: Schema; example?: unknown }>;

export type Parameter = {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema?: Schema;
};

type Written = {
  operationId?: string;
  summary?: string;
  description?: string;
  tags?: string[];
  parameters?: Parameter[];
  requestBody?: { content: Content; description?: string };
  responses: Record<string, { description?: string; content?: Content }>;
  "x-sidegate-role"?: string;
};

export type OpenApi = {
  info: { title: string; version: string; description?: string };
  paths: Record<string, Record<string, Written>>;
  tags?: { name: string; description?: string }[];
  components: { schemas: Record<string, Schema> };
};

export type Operation = Written & { id: string; method: string; path: string; group: string };

const METHODS = ["get", "post", "put", "patch", "delete"];

/** Every operation, in the order of the document. */
export function operationsOf(document: OpenApi): Operation[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const written = item[method];
      if (!written) return [];
      const id = written.operationId ?? `${method} ${path}`;
      return [{ ...written, id, method: method.toUpperCase(), path, group: groupOf(path, written) }];
    }),
  );
}

/** What an operation is about: its tag, or else the first word of its path. */
function groupOf(path: string, written: Written): string {
  const tag = written.tags?.[0];
  if (tag) return tag;
  const word = path.match(/^\/api\/v1\/([^/.]+)/)?.[1];
  return word ?? "gateway";
}

export function grouped(operations: Operation[]): [string, Operation[]][] {
  const groups = new Map<string, Operation[]>();
  for (const operation of operations) {
    const group = groups.get(operation.group);
    if (group) group.push(operation);
    else groups.set(operation.group, [operation]);
  }
  return [...groups].sort(([a], [b]) => a.localeCompare(b));
}

export function nameOf(ref: string): string {
  return ref.slice(ref.lastIndexOf("/") + 1);
}

/** The schema that a reference names; the description beside the reference counts more than its own. */
export function resolved(document: OpenApi, schema: Schema): Schema {
  if (!schema.$ref) return schema;
  const target = document.components.schemas[nameOf(schema.$ref)] ?? {};
  return schema.description ? { ...target, description: schema.description } : target;
}

/** A type in a few words, as in `string or null`. */
export function typeOf(schema: Schema): string {
  if (schema.$ref) return nameOf(schema.$ref);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return [...new Set(choices.map(typeOf))].join(" | ");
  if (schema.allOf) return schema.allOf.map(typeOf).join(" & ");
  const types = ([] as string[]).concat(schema.type ?? []);
  const named = types.map((type) => {
    if (type === "array") return `${typeOf(schema.items ?? {})}[]`;
    if (type === "object" && typeof schema.additionalProperties === "object") {
      return `map of ${typeOf(schema.additionalProperties)}`;
    }
    return schema.format && type !== "null" ? `${type} (${schema.format})` : type;
  });
  return named.join(" | ") || "anything";
}

/** The schema below which there are fields to show, behind references, lists and `null`. */
export function inner(document: OpenApi, schema: Schema): Schema | undefined {
  const known = resolved(document, schema);
  if (known.properties) return known;
  const list = known.items ?? (typeof known.additionalProperties === "object" ? known.additionalProperties : undefined);
  if (list) return inner(document, list);
  // The first says it plainly; others are the same in another dress.
  for (const choice of known.oneOf ?? known.anyOf ?? []) {
    const found = choice.type === "null" ? undefined : inner(document, choice);
    if (found) return found;
  }
  return undefined;
}

export function bodyOf(operation: Operation): Schema | undefined {
  const content = operation.requestBody?.content;
  const schema = content && Object.values(content)[0]?.schema;
  return schema?.anyOf?.[0] ?? schema;
}

export function answersOf(operation: Operation): { status: string; description: string; schema?: Schema; type?: string }[] {
  return Object.entries(operation.responses).map(([status, { description, content }]) => {
    const [type, shape] = Object.entries(content ?? {})[0] ?? [];
    return { status, description: description ?? "", schema: shape?.schema, type };
  });
}

/** A value that a schema allows, to begin with. */
function exampleOf(document: OpenApi, schema: Schema, depth = 0): unknown {
  const known = resolved(document, schema);
  const told = known.example ?? known.examples?.[0] ?? known.default ?? known.const ?? known.enum?.[0];
  if (told !== undefined) return told;
  const choice = (known.oneOf ?? known.anyOf ?? known.allOf)?.find(({ type }) => type !== "null");
  if (choice) return exampleOf(document, choice, depth);
  const type = ([] as string[]).concat(known.type ?? []).find((name) => name !== "null");
  if (known.properties && depth < 3) {
    const entries = Object.entries(known.properties);
    return Object.fromEntries(entries.map(([name, field]) => [name, exampleOf(document, field, depth + 1)]));
  }
  if (type === "array") return [];
  if (type === "object") return {};
  if (type === "boolean") return true;
  if (type === "integer" || type === "number") return known.minimum ?? 0;
  return "…";
}

/** A body to begin with: the document's own example, or else the fields that a body must have, or else its first one. */
export function exampleBody(document: OpenApi, operation: Operation): unknown {
  const told = Object.values(operation.requestBody?.content ?? {})[0]?.example;
  if (told !== undefined) return told;
  const schema = bodyOf(operation);
  if (!schema) return undefined;
  const known = inner(document, schema) ?? resolved(document, schema);
  const names = Object.keys(known.properties ?? {});
  const wanted = known.required?.length ? known.required : names.filter((name) => /^(name|command|slug|app_id|path)$/.test(name));
  const shown = wanted.length > 0 ? wanted : names.slice(0, 1);
  return Object.fromEntries(shown.map((name) => [name, exampleOf(document, known.properties?.[name] ?? {})]));
}

/** A path without braces, which curl would read as a list: the first thing, and names in capitals for the rest. */
function examplePath(path: string): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => (name === "id" ? "1" : name.toUpperCase()));
}

/** The line that asks this operation from a shell. */
export function curlOf(document: OpenApi, operation: Operation, origin: string): string {
  const words = ["curl"];
  if (operation.method !== "GET") words.push("-X", operation.method);
  if (operation.path.startsWith("/api/") && operation["x-sidegate-role"]) {
    words.push("-H", `"Authorization: Bearer $SIDEGATE_ADMIN_TOKEN"`);
  }
  const body = exampleBody(document, operation);
  if (body !== undefined) {
    words.push("-H", `'Content-Type: application/json'`, "-d", `'${JSON.stringify(body).replaceAll("'", `'\\''`)}'`);
  }
  words.push(`'${origin}${examplePath(operation.path)}'`);
  return words.join(" ");
}
