// The page of attacks is made of the attacks that are tried.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import test from "node:test";
import { rowsOf } from "./support/attacks.mjs";

const PAGE = new URL("../../../../docs/mcp-attacks.md", import.meta.url);
const BEGIN = "<!-- attacks: made of plugins/mcp/judges/tests/attacks-*.test.mjs -->\n";
const END = "<!-- end -->";

const rows = await rowsOf(readdirSync(new URL(".", import.meta.url)).filter((name) => /^attacks-.*\.test\.mjs$/.test(name)).map((name) => new URL(name, import.meta.url).href));
rows.sort((one, other) => one.id.localeCompare(other.id));

test("each attack has an id of its own", () => {
  assert.ok(rows.length > 0);
  for (const { id } of rows) assert.match(id, /^M-\d\d$/);
  assert.deepEqual([...new Set(rows.map(({ id }) => id))], rows.map(({ id }) => id));
});

test("the page names every attack that is tried and the file that tries it", () => {
  const lines = rows.map(({ id, attack, outcome, file }) => `| ${id} | ${attack} | ${outcome} | \`${file}\` |\n`);
  const table = `| id | attack | what happens | file |\n|---|---|---|---|\n${lines.join("")}`;
  const text = readFileSync(PAGE, "utf8");
  const [before, rest] = text.split(BEGIN);
  const [is, after] = rest.split(END);
  if (process.env.SIDEGATE_RENEW) writeFileSync(PAGE, `${before}${BEGIN}${table}${END}${after}`);
  else assert.equal(is, table, "renew it: SIDEGATE_RENEW=1 node --test plugins/mcp/judges/tests/attacks.test.mjs");
});
