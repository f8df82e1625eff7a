/** Whether a schema describes anything that a form could show, beside the settings that are edited elsewhere. */
export function describes(schema: unknown, hidden: string[] = []): schema is object {
  if (typeof schema !== "object" || schema === null) return false;
  const { properties } = schema as { properties?: object };
  const names = Object.keys(properties ?? {}).filter((name) => !hidden.includes(name));
  return names.length > 0 || ["oneOf", "anyOf", "allOf", "$ref", "if"].some((key) => key in schema);
}
