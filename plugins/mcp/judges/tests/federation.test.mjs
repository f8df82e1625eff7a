// Several servers under one address: whose what is, and that all of it works there.

import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { CreateMessageRequestSchema, ListRootsRequestSchema, ListRootsResultSchema, ResourceUpdatedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { eventually } from "../../../../ui/tests/support/eventually.mjs";
import { begin, call, connected, last, request, send } from "./support/client.mjs";
import { Served } from "./support/served.mjs";
import { Upstream } from "./support/upstream.mjs";

const who = { call: async (_, __, upstream) => ({ content: [{ type: "text", text: upstream.name }, { type: "resource_link", uri: "test://static-text", name: "t" }] }) };
const roots = {
  async call(_, extra) {
    const { roots } = await extra.sendRequest({ method: "roots/list" }, ListRootsResultSchema);
    return { content: [{ type: "text", text: roots.map(({ uri }) => uri).join() }] };
  },
};
const announce = {
  async call(_, extra) {
    await extra.sendNotification({ method: "notifications/resources/updated", params: { uri: "test://watched-resource" } });
    return { content: [] };
  },
};

let [one, two, served, ann, narrow] = [];
before(async () => {
  one = await Upstream.start({ name: "first", tools: { who, roots, announce, only_one: who } });
  two = await Upstream.start({ name: "second", tools: { who, roots, secret: who } });
  const servers = [
    { name: "one", url: one.url },
    { name: "two", url: two.url, tools: { deny: ["secret"] } },
    { name: "away", url: "http://127.0.0.1:9/mcp" },
  ];
  served = await Served.start({ servers });
  ann = await served.token("ann");
  narrow = await served.token("narrow", { mcp_servers: "one" });
});
after(async () => {
  await served?.stop();
  await one?.stop();
  await two?.stop();
});

test("tools, prompts and resources of all servers that are there have names of their own, and each reaches its server", async () => {
  const client = await connected(served.url(), ann);
  assert.equal(client.getServerVersion().name, "sidegate-mcp");
  assert.equal(client.getServerCapabilities().resources.subscribe, true);
  const names = (await client.listTools()).tools.map(({ name }) => name);
  for (const name of ["one__who", "one__only_one", "two__who", "two__test_simple_text"]) assert.ok(names.includes(name), name);
  assert.ok(!names.includes("two__secret") && !names.some((name) => name.startsWith("away")));
  for (const [name, text] of [["one__who", "first"], ["two__who", "second"]]) {
    const { content } = await client.callTool({ name });
    assert.equal(content[0].text, text);
    const { contents } = await client.readResource({ uri: content[1].uri });
    assert.equal(contents[0].uri, content[1].uri);
    assert.match(contents[0].text, /static text/);
  }
  const { prompts } = await client.listPrompts();
  assert.ok(prompts.some(({ name }) => name === "two__test_simple_prompt"));
  assert.equal((await client.getPrompt({ name: "two__test_simple_prompt" })).messages.length, 1);
  const { resourceTemplates } = await client.listResourceTemplates();
  assert.deepEqual(resourceTemplates.map(({ uriTemplate }) => uriTemplate), ["one+test://template/{id}/data", "two+test://template/{id}/data"]);
  assert.match((await client.readResource({ uri: "two+test://template/7/data" })).contents[0].text, /"id":"7"/);
  await client.setLoggingLevel("info");
  await client.ping();
  await client.close();
});

test("servers ask the client back, each with its own answer, and tell of changes by the names that the client knows", async () => {
  const client = await connected(served.url(), ann, { sampling: {}, roots: {} });
  client.setRequestHandler(CreateMessageRequestSchema, async ({ params }) => ({ role: "assistant", model: "m", content: { type: "text", text: `to ${params.messages[0].content.text}` } }));
  client.setRequestHandler(ListRootsRequestSchema, async () => ({ roots: [{ uri: "file:///r" }] }));
  const ask = (name) => client.callTool({ name: `${name}__test_sampling`, arguments: { prompt: name } });
  const [first, second] = await Promise.all([ask("one"), ask("two")]);
  assert.deepEqual([first.content[0].text, second.content[0].text], ["LLM response: to one", "LLM response: to two"]);
  assert.equal((await client.callTool({ name: "two__roots" })).content[0].text, "file:///r");
  const updated = [];
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => updated.push(params.uri));
  await client.callTool({ name: "one__announce" });
  assert.deepEqual(await eventually("it is told", () => updated.length && updated), ["one+test://watched-resource"]);
  await client.close();
});

test("no server is asked by a method that none of them is named by, and nothing without a session", async () => {
  const session = await begin(served.url(), ann);
  const unknown = await last(await send(served.url(), request("foo/bar"), { session, token: ann }));
  assert.equal(unknown.error.code, -32601);
  assert.equal((await send(served.url(), request("tools/list"), { token: ann })).status, 400);
});

test("what no server takes is refused, as one by itself refuses it", async () => {
  for (const [url, name] of [[served.url("one"), "who"], [served.url(), "one__who"]]) {
    const session = await begin(url, ann);
    const { jsonrpc, method, params } = call(name);
    assert.equal((await send(url, { jsonrpc, method, params }, { session, token: ann })).status, 400, name);
    assert.equal((await send(url, { jsonrpc, method: "notifications/roots/list_changed" }, { session, token: ann })).status, 202, name);
  }
});

test("an app has the servers that its metadata names", async () => {
  const client = await connected(served.url(), narrow);
  const names = (await client.listTools()).tools.map(({ name }) => name);
  assert.ok(names.length > 0 && names.every((name) => name.startsWith("one__")));
  await assert.rejects(client.callTool({ name: "two__who" }), /-32602/);
  await client.close();
});

test("a session of all servers outlives the plugin, ends at all of them, and begins anew where one forgot it", async () => {
  const session = await begin(served.url(), ann);
  await served.gateway.api.done("POST", `/plugins/${served.plugin.id}/reload`);
  const ask = (name) => send(served.url(), call(name), { session, token: ann });
  assert.equal((await last(await ask("two__who"))).result.content[0].text, "second");
  two.sessions.clear();
  assert.equal((await ask("two__who")).status, 404);
  const before = one.sessions.size;
  assert.equal((await send(served.url(), undefined, { session, token: ann, method: "DELETE" })).status, 200);
  assert.equal(one.sessions.size, before - 1);
});
