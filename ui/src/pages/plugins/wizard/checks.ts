// What is wrong with a name or a slug, said while it is written: the rules, and what others have. The gateway decides.

type Taken = { attributes: { name: string; slug: string | null; namespace: string } }[];

/** Whether two plugins meet on some edge: the global namespace meets all. */
function meet(one: string, other: string): boolean {
  return one === other || one === "" || other === "";
}

export function nameProblem(name: string, namespace: string, others: Taken | undefined): string | undefined {
  const text = name.trim();
  if (!text) return undefined;
  if ([...text].length > 255 || [...text].some((char) => char < " " || char === "\u007f")) return "Give a name of 1 to 255 printable characters.";
  if (/^\d+$/.test(text)) return "It reads as a number: give a name with a letter in it.";
  if (others?.some(({ attributes }) => attributes.name === text && meet(attributes.namespace, namespace))) return "A plugin has this name already: choose another.";
  return undefined;
}

export function slugProblem(slug: string, namespace: string, others: Taken | undefined): string | undefined {
  const text = slug.trim();
  if (!text) return undefined;
  if (!/^[a-z0-9][a-z0-9._-]{0,62}$/.test(text)) return "Use 1 to 63 characters from a-z, 0-9, '.', '_' and '-', beginning with a letter or digit.";
  const other = others?.find(({ attributes }) => attributes.slug === text && meet(attributes.namespace, namespace));
  return other ? `The plugin ${other.attributes.name} is mounted there: choose another, or give that one another first.` : undefined;
}
