// Which paths the admin API has, by the document that this console was built from.
declare const __OPERATIONS__: string[];

const known = __OPERATIONS__.map((path) => new RegExp(`^${path.replace(/\{\w+\}/g, "[^/]+")}$`));

/** Whether the gateway has this path at all; a console and its gateway are built together. */
export function hasPath(path: string): boolean {
  return known.some((pattern) => pattern.test(path));
}

/** Whether the document names exactly this path, as it is written there. */
export function isDocumented(template: string): boolean {
  return __OPERATIONS__.includes(template);
}
