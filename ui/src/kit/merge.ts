// Two people changed the same thing: what both did, and where they contradict each other.
import { same } from "./same";

export type Conflict = { path: string; base: unknown; mine: unknown; theirs: unknown };
export type Merge = { merged: unknown; conflicts: Conflict[]; theirs: { path: string; from: unknown; to: unknown }[] };

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !("$secret" in value);
}

/** Three-way merge of JSON, objects member by member. Where both changed the same, `mine` stands and the conflict is told. */
export function mergeThree(base: unknown, mine: unknown, theirs: unknown, path = ""): Merge {
  if (same(mine, theirs) || same(base, theirs)) return { merged: mine, conflicts: [], theirs: [] };
  if (isObject(mine) && isObject(theirs)) {
    const before = isObject(base) ? base : {};
    const result: Record<string, unknown> = {};
    const conflicts: Conflict[] = [];
    const others: Merge["theirs"] = [];
    for (const key of new Set([...Object.keys(before), ...Object.keys(mine), ...Object.keys(theirs)])) {
      const inner = mergeThree(before[key], mine[key], theirs[key], path ? `${path}.${key}` : key);
      if (inner.merged !== undefined) result[key] = inner.merged;
      conflicts.push(...inner.conflicts);
      others.push(...inner.theirs);
    }
    return { merged: result, conflicts, theirs: others };
  }
  if (same(base, mine)) return { merged: theirs, conflicts: [], theirs: [{ path, from: base, to: theirs }] };
  return { merged: mine, conflicts: [{ path, base, mine, theirs }], theirs: [] };
}

/** The same value with another one at a path of members; `undefined` removes it. */
export function withValue(value: unknown, path: string[], to: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return to;
  const copy: Record<string, unknown> = isObject(value) ? { ...value } : {};
  const inner = withValue(copy[key], rest, to);
  if (inner === undefined) delete copy[key];
  else copy[key] = inner;
  return copy;
}
