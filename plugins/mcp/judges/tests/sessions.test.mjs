// Sessions: whose they are, and what they outlive.

import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { eventually } from "../../../../ui/tests/support/eventually.mjs";
import { begin, call, connected, last, request, send } from "./support/client.mjs";
import { Served } from "./support/served.mjs";
import { Upstream } from "./support/upstream.mjs";

let upstream;
let served;
let ann;
before(async () => {
  upstream = await Upstream.start();
  const servers = [
    { name: "everything", url: upstream.url, headers: [{ name: "X-Api-Key", value: "a secret of the server" }] },
    { name: "other", url: upstream.url },
  ];
  served = await Served.start({ servers });
  ann = await served.token("ann");
});
after(async () => {
  await served?.stop();
  await upstream?.stop();
});
const url = () => served.url("everything");
const simple = call("test_simple_text");

test("without a token nobody gets in, and no token reaches the server", async () => {
  assert.equal((await send(url(), simple)).status, 401);
  upstream.seen.length = 0;
  const session = await begin(url(), ann);
  await last(await send(url(), simple, { session, token: ann }));
  assert.ok(upstream.seen.length >= 3);
  for (const { headers } of upstream.seen) {
    assert.equal(headers["x-api-key"], "a secret of the server");
    assert.ok(!JSON.stringify(headers).includes(ann));
  }
});

test("a session outlives the plugin's process, and the gateway's", async () => {
  const session = await begin(url(), ann);
  const works = async () => (await last(await send(url(), simple, { session, token: ann }))).result.content[0].text;
  const before = await works();
  await served.gateway.api.done("POST", `/plugins/${served.plugin.id}/reload`);
  assert.equal(await works(), before);
  await served.gateway.process.stop();
  await served.gateway.startAgain();
  assert.equal(await eventually("the session works after the restart", works), before);
});

test("a session that was ended is 404, and so is one that the server forgot; clients begin anew", async () => {
  const session = await begin(url(), ann);
  assert.equal((await send(url(), undefined, { session, token: ann, method: "DELETE" })).status, 200);
  assert.equal((await send(url(), simple, { session, token: ann })).status, 404);
  const client = await connected(url(), ann);
  upstream.sessions.clear();
  await assert.rejects(client.callTool({ name: "test_simple_text" }), (error) => error.code === 404);
  const again = await connected(url(), ann);
  assert.equal((await again.listTools()).tools.length > 10, true);
  await again.close();
});

test("twenty sessions at once keep apart", async () => {
  const clients = await Promise.all(Array.from({ length: 20 }, () => connected(url(), ann)));
  const answers = await Promise.all(clients.map((client, i) => client.callTool({ name: "json_schema_2020_12_tool", arguments: { name: `n${i}` } })));
  answers.forEach((answer, i) => assert.match(answer.content[0].text, new RegExp(`"n${i}"`)));
  await Promise.all(clients.map((client) => client.close()));
});

test("without a session the server itself says what it wants", async () => {
  const answer = await send(url(), request("tools/list"), { token: ann });
  assert.equal(answer.status, 400);
  assert.match((await answer.json()).error.message, /no session/);
});
