// What the pages of changes have in common: operations in words, things with their links, lists that go on by a cursor.
import { type QueryKey, useInfiniteQuery } from "@tanstack/react-query";
import { ApiError, call, type Query, type Schemas } from "../../api/client";
import { A } from "../../kit/A";
import { Badge, Button, Tabs, type Tone } from "../../kit/basics";
import { Diff, type FieldDiff, showValue } from "../../kit/Diff";
import { exact, Time } from "../../kit/Time";
import "./changes.css";

export function ChangesTabs() {
  return <Tabs label="Changes" tabs={[{ href: "/changes", text: "History" }, { href: "/changes/audit", text: "Audit log" }]} />;
}

/** A time as people say it, with the exact one below: fingers have no hover. */
export function When({ at }: { at: string }) {
  return (
    <span className="when">
      <Time at={at} />
      <span className="small muted">{exact(new Date(at))}</span>
    </span>
  );
}

type Thing = { type: string; id: string; name: string };

export function hrefOf(thing: Thing): string | undefined {
  if (thing.type === "plugin") return `/plugins/${thing.id}`;
  if (thing.type === "app") return `/apps/${thing.id}`;
  if (thing.type === "token") return `/apps/tokens?q=${encodeURIComponent(thing.name)}`;
  if (thing.type === "edge") return `/edges/${thing.id}`;
  if (thing.type === "namespace") return "/edges/namespaces";
  if (thing.type === "admin-token") return "/settings/admin-tokens";
  if (thing.type === "user") return "/settings/users";
  return undefined;
}

export function ThingLink({ thing, gone }: { thing: Thing; gone?: boolean }) {
  const href = gone ? undefined : hrefOf(thing);
  const name = thing.name || `number ${thing.id}`;
  return (
    <span>
      <span className="muted">{thing.type.replaceAll("-", " ")}</span> {href ? <A className="link" href={href}>{name}</A> : <strong>{name}</strong>}
    </span>
  );
}

const KINDS: Record<string, [string, Tone]> = { created: ["Created", "good"], changed: ["Changed", "info"], deleted: ["Deleted", "bad"], found: ["Found", "plain"] };

export function ChangeBadge({ change }: { change: string }) {
  const [text, tone] = KINDS[change] ?? [change, "plain"];
  const icon = { created: "plus", changed: "edit", deleted: "trash", found: "info" }[change] as "plus" | undefined;
  return <Badge tone={tone} icon={icon}>{text}</Badge>;
}

function fieldDiff(change: Schemas["FieldChange"]): FieldDiff {
  if (!change.secret_changes) return { path: change.field, from: change.before ?? undefined, to: change.after ?? undefined };
  return { path: change.field, from: change.before ?? undefined, to: { $secret: "changed" } };
}

/** What differs, thing by thing and field by field. */
export function Differences({ differences, none }: { differences: Schemas["Difference"][]; none: string }) {
  if (differences.length === 0) return <p className="muted">{none}</p>;
  return (
    <div className="stack">
      {differences.map((difference) => (
        <section key={`${difference.type} ${difference.id}`} className="stack tight" aria-label={`${difference.type} ${difference.name}`}>
          <h3 className="row wrap">
            <ChangeBadge change={difference.change} />
            <ThingLink thing={difference} gone={difference.change === "deleted"} />
            {difference.namespace && <span className="chip">{difference.namespace}</span>}
          </h3>
          <FieldsOf difference={difference} open={differences.length === 1} />
        </section>
      ))}
    </div>
  );
}

/** A thing that is new or gone has one side only: its fields are listed, and folded where there are several things. */
function FieldsOf({ difference, open }: { difference: Schemas["Difference"]; open: boolean }) {
  const { change, fields } = difference;
  if (fields.length === 0) return null;
  const changes = fields.map(fieldDiff);
  if (change === "changed") return <Diff changes={changes} />;
  const side = change === "deleted" ? "from" : "to";
  return (
    <details className="one-sided" open={open}>
      <summary>{change === "deleted" ? "What it was" : "What it is"}: {fields.length} fields</summary>
      <div className="table-scroll">
        <table className="diff" aria-label={`Fields of ${difference.name}`}>
          <tbody>
            {changes.map((one) => (
              <tr key={one.path}>
                <th scope="row">{one.path}</th>
                <td><span className={side}>{showValue(one[side])}</span></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

type Cursor<T> = { data: T[]; meta: { next_before?: number | null } };

/** A list without numbered pages: the newest first, older ones on demand. */
export function useCursor<T>(path: string, query: Query) {
  const list = useInfiniteQuery<Cursor<T>, ApiError, { pages: Cursor<T>[] }, QueryKey, number | undefined>({
    queryKey: [path, query, "cursor"],
    queryFn: async ({ pageParam, signal }) => (await call<Cursor<T>>(path, { query: { ...query, limit: 50, before: pageParam }, signal })).body,
    initialPageParam: undefined,
    getNextPageParam: (last) => last.meta.next_before ?? undefined,
  });
  return { ...list, rows: list.data?.pages.flatMap((page) => page.data) };
}

export function Older({ list }: { list: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown } }) {
  if (!list.hasNextPage) return null;
  return (
    <div className="table-foot">
      <Button small busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>Older ones</Button>
    </div>
  );
}
