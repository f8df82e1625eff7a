// Every page that the router knows, read from the list that the router itself is made of.

import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const source = resolve(dirname(fileURLToPath(import.meta.url)), "../../src");

function entries(file) {
  const text = readFileSync(join(source, file), "utf8");
  const paths = [...text.matchAll(/\bpath: "([^"]+)"/g)].map(([, path]) => path);
  const loads = text.match(/\bload: \(\) => import\(/g) ?? [];
  if (paths.length !== loads.length) throw new Error(`${file}: ${paths.length} paths for ${loads.length} pages; this reader no longer understands the list`);
  return paths;
}

/** The paths of all routes, in the router's words: `/plugins/$id`. */
export function allRoutes() {
  return [...entries("routes.ts"), ...entries("pages/more.ts")];
}

/** The tabs that `/plugins/$id/$tab` has. */
export function pluginTabs() {
  const text = readFileSync(join(source, "routes.ts"), "utf8");
  const [, list] = text.match(/PLUGIN_TABS = \[([^\]]+)\]/) ?? [];
  if (!list) throw new Error("routes.ts no longer says which tabs a plugin has");
  return [...list.matchAll(/"([^"]+)"/g)].map(([, tab]) => tab);
}
