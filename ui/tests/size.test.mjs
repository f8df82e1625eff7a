// What a browser has to get before the console shows anything.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const dist = resolve(dirname(fileURLToPath(import.meta.url)), "../dist");
const LIMIT = 300 * 1024;

/** The files that index.html names, and all that those import before they run. */
function filesToStart() {
  const found = new Set();
  const add = (path) => {
    if (found.has(path)) return;
    found.add(path);
    if (!path.endsWith(".js")) return;
    const text = readFileSync(path, "utf8");
    for (const [, name] of text.matchAll(/(?:\bfrom|\bimport)\s*["'](\.[^"']+\.js)["']/g)) add(resolve(dirname(path), name));
  };
  const index = readFileSync(join(dist, "index.html"), "utf8");
  for (const [, name] of index.matchAll(/(?:src|href)="\/console\/([^"]+\.(?:js|css))"/g)) add(join(dist, name));
  return [join(dist, "index.html"), ...found];
}

test("the console starts with at most 300 kB, compressed", (t) => {
  assert.ok(existsSync(join(dist, "index.html")), "ui/dist is not there: make ui");
  const files = filesToStart();
  assert.ok(files.some((path) => path.endsWith(".js")), "index.html names no script");
  assert.ok(files.some((path) => path.endsWith(".css")), "index.html names no style");
  const sizes = files.map((path) => gzipSync(readFileSync(path), { level: 9 }).length);
  const sum = sizes.reduce((all, size) => all + size, 0);
  t.diagnostic(`${files.length} files, ${(sum / 1024).toFixed(1)} kB with gzip`);
  assert.ok(sum <= LIMIT, `${sum} bytes to start: ${files.map((path, at) => `${path} ${sizes[at]}`).join(", ")}`);
});

test("nothing in the built pages comes from elsewhere or stands inline", () => {
  const index = readFileSync(join(dist, "index.html"), "utf8");
  assert.doesNotMatch(index, /(?:src|href)="(?:https?:)?\/\//);
  assert.doesNotMatch(index, /<script(?![^>]*\bsrc=)/);
  assert.doesNotMatch(index, /<style|\sstyle="|\son[a-z]+="/);
});
