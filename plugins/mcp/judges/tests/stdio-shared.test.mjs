// A program whose process the sessions of an app share, by choice.

import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { CreateMessageRequestSchema, ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { eventually } from "../../../../ui/tests/support/eventually.mjs";
import { begin, call, connected, initialize, last, messages, send } from "./support/client.mjs";
import { Served } from "./support/served.mjs";

const program = fileURLToPath(new URL("support/stdio-server.mjs", import.meta.url));
const server = { name: "program", command: process.execPath, args: [program], process_per: "app", processes: 2, processes_per_app: 1 };

let served;
let ann;
let ben;
before(async () => {
  served = await Served.start({ servers: [server] }, { "env.MCP_COMMANDS": process.execPath });
  [ann, ben] = [await served.token("ann"), await served.token("ben")];
});
after(() => served?.stop());

const said = async (client, name) => (await client.callTool({ name })).content[0].text;
const ask = (session, message, token = ann, more = {}) => send(served.url(), message, { session, token, ...more });
const end = async (session, token = ann) => assert.equal((await ask(session, undefined, token, { method: "DELETE" })).status, 200);

test("the sessions of an app share one process, another app has its own, and each takes one place", async () => {
  const own = await Promise.all([1, 2, 3].map(() => connected(served.url(), ann)));
  const other = await connected(served.url(), ben);
  assert.equal(new Set(await Promise.all(own.map((client) => said(client, "pid")))).size, 1);
  assert.notEqual(await said(other, "pid"), await said(own[0], "pid"));
  assert.deepEqual([await said(own[0], "counted"), await said(own[1], "counted"), await said(other, "counted")], ["1", "2", "1"]);
  assert.ok(own.every((client) => client.getServerVersion().name === own[0].getServerVersion().name));
  const third = await served.token("cid");
  assert.equal((await send(served.url(), initialize, { token: third })).status, 503);
  for (const client of [...own, other]) await client.transport_.terminateSession();
});

test("questions of one id at one time get each their own progress and answer, and one is called off alone", async () => {
  const sessions = await Promise.all([1, 2, 3].map(() => begin(served.url(), ann)));
  const slow = { ...call("slow", {}, 7), params: { name: "slow", arguments: {}, _meta: { progressToken: "mine" } } };
  const given = new AbortController();
  const streams = await Promise.all(sessions.map((session, at) => ask(session, slow, ann, at === 0 ? { signal: given.signal } : {})));
  const off = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 7, reason: "enough" } };
  assert.equal((await ask(sessions[0], off)).status, 202);
  for (const stream of streams.slice(1)) {
    const all = [];
    for await (const message of messages(stream)) all.push(message);
    assert.deepEqual(all.map((message) => message.params?.progressToken ?? message.id), ["mine", 7]);
    assert.ok(all[1].result.content[0].text);
  }
  // Those that began later have their answers: the first one will have none.
  const first = messages(streams[0]);
  assert.equal((await first.next()).value.params.progressToken, "mine");
  const more = first.next().then((next) => next.value, () => "given up");
  assert.equal((await last(await ask(sessions[1], call("pid", {}, 8)))).id, 8);
  given.abort();
  assert.equal(await more, "given up");
  for (const session of sessions) await end(session);
});

test("what is said beside answers reaches all who listen", async () => {
  const clients = await Promise.all([1, 2].map(() => connected(served.url(), ann)));
  const heard = new Set();
  for (const client of clients) client.setNotificationHandler(ToolListChangedNotificationSchema, () => heard.add(client));
  await eventually("both hear it", async () => {
    await said(clients[0], "later");
    return heard.size === 2;
  });
  for (const client of clients) await client.transport_.terminateSession();
});

test("nobody is asked by a process that several share, and its ping is answered", async () => {
  const client = await connected(served.url(), ann, { sampling: {} });
  let asked = 0;
  client.setRequestHandler(CreateMessageRequestSchema, () => ++asked);
  await assert.rejects(client.callTool({ name: "test_sampling", arguments: { prompt: "?" } }), /-32601/);
  assert.equal(asked, 0);
  assert.equal(await said(client, "ping"), "pong");
  await client.transport_.terminateSession();
});

test("a session that ended is 404 while others go on, and the process stays for the next one", async () => {
  const [one, two] = [await begin(served.url(), ann), await begin(served.url(), ann)];
  const pid = (await last(await ask(two, call("pid")))).result.content[0].text;
  assert.equal((await last(await ask(one, initialize))).error.code, -32600);
  assert.equal((await ask(one, undefined, ann, { method: "GET", headers: { "last-event-id": "a-0-1" } })).status, 400);
  await end(one);
  for (const method of ["POST", "GET", "DELETE"]) {
    assert.equal((await ask(one, method === "POST" ? call("pid") : undefined, ann, { method })).status, 404, method);
  }
  assert.equal((await last(await ask(two, call("pid")))).result.content[0].text, pid);
  assert.equal((await ask(two, call("pid"), ben)).status, 404);
  await end(two);
  const next = await begin(served.url(), ann);
  assert.equal((await last(await ask(next, call("pid")))).result.content[0].text, pid);
  assert.equal((await ask(two, call("pid"))).status, 404);
  await end(next);
});

test("a process that ends ends all its sessions, and clients begin anew in another one", async () => {
  const sessions = [await begin(served.url(), ann), await begin(served.url(), ann)];
  const pid = (await last(await ask(sessions[0], call("pid")))).result.content[0].text;
  process.kill(Number(pid), "SIGKILL");
  for (const session of sessions) {
    await eventually("the session is gone", async () => (await ask(session, call("pid"))).status === 404);
  }
  const again = await eventually("there is room", () => begin(served.url(), ann));
  assert.notEqual((await last(await ask(again, call("pid")))).result.content[0].text, pid);
  assert.equal((await ask(sessions[0], call("pid"))).status, 404);
  await end(again);
});
