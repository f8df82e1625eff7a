// Servers that are programs: which may be started, whose process it is, and that it ends.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test, { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { CreateMessageRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { eventually } from "../../../../ui/tests/support/eventually.mjs";
import { begin, call, connected, initialize, last, send } from "./support/client.mjs";
import { Served } from "./support/served.mjs";

const program = fileURLToPath(new URL("support/stdio-server.mjs", import.meta.url));
const server = { name: "program", command: process.execPath, args: [program, "one", "two words"], env: [{ name: "KEY", value: "a secret" }], processes: 3 };

let served;
let ann;
before(async () => {
  served = await Served.start({ servers: [server] }, { "env.MCP_COMMANDS": `/bin/true:${process.execPath}` });
  ann = await served.token("ann");
});
after(() => served?.stop());

const said = async (client, name) => (await client.callTool({ name })).content[0].text;
const runs = (pid) => {
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch {
    return false;
  }
};

test("a program serves: tools, progress and questions to the client, with its own arguments and environment only", async () => {
  const client = await connected(served.url(), ann, { sampling: {} });
  client.setRequestHandler(CreateMessageRequestSchema, async () => ({ role: "assistant", model: "m", content: { type: "text", text: "42" } }));
  assert.ok((await client.listTools()).tools.length > 10);
  const progress = [];
  await client.callTool({ name: "test_tool_with_progress" }, undefined, { onprogress: ({ progress: at }) => progress.push(at) });
  assert.deepEqual(progress, [0, 50, 100]);
  assert.equal((await client.callTool({ name: "test_sampling", arguments: { prompt: "?" } })).content[0].text, "LLM response: 42");
  assert.deepEqual(JSON.parse(await said(client, "environment")), { KEY: "a secret", arguments: ["one", "two words"] });
  assert.equal(await said(client, "chat"), "said");
  await eventually("its stderr is in the log", () => readFileSync(served.gateway.process.log, "utf8").includes("a word to the operator"));
  await client.transport_.terminateSession();
});

test("each session has a process of its own, which ends with it, and there are no more than may be", async () => {
  // What ended before has its place up to the end of its process.
  const come = () => eventually("there is room", () => connected(served.url(), ann));
  const clients = await Promise.all([come(), come(), come()]);
  assert.deepEqual(await Promise.all([said(clients[0], "counted"), said(clients[1], "counted")]), ["1", "1"]);
  assert.equal((await send(served.url(), initialize, { token: ann })).status, 503);
  const pids = await Promise.all(clients.map((client) => said(client, "pid")));
  assert.equal(new Set(pids).size, 3);
  for (const client of clients) await client.transport_.terminateSession();
  for (const pid of pids) await eventually("the process ends", () => !runs(pid));
  const again = await come();
  await again.transport_.terminateSession();
});

test("a process that ends is an error for who waits, and its session is 404", async () => {
  const session = await begin(served.url(), ann);
  const answer = await last(await send(served.url(), call("crash"), { session, token: ann }));
  assert.equal(answer.error.message, "the server broke the protocol");
  await eventually("the session is gone", async () => (await send(served.url(), call("pid"), { session, token: ann })).status === 404);
});

test("processes end with the plugin, also when it is killed, and their sessions are 404", async () => {
  const session = await begin(served.url(), ann);
  const pid = (await last(await send(served.url(), call("pid"), { session, token: ann }))).result.content[0].text;
  const plugin = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1];
  process.kill(Number(plugin), "SIGKILL");
  await eventually("the process ends", () => !runs(pid));
  await eventually("the session is gone", async () => (await send(served.url(), call("pid"), { session, token: ann })).status === 404);
});

test("a program that no admin names is refused, and the plugin says why", async () => {
  const other = { ...server, command: "/bin/sh" };
  const answer = await served.gateway.api.ask("PATCH", `/plugins/${served.plugin.id}`, { config: { slug: "mcp", servers: [other] } });
  const text = answer.status >= 400 ? JSON.stringify(answer.body) : await eventually("it is refused", () => {
    const log = readFileSync(served.gateway.process.log, "utf8");
    return log.includes("/bin/sh is none of those") && log;
  });
  assert.match(text, /\/bin\/sh is none of those that an admin allows/);
});
