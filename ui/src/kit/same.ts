// Whether two JSON values are the same, and where they are not.
export type FieldDiff = { path: string; from: unknown; to: unknown };

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function same(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (Array.isArray(left) && Array.isArray(right)) return left.length === right.length && left.every((item, index) => same(item, right[index]));
  if (!isObject(left) || !isObject(right)) return false;
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => key in right && same(left[key], right[key]));
}

/** Every field that differs; objects by their members, everything else as a whole. */
export function differences(from: unknown, to: unknown, path = ""): FieldDiff[] {
  if (same(from, to)) return [];
  if (!isObject(from) || !isObject(to) || "$secret" in from || "$secret" in to) return [{ path, from, to }];
  const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
  return keys.flatMap((key) => differences(from[key], to[key], path ? `${path}.${key}` : key));
}
