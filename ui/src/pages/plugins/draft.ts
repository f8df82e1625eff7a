// What of a plugin is edited, how it is saved, and what a save would do.
import { ApiError, call, type Schemas } from "../../api/client";
import { isDocumented } from "../../api/operations";
import type { Plugin } from "./data";

type Json = Record<string, unknown>;
export type Draft = { name: string; description: string; command: string; managed_by: string; options: Json; config: Json };
export type Preview = { changes: { path: string; from: unknown; to: unknown }[]; effect: "none" | "live" | "reload" | "start" | "stop"; problems: { path?: string | null; detail: string }[] };

export function draftOf(plugin: Plugin): Draft {
  const { name, description, command, managed_by, options, config } = plugin.attributes;
  return { name, description, command, managed_by: managed_by ?? "", options: options as Json, config: config as Json };
}

const path = (id: string) => `/api/v1/plugins/${id}`;

export async function save(id: string, patch: Partial<Draft>, version: string | null) {
  const { body, etag } = await call<Schemas["Changed_PluginAttributes"]>(path(id), { method: "PATCH", body: patch, ifMatch: version ?? undefined });
  return { plugin: body.data as Plugin, applied: body.meta.applied, etag };
}

/** What would happen; `null` where the gateway cannot tell beforehand. */
export async function preview(id: string, patch: Partial<Draft>): Promise<Preview | null> {
  if (!isDocumented("/api/v1/plugins/inspect")) return null; // The two came together.
  try {
    const { body } = await call<{ data: { attributes: Preview } }>(path(id), { method: "PATCH", body: patch, query: { dry_run: true } });
    return body.data.attributes;
  } catch (error) {
    if (error instanceof ApiError && error.problems.some((problem) => problem.field === "dry_run")) return null;
    throw error;
  }
}
