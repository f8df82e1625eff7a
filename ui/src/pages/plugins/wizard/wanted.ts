// What the wizard gathers, and what becomes of it.
import { soundsSecret } from "../../../forms/secrets";
import { shellQuote } from "../../../kit/shell";

type Json = Record<string, unknown>;
type Problem = { path?: string | null; detail: string };

export type Wanted = { namespace: string; name: string; command: string; slug: string; description: string; options: Json; config: Json; pin: boolean; sha256: string | null; scopes: string[] | null };
export const EMPTY: Wanted = { namespace: "", name: "", command: "", slug: "", description: "", options: {}, config: {}, pin: false, sha256: null, scopes: null };

export type Inspection = {
  failure: string | null;
  manifest: Json;
  hooks: string[];
  wished_scopes: string[];
  unknown_scopes: string[];
  endpoints: { path: string; methods: string[]; require_auth: boolean; scopes_required: string[]; stream_response: boolean; description: string; metadata: Record<string, string> }[];
  config_schema: Json | boolean;
  secret_settings: string[];
  config_problems: Problem[];
  warnings: string[];
  first_lines: { at: string; stream: string; level?: string; message: string }[];
  sha256: string | null;
  start_duration_ms: number;
};

/** A path is a program, everything with a scheme is as it is written. */
export function normalCommand(command: string): string {
  const text = command.trim();
  return text.startsWith("/") ? `file://${text}` : text;
}

/** Whether it runs elsewhere already. */
export function isAddress(command: string): boolean {
  return command.trim().startsWith("grpc://");
}

/** A name out of a path: the program's own, without what many begin with. */
export function nameOf(command: string): string {
  if (/^grpc:\/\/(\[|[\d.]+(:\d+)?$)/.test(command.trim())) return "";
  const last = command.trim().replace(/^grpc:\/\//, "").split("/").filter(Boolean).at(-1) ?? "";
  return last.replace(/^sidegate-plugin-/, "").replace(/:\d+$/, "").replace(/\.[a-z]+$/i, "").toLowerCase().replace(/[^a-z0-9-]+/g, "-").replace(/^-+|-+$/g, "");
}

export function registrationOf(wanted: Wanted, whole: boolean): Json {
  const options = wanted.pin && wanted.sha256 ? { ...wanted.options, sha256: wanted.sha256 } : wanted.options;
  return {
    namespace: wanted.namespace || undefined,
    name: wanted.name.trim(),
    command: normalCommand(wanted.command),
    slug: wanted.slug.trim() || undefined,
    description: wanted.description.trim() || undefined,
    config: { ...wanted.config, ...(wanted.slug.trim() ? { slug: wanted.slug.trim() } : {}) },
    options: Object.keys(options).length > 0 ? options : undefined,
    service_scopes: whole && wanted.scopes?.length ? wanted.scopes : undefined,
  };
}

/** The same as one line for a terminal; secrets are left for whoever runs it to fill in. */
export function commandOf(wanted: Wanted, secrets: string[] = []): string {
  const parts = ["sidegate plugin add", "--name", shellQuote(wanted.name.trim()), "--command", shellQuote(normalCommand(wanted.command))];
  if (wanted.namespace) parts.push("--namespace", shellQuote(wanted.namespace));
  if (wanted.slug) parts.push("--slug", shellQuote(wanted.slug));
  for (const [key, value] of Object.entries(wanted.config)) {
    if (key === "slug" || value === undefined) continue;
    const hidden = secrets.includes(key) || soundsSecret(key);
    if (typeof value === "string") parts.push("--set", shellQuote(`${key}=${hidden ? "…" : value}`));
    else parts.push("--set-json", shellQuote(`${key}=${JSON.stringify(value)}`));
  }
  for (const [key, value] of Object.entries(wanted.options)) parts.push("--option", shellQuote(`${key}=${key.startsWith("env.") ? "…" : String(value)}`));
  const grant = wanted.scopes?.length ? ` && sidegate plugin grant ${shellQuote(wanted.name.trim())} ${wanted.scopes.join(" ")}` : "";
  return parts.join(" ") + grant;
}
