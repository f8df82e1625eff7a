// What the gateway says in passing, as a sentence of its own.

/** With a capital where it begins with a word of the language; names of settings, paths and the like stay as they are. */
export function sentence(text: string): string {
  return /^[a-z]+(?=[\s,;:']|$)/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}
