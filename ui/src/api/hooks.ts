// Queries by the path of the operation, so that what the live stream says can name what is stale.
import { hashKey, keepPreviousData, type UseQueryResult, useQuery, useQueryClient } from "@tanstack/react-query";
import { ApiError, call, type Query, type Schemas } from "./client";
import { isFollowing } from "./live-state";
import { isLong, noteWhole, refreshLongLists } from "./long-lists";
import { hasPath } from "./operations";
import type { paths } from "./schema.gen";
import { sessionKey } from "./session";

type GetPath = { [P in keyof paths]: paths[P] extends { get: { responses: { 200: unknown } } } ? P : never }[keyof paths];
export type Answer<P extends keyof paths> = paths[P] extends {
  get: { responses: { 200: { content: { "application/json": infer T } } } };
}
  ? T
  : never;

/** Who asks without a session is refused each time, which is noted as an attempt: nothing is asked again by itself. */
export function whileSignedIn(interval: number | false | undefined) {
  return (query: { state: { error: ApiError | null } }) => (query.state.error?.status === 401 ? false : (interval ?? false));
}

type Options = { enabled?: boolean; refetchInterval?: number | false; keep?: boolean };
type Ids = Record<string, string | number>;

export function fill(path: string, ids: Ids = {}): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(ids[name] ?? "")));
}

/** One GET operation, typed by the document. `ids` fill the path, `query` follows it. */
export function useGet<P extends GetPath>(
  path: P,
  ask: { ids?: Ids; query?: Query } & Options = {},
): UseQueryResult<Answer<P>, ApiError> {
  const url = fill(path, ask.ids);
  return useQuery<Answer<P>, ApiError>({
    queryKey: [url, ask.query ?? {}],
    queryFn: async ({ signal }) => (await call<Answer<P>>(url, { query: ask.query, signal })).body,
    enabled: ask.enabled,
    refetchInterval: whileSignedIn(ask.refetchInterval),
    placeholderData: ask.keep ? keepPreviousData : undefined,
  });
}

/** The same with the version of the thing, for pages that change it. */
export function useVersioned<P extends GetPath>(path: P, ids: Ids): UseQueryResult<{ body: Answer<P>; etag: string | null }, ApiError> {
  const url = fill(path, ids);
  return useQuery<{ body: Answer<P>; etag: string | null }, ApiError>({
    queryKey: [url, "versioned"],
    queryFn: ({ signal }) => call<Answer<P>>(url, { signal }),
  });
}

/** An operation that this gateway may lack: `null` where it answers 404, so that its part of the page is left out. */
export function useOptional<T>(path: string, ask: { query?: Query } & Options = {}): UseQueryResult<T | null, ApiError> {
  return useQuery<T | null, ApiError>({
    queryKey: [path, ask.query ?? {}, "optional"],
    queryFn: async ({ signal }) => {
      if (!hasPath(path)) return null;
      try {
        return (await call<T>(path, { query: ask.query, signal })).body;
      } catch (error) {
        if (error instanceof ApiError && (error.status === 404 || error.status === 405)) return null;
        throw error;
      }
    },
    enabled: ask.enabled,
    refetchInterval: whileSignedIn(ask.refetchInterval),
    placeholderData: ask.keep ? keepPreviousData : undefined,
  });
}

type Paged<T> = { data: T[]; meta: { total_pages?: number; total_count?: number } };

/** Lists of which only the beginning is there yet. */
const beginnings = new WeakSet<object>();

/** Whether more of a list is still on its way. */
export function isBeginning(rows: object | undefined): boolean {
  return rows !== undefined && beginnings.has(rows);
}

/** Every page of a list, asked a hundred at a time and four pages at once; of a long one the beginning is told before. */
export async function wholeList<T>(path: string, query: Query = {}, signal?: AbortSignal, begun?: (rows: T[]) => void): Promise<T[]> {
  const page = async (number: number) =>
    (await call<Paged<T>>(path, { query: { ...query, page: number, limit: 100 }, signal })).body;
  const first = await page(1);
  const pages: T[][] = [first.data];
  const count = first.meta.total_pages ?? 1;
  if (count > 1 && begun) {
    const beginning = [...first.data];
    beginnings.add(beginning);
    begun(beginning);
  }
  for (let next = 2; next <= count; next += 4) {
    const numbers = [0, 1, 2, 3].map((step) => next + step).filter((number) => number <= count);
    for (const answer of await Promise.all(numbers.map(page))) pages.push(answer.data);
  }
  return pages.flat();
}

type ListPath = { [P in GetPath]: Answer<P> extends { data: unknown[]; meta: { total_pages: number } } ? P : never }[GetPath];
export type Item<P extends ListPath> = Answer<P> extends { data: (infer T)[] } ? T : never;

export function useList<P extends ListPath>(path: P, ask: { query?: Query } & Options = {}): UseQueryResult<Item<P>[], ApiError> {
  const queryKey = [path, ask.query ?? {}, "whole"];
  return useQuery<Item<P>[], ApiError>({
    queryKey,
    queryFn: async ({ signal, client }) => {
      const rows = await wholeList<Item<P>>(path, ask.query, signal, (beginning) => {
        // What is there stays until all of what is newer has come.
        if (client.getQueryData(queryKey) === undefined) client.setQueryData(queryKey, beginning);
      });
      noteWhole(hashKey(queryKey));
      return rows;
    },
    enabled: ask.enabled,
    refetchInterval: whileSignedIn(ask.refetchInterval),
  });
}

/** Marks everything below these paths as stale; what is on the screen is asked again. */
export function useInvalidate(): (...prefixes: string[]) => Promise<void> {
  const client = useQueryClient();
  return (...prefixes) => {
    const stale = prefixes.length === 0 ? ["/api/v1/"] : prefixes;
    // The stream tells the row that changed.
    const inTime = isFollowing();
    if (inTime) refreshLongLists(client, stale, undefined);
    return client.invalidateQueries({
      predicate: (query) => stale.some((prefix) => String(query.queryKey[0]).startsWith(prefix)) && !(inTime && isLong(query) && query.isActive()),
    });
  };
}

export type Role = Schemas["Role"];
const ORDER: Role[] = ["viewer", "operator", "admin"];

export function atLeast(role: Role | undefined, needed: Role): boolean {
  return role !== undefined && ORDER.indexOf(role) >= ORDER.indexOf(needed);
}

const WHOAMI = "/api/v1/whoami";

/** Who is signed in. Without the key of a session nobody is, which needs no question. */
export function useWhoami(): UseQueryResult<Answer<typeof WHOAMI>, ApiError> {
  return useQuery<Answer<typeof WHOAMI>, ApiError>({
    queryKey: [WHOAMI, {}],
    queryFn: async ({ signal }) => {
      if (sessionKey() === null) throw new ApiError(401, "unauthorized", "Nobody is signed in.", null, []);
      return (await call<Answer<typeof WHOAMI>>(WHOAMI, { signal })).body;
    },
  });
}

/** The browser's own session; `null` for a gateway without sessions, or where a token asks. */
export function useSession() {
  return useOptional<{ data: { attributes: { read_only?: boolean; via?: string; idle_expires_at?: string; expires_at?: string } } }>("/api/v1/session");
}

/** Whether who is signed in may do what needs this role; the server decides, the page only explains. */
export function useMay(needed: Role): boolean {
  const { data } = useWhoami();
  const session = useSession();
  if (needed !== "viewer" && session.data?.data.attributes.read_only) return false;
  return atLeast(data?.data.attributes.role, needed);
}

/** Whether this gateway serves clients itself, and so has no edges; not known at first. */
export function useStandsAlone(): boolean | undefined {
  return useGet("/api/v1/nodes").data?.data.some((node) => node.attributes.is_own);
}
