// Settings that are secrets: the gateway shows `{"$secret": "set"}` in their place and takes it back for "keep it".
export const KEEP = { $secret: "set" } as const;

export function isSecret(value: unknown): value is typeof KEEP {
  return typeof value === "object" && value !== null && "$secret" in value;
}

const SECRET_WORDS = /secret|token|password|passwd|key|credential|private/i;
const COUNTED = /(^|[_.-])(max|min|size|ttl|count|limit|length|timeout|expiry|num)|size$|ttl$|limit$|count$/i;

/** Whether a setting of this name is written like a password. What is hidden in answers is the gateway's decision. */
export function soundsSecret(name: string): boolean {
  return SECRET_WORDS.test(name) && !COUNTED.test(name);
}
