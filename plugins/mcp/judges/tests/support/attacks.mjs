// Attacks, each a row that is tried as a test. The rows of all files together are the table of docs/mcp-attacks.md.

import test, { after, before } from "node:test";
import { basename } from "node:path";

/** Where rows are kept while they are only read. */
let read;

/** Tries each row: `scene` starts what they need, and stops it. `file` is the address of the file that they are in. */
export function attacks(file, scene, rows) {
  if (read) {
    read.push(...rows.map(({ id, attack, outcome }) => ({ id, attack, outcome, file: basename(file) })));
    return;
  }
  before(scene.start);
  after(scene.stop);
  for (const { id, attack, outcome, tries } of rows) test(`${id} ${attack}: ${outcome}`, tries);
}

/** The rows of these files, none of which is tried. */
export async function rowsOf(files) {
  read = [];
  try {
    for (const file of files) await import(file);
    return read;
  } finally {
    read = undefined;
  }
}
