// The pictures of docs/images: small enough to be in a repository, each on a page, and each that a page shows is there.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const IMAGES = "docs/images";
const LIMIT = 150 * 1000;

/** What each page shows: its own path, the words for those who do not see it, and the picture's path. */
function shown() {
  const pages = ["README.md", ...readdirSync(join(root, "docs"), { recursive: true }).filter((name) => name.endsWith(".md")).map((name) => join("docs", name))];
  return pages.flatMap((page) =>
    [...readFileSync(join(root, page), "utf8").matchAll(/!\[([^\]]*)\]\(([^)\s]+)\)/g)]
      .filter(([, , target]) => !target.includes("://"))
      .map(([, words, target]) => ({ page, words, image: relative(root, resolve(root, dirname(page), target)) })),
  );
}

const images = readdirSync(join(root, IMAGES), { recursive: true }).map((name) => join(IMAGES, name));

test("every picture of the documentation is smaller than 150 kB", () => {
  assert.ok(images.length > 0);
  const large = images.map((image) => [image, statSync(join(root, image)).size]).filter(([, size]) => size >= LIMIT);
  assert.deepEqual(large, []);
});

test("every picture is shown by a page, and every picture that a page shows is there and told in words", () => {
  const all = shown();
  assert.deepEqual(images.filter((image) => !all.some((one) => one.image === image)), [], "pictures that no page shows");
  assert.deepEqual(all.filter(({ image }) => !existsSync(join(root, image))), [], "pictures that are not there");
  assert.deepEqual(all.filter(({ words }) => words.trim().length < 10), [], "pictures without words");
});

test("the page about the console shows it", () => {
  const here = shown().filter(({ page, image }) => page === "docs/console.md" && image.startsWith(IMAGES));
  assert.ok(here.length >= 2, `${here.length} pictures in docs/console.md`);
});
