// Who may use what: the same by every way and in every spelling.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test, { after, before } from "node:test";
import { eventually } from "../../../../ui/tests/support/eventually.mjs";
import { begin, call, connected, last, messages, request, send } from "./support/client.mjs";
import { Served } from "./support/served.mjs";
import { Upstream } from "./support/upstream.mjs";

const done = { call: async (_, __, upstream) => ({ content: [{ type: "text", text: upstream.name }] }) };
const slow = {
  async call(_, extra) {
    await new Promise((resolve) => extra.signal.addEventListener("abort", resolve));
    return { content: [] };
  },
};

let upstream;
let served;
const tokens = {};
before(async () => {
  upstream = await Upstream.start({ tools: { delete_all: done, write_one: done, slow_one: slow } });
  const server = {
    name: "everything",
    url: upstream.url,
    tools: { deny: ["delete_*"] },
    resources: { deny: ["test://watched-*"] },
    prompts: { allow: ["test_simple_*"] },
    scopes: [{ tool: "write_*", scope: "files.write" }],
    timeouts: [{ tool: "slow_*", seconds: 1 }],
  };
  served = await Served.start({ servers: [server] }, { "oauth.authorization_servers": "https://sso.example.com" });
  tokens.ann = await served.token("ann");
  tokens.reader = await served.token("reader", { mcp_tools: "test_simple_*, json_*", mcp_resources: "test://static-*" });
  tokens.writer = await served.token("writer", {}, ["files.write"]);
});
after(async () => {
  await served?.stop();
  await upstream?.stop();
});

const ways = () => [served.url(), served.url("everything")];

test("lists have what may be used, and nothing else, by every way", async () => {
  for (const url of ways()) {
    const ann = await connected(url, tokens.ann);
    const names = (await ann.listTools()).tools.map(({ name }) => name);
    assert.ok(names.includes("write_one") && names.includes("test_simple_text") && !names.includes("delete_all"));
    assert.deepEqual((await ann.listPrompts()).prompts.map(({ name }) => name), ["test_simple_prompt"]);
    assert.deepEqual((await ann.listResources()).resources.map(({ uri }) => uri), ["test://static-text", "test://static-binary"]);
    const reader = await connected(url, tokens.reader);
    assert.deepEqual((await reader.listTools()).tools.map(({ name }) => name), ["test_simple_text", "json_schema_2020_12_tool"]);
    assert.deepEqual((await reader.listResourceTemplates()).resourceTemplates, []);
    await Promise.all([ann.close(), reader.close()]);
  }
});

test("a change of an app's metadata holds from the next call on", async () => {
  const token = await served.token("moving", { mcp_tools: "test_*" });
  const url = served.url();
  const session = await begin(url, token);
  const answers = async () => (await last(await send(url, call("test_simple_text"), { session, token }))).error?.code;
  assert.equal(await answers(), undefined);
  const apps = await served.gateway.api.done("GET", "/apps");
  const { id } = apps.find(({ attributes }) => attributes.name === "moving");
  await served.gateway.api.done("PATCH", `/apps/${id}`, { metadata: { mcp_tools: "none" } });
  assert.equal(await eventually("it is denied", answers), -32602);
});

test("a tool that needs a scope is listed, and 403 says which scope, and where to get it", async () => {
  const url = served.url();
  const session = await begin(url, tokens.ann);
  const answer = await send(url, call("write_one"), { session, token: tokens.ann });
  assert.equal(answer.status, 403);
  const document = `${served.gateway.clients}/.well-known/oauth-protected-resource/plugins/mcp/mcp`;
  assert.equal(answer.headers.get("www-authenticate"), `Bearer resource_metadata="${document}", error="insufficient_scope", scope="files.write"`);
  assert.equal((await answer.json()).id, 1);
  assert.equal((await (await fetch(document)).json()).resource, url);
  // A client asks for what is named there alone: what its token has already is named, too.
  const other = await served.token("other", {}, ["files.read"]);
  const again = await send(url, call("write_one"), { session: await begin(url, other), token: other });
  assert.match(again.headers.get("www-authenticate"), / scope="files\.read files\.write"$/);
  const writer = await connected(url, tokens.writer);
  assert.equal((await writer.callTool({ name: "write_one" })).content[0].text, "everything");
  await writer.close();
});

test("a tool's own timeout counts", async () => {
  const url = served.url();
  const session = await begin(url, tokens.ann);
  const begun = Date.now();
  const answer = await last(await send(url, call("slow_one"), { session, token: tokens.ann }));
  assert.equal(answer.error.message, "the server did not answer in time");
  assert.ok(Date.now() - begun < 10_000);
});

test("what a denied list was is not told by a stream that goes on", async () => {
  const url = served.url();
  const session = await begin(url, tokens.reader);
  const answer = await send(url, request("tools/list"), { session, token: tokens.reader });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!/^id: (.+)$/m.test(text)) text += (await reader.read()).value ?? "";
  await reader.cancel();
  const id = /^id: (.+)$/m.exec(text)[1];
  const again = await send(url, undefined, { session, token: tokens.reader, method: "GET", headers: { "last-event-id": id } });
  for await (const message of messages(again)) {
    assert.deepEqual(message.result.tools.map(({ name }) => name), ["test_simple_text", "json_schema_2020_12_tool"]);
    break;
  }
});

test("each call is a line in the log: app, server, name, outcome, and no arguments", async () => {
  const lines = () => [...readFileSync(served.gateway.process.log, "utf8").matchAll(/mcp call .* fields=(\{.*\})$/gm)].map(([, fields]) => JSON.parse(fields));
  const url = served.url();
  const session = await begin(url, tokens.ann);
  await last(await send(url, call("json_schema_2020_12_tool", { name: "hush" }), { session, token: tokens.ann }));
  for (const name of ["test_error_handling", "delete_all"]) await last(await send(url, call(name), { session, token: tokens.ann }));
  const line = (wanted) => lines().findLast(({ name }) => name === wanted);
  for (const [name, outcome] of [["json_schema_2020_12_tool", "ok"], ["test_error_handling", "tool_error"], ["delete_all", "denied"], ["write_one", "ok"], ["slow_one", "timed_out"]]) {
    const found = await eventually(`a line of ${name}`, () => line(name));
    assert.deepEqual([found.server, found.method, found.outcome], ["everything", "tools/call", outcome]);
    assert.ok(["ann", "writer"].includes(found.app) && found.millis >= 0 && !("arguments" in found), JSON.stringify(found));
  }
});
