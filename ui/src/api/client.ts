// The one door to the admin API: typed by the OpenAPI document, every failure an ApiError.
import type { components } from "./schema.gen";
import { forgetSession, sessionHeaders, sessionKey } from "./session";

export type Schemas = components["schemas"];

/** Where one signs in. */
export const SIGN_IN = "/api/v1/session";
const HEADERS = { Accept: "application/json" };

export type Problem = { field?: string | null; detail: string };

/** A refusal of the gateway, or no answer at all (status 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly requestId: string | null;
  readonly problems: Problem[];

  constructor(status: number, code: string, message: string, requestId: string | null, problems: Problem[]) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.requestId = requestId;
    this.problems = problems;
  }

  /** What is wrong with each field, by its path. */
  get byField(): Record<string, string> {
    const found: Record<string, string> = {};
    for (const problem of this.problems) {
      if (problem.field) found[problem.field] ??= problem.detail.replace(`${problem.field}: `, "");
    }
    return found;
  }
}

export function unreachable(cause: unknown): ApiError {
  const text = cause instanceof Error ? cause.message : String(cause);
  return new ApiError(0, "unreachable", `The gateway does not answer (${text}).`, null, []);
}

export function refusal(response: Response, body: unknown): ApiError {
  const requestId = response.headers.get("x-request-id");
  if (typeof body === "object" && body !== null && "error" in body) {
    const told = body as { error: unknown; code?: string; request_id?: string; errors?: Problem[] };
    return new ApiError(
      response.status,
      told.code ?? "unknown",
      String(told.error),
      told.request_id ?? requestId,
      told.errors ?? [],
    );
  }
  const text = `${response.status} ${response.statusText}`.trim();
  return new ApiError(response.status, "unknown", text, requestId, []);
}

type Sent = { method?: string; body?: unknown; query?: Query; ifMatch?: string; contentType?: string; signal?: AbortSignal };
export type Query = Record<string, string | number | boolean | undefined | null>;

export function withQuery(path: string, query?: Query): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== "") params.set(name, String(value));
  }
  const text = params.toString();
  return text ? `${path}?${text}` : path;
}

/** One call: the answer's body and its version, or an ApiError. Types of what is asked come with the hooks. */
export async function call<T>(path: string, sent: Sent = {}): Promise<{ body: T; etag: string | null }> {
  const key = sessionKey();
  const headers: Record<string, string> = { ...HEADERS, ...sessionHeaders(key) };
  const method = sent.method ?? "GET";
  // Every change says JSON, also one without a body: no form of another page can, so that a session is not used from there.
  if (method !== "GET") headers["Content-Type"] = sent.contentType ?? "application/json";
  if (sent.ifMatch) headers["If-Match"] = sent.ifMatch;
  let response: Response;
  try {
    response = await fetch(withQuery(path, sent.query), {
      method,
      headers,
      credentials: "same-origin",
      body: sent.body === undefined ? undefined : JSON.stringify(sent.body),
      signal: sent.signal,
    });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw unreachable(cause);
  }
  const text = await response.text();
  let body: unknown;
  try {
    body = text ? JSON.parse(text) : undefined;
  } catch {
    body = undefined;
  }
  // Where signing in is refused, the session that one may have goes on.
  if (response.status === 401 && !(method === "POST" && path === SIGN_IN)) forgetSession(key);
  if (!response.ok) throw refusal(response, body);
  return { body: body as T, etag: response.headers.get("etag") };
}
