// Calls of a plugin as a client makes them: an example path, and the line for a terminal.
import type { Schemas } from "../../api/client";
import { shellQuote } from "../../kit/shell";

type Endpoint = Schemas["EndpointAttributes"];
export type CallTarget = { slug: string; endpoint: Pick<Endpoint, "path" | "methods" | "require_auth" | "stream_response"> };

/** A path that the endpoint answers, below where the plugin is mounted: `/*` stands for anything, so something is put there. */
export function pathBelow(path: string): string {
  return `/${path.replace(/^\/+/, "").replace(/\*+$/, "hello")}`;
}

export function examplePath(slug: string, path: string): string {
  return `/plugins/${slug}${pathBelow(path)}`;
}

export const WITH_BODY = ["POST", "PUT", "PATCH"];

export type ClientCall = { method: string; path: string; token?: boolean; stream?: boolean; headers?: string[]; body?: string };

/** A call as curl; the token is read from a variable and never printed. */
export function curlOf(origin: string, { method, path, token, stream, headers = [], body }: ClientCall): string {
  const parts = ["curl"];
  if (stream) parts.push("-N");
  if (method !== "GET") parts.push("-X", method);
  if (token) parts.push(`-H "Authorization: Bearer $TOKEN"`);
  for (const header of headers) parts.push("-H", shellQuote(header));
  if (body) parts.push("--data-binary", shellQuote(body));
  parts.push(shellQuote(origin + path));
  return parts.join(" ");
}

export function clientCurl(origin: string, method: string, { slug, endpoint }: CallTarget): string {
  const brings = WITH_BODY.includes(method);
  return curlOf(origin, {
    method,
    path: examplePath(slug, endpoint.path),
    token: endpoint.require_auth,
    stream: endpoint.stream_response,
    headers: brings ? ["Content-Type: application/json"] : [],
    body: brings ? "{}" : undefined,
  });
}
