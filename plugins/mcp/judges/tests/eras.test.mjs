// The bridge between the eras of the protocol: clients and servers of both, each with each, by HTTP and as programs.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import test, { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually } from "../../../../ui/tests/support/eventually.mjs";
import { CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema, ResourceUpdatedNotificationSchema, ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { begin, call, connected, last, messages, request, send } from "./support/client.mjs";
import { Modern } from "./support/modern.mjs";
import { alone, modern, sendAlone } from "./support/modern-client.mjs";
import { Served } from "./support/served.mjs";
import { Upstream } from "./support/upstream.mjs";

const program = (name) => fileURLToPath(new URL(`support/${name}.mjs`, import.meta.url));
const said = ({ content }) => content.map(({ text }) => text).join();
const answers = {
  capabilities: { sampling: {}, elicitation: { form: {} }, roots: { listChanged: true } },
  "sampling/createMessage": async ({ params }) => ({ role: "assistant", model: "m", content: { type: "text", text: `to ${params.messages[0].content.text}` } }),
  "elicitation/create": async () => ({ action: "accept", content: { name: "Ann", response: "yes", ok: true, color: "red" } }),
  "roots/list": async () => ({ roots: [{ uri: "file:///r" }] }),
};

// Servers whose era changes, or that say nothing.
const flip = createServer((req, res) => (flip.era === "new" ? fresh : old).http.emit("request", req, res));
const silent = createServer(() => {});
const listens = (server) => new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(`http://localhost:${server.address().port}/mcp`)));

let [old, fresh, served, lone, ann, bob] = [];
before(async () => {
  old = await Upstream.start({ name: "old", tools: oldTools() });
  fresh = await Modern.start({ name: "fresh" });
  const servers = [
    { name: "old", url: old.url, tools: { deny: ["secret"] }, resources: { deny: ["test://static-binary"] } },
    { name: "new", url: fresh.url, tools: { deny: ["test_image_*"] }, resources: { deny: ["test://static-binary"] } },
    { name: "old-program", command: process.execPath, args: [program("stdio-server")] },
    { name: "new-program", command: process.execPath, args: [program("stdio-modern")] },
  ];
  served = await Served.start({ servers }, { "env.MCP_COMMANDS": process.execPath });
  lone = await Served.start({
    servers: [
      { name: "flip", url: await listens(flip) },
      { name: "silent", url: await listens(silent) },
      { name: "pinned-old", url: old.url, era: "2025" },
      { name: "pinned-new", url: fresh.url, era: "2026" },
    ],
    require_auth: false,
  });
  [ann, bob] = [await served.token("ann"), await served.token("bob")];
});
after(async () => {
  for (const one of [served, lone, old, fresh]) await one?.stop();
  for (const server of [flip, silent]) {
    server.closeAllConnections();
    server.close();
  }
});

function oldTools() {
  const text = (words) => ({ content: [{ type: "text", text: words }] });
  return {
    secret: { call: async () => text("secret") },
    // Asks beside the stream of the request, as many servers do.
    aside: {
      async call(_, extra, upstream) {
        const server = upstream.servers.get(extra.sessionId);
        return text(JSON.stringify((await server.createMessage({ messages: [{ role: "user", content: { type: "text", text: "aside" } }], maxTokens: 9 })).content.text));
      },
    },
    touch: {
      async call(_, extra, upstream) {
        const server = upstream.servers.get(extra.sessionId);
        await server.sendToolListChanged();
        await server.sendResourceUpdated({ uri: "test://watched-resource" });
        return text("touched");
      },
    },
    wait: {
      async call(_, extra) {
        await new Promise((resolve) => extra.signal.addEventListener("abort", resolve));
        oldTools.cancelled = true;
        return text("cancelled");
      },
    },
  };
}

for (const name of ["old", "old-program"]) {
  test(`a new client uses a server of the older era (${name}): discovery, lists, calls, progress and questions to the client`, async () => {
    const client = await modern(served.url(name), ann, answers);
    assert.equal(client.getNegotiatedProtocolVersion(), "2026-07-28");
    assert.ok(client.getServerCapabilities().tools);
    const names = (await client.listTools()).tools.map((tool) => tool.name);
    assert.ok(names.includes("test_simple_text") && !names.includes("secret"));
    assert.equal((await client.readResource({ uri: "test://static-text" })).contents[0].text, "This is the content of the static text resource.");
    assert.equal((await client.getPrompt({ name: "test_simple_prompt" })).messages.length, 1);
    const progress = [];
    await client.callTool({ name: "test_tool_with_progress" }, { onprogress: ({ progress: at }) => progress.push(at) });
    assert.deepEqual(progress, [0, 50, 100]);
    assert.equal(said(await client.callTool({ name: "test_sampling", arguments: { prompt: "you" } })), "LLM response: to you");
    assert.match(said(await client.callTool({ name: "test_elicitation", arguments: { message: "?" } })), /action=accept, content=.*yes/);
    await client.close();
  });
}

test("what an older server refuses, and what is held back, a new client is told in its own words", async () => {
  const at = async (message, options) => {
    const answer = await sendAlone(served.url("old"), message, { token: ann, ...options });
    return [answer.status, await last(answer)];
  };
  const [, listed] = await at(alone("tools/list"));
  assert.deepEqual([listed.result.resultType, listed.result.ttlMs, listed.result.cacheScope], ["complete", 0, "private"]);
  assert.equal(listed.result._meta["io.modelcontextprotocol/serverInfo"].name, "old");
  for (const uri of ["test://nothing", "test://static-binary"]) {
    const [, missing] = await at(alone("resources/read", { uri }));
    assert.deepEqual([missing.error.code, missing.error.data], [-32602, { uri }]);
  }
  const [, denied] = await at(alone("tools/call", { name: "secret", arguments: {} }));
  assert.equal(denied.error.code, -32602);
  assert.ok(!old.calls.includes("secret"));
  for (const method of ["foo/bar", "ping", "initialize", "resources/subscribe"]) {
    const [status, unknown] = await at(alone(method));
    assert.deepEqual([status, unknown.error.code], [404, -32601], method);
  }
  const [status, differs] = await at(alone("tools/call", { name: "test_simple_text" }), { headers: { "mcp-name": "another" } });
  assert.deepEqual([status, differs.error.code], [400, -32020]);
});

test("log messages reach a new client from the level it asks for, and without asking none", async () => {
  const logged = async (level) => {
    const found = [];
    const answer = await sendAlone(served.url("old"), alone("tools/call", { name: "test_tool_with_logging" }, { level }), { token: ann });
    for await (const message of messages(answer)) if (message.method === "notifications/message") found.push(message.params.data);
    return found.length;
  };
  assert.deepEqual([await logged(), await logged("info"), await logged("error"), await logged("debug")], [0, 3, 0, 3]);
});

test("a question that a server asks beside its answers reaches the client of the request that is open", async () => {
  const client = await modern(served.url("old"), ann, answers);
  assert.equal(said(await client.callTool({ name: "aside" })), '"to aside"');
  await client.close();
});

test("what a client carries while it is asked is of its app and its request alone", async () => {
  const ask = (extra = {}, options = {}) => {
    const message = alone("tools/call", { name: "test_sampling", arguments: { prompt: "p" }, ...extra }, { id: 7, capabilities: { sampling: {} } });
    return sendAlone(served.url("old"), message, { token: ann, ...options }).then(last);
  };
  const { result } = await ask();
  assert.equal(result.resultType, "input_required");
  assert.deepEqual(Object.values(result.inputRequests).map(({ method }) => method), ["sampling/createMessage"]);
  const [key] = Object.keys(result.inputRequests);
  const inputResponses = { [key]: { role: "assistant", model: "m", content: { type: "text", text: "42" } } };
  const { requestState } = result;
  for (const state of [`${requestState}AA`, "nonsense", ""]) assert.equal((await ask({ inputResponses, requestState: state })).error.code, -32602);
  assert.equal((await ask({ inputResponses, requestState }, { token: bob })).error.code, -32602);
  const again = await ask({ inputResponses: { other: {} }, requestState });
  assert.equal(again.result.resultType, "input_required");
  const done = await ask({ inputResponses, requestState: again.result.requestState });
  assert.equal(done.result.content[0].text, "LLM response: 42");
  assert.equal((await ask({ inputResponses, requestState: again.result.requestState })).error.code, -32602);
});

test("a new client listens to an older server for what it asks for", async () => {
  const client = await modern(served.url("old"), ann, answers);
  const told = [];
  for (const method of ["notifications/tools/list_changed", "notifications/resources/updated", "notifications/prompts/list_changed"]) client.setNotificationHandler(method, ({ params }) => void told.push(params?.uri ?? method));
  const listening = await client.listen({ toolsListChanged: true, resourceSubscriptions: ["test://watched-resource", "test://static-binary"] });
  assert.deepEqual(listening.honoredFilter.resourceSubscriptions, ["test://watched-resource"]);
  assert.equal(said(await client.callTool({ name: "touch" })), "touched");
  await eventually("both are told", () => told.length === 2);
  assert.deepEqual(told.sort(), ["notifications/tools/list_changed", "test://watched-resource"]);
  await listening.close();
  await client.close();
});

test("a new client that goes away cancels what it asked an older server", async () => {
  const gone = new AbortController();
  const asked = sendAlone(served.url("old"), alone("tools/call", { name: "wait" }), { token: ann, signal: gone.signal });
  await eventually("it is asked", () => old.calls.includes("wait"));
  gone.abort();
  await assert.rejects(asked.then((answer) => answer.text()));
  await eventually("it is cancelled", () => oldTools.cancelled);
});

test("many new clients of an app share a session of an older server, which begins anew when it is forgotten", async () => {
  const before = old.sessions.size;
  const ask = (id, token = ann) => sendAlone(served.url("old"), alone("tools/call", { name: "json_schema_2020_12_tool", arguments: { name: `n${id}` } }, { id: 1 }), { token }).then(last);
  const all = await Promise.all(Array.from({ length: 20 }, (_, id) => ask(id)));
  all.forEach(({ id, result }, i) => {
    assert.equal(id, 1);
    assert.match(said(result), new RegExp(`"n${i}"`));
  });
  assert.ok(old.sessions.size <= before + 1);
  await ask(1, bob);
  assert.ok(old.sessions.size <= before + 2);
  old.sessions.clear();
  assert.match(said((await ask(3)).result), /"n3"/);
  assert.equal(old.sessions.size, 1);
});

/** A client of the older era that can be asked. */
async function older(url, token) {
  const client = await connected(url, token, { sampling: {}, elicitation: {}, roots: {} });
  client.setRequestHandler(CreateMessageRequestSchema, answers["sampling/createMessage"]);
  client.setRequestHandler(ElicitRequestSchema, answers["elicitation/create"]);
  client.setRequestHandler(ListRootsRequestSchema, answers["roots/list"]);
  return client;
}

for (const name of ["new", "new-program"]) {
  test(`an old client uses a server of the newer era (${name}): lists, calls, progress and questions to the client in many rounds`, async () => {
    const client = await older(served.url(name), ann);
    assert.equal(client.getServerVersion().name, name === "new" ? "fresh" : "program");
    assert.match(client.getInstructions(), /well/);
    const { tools, ...rest } = await client.listTools();
    assert.ok(tools.some((tool) => tool.name === "test_simple_text"));
    assert.deepEqual([rest.resultType, rest.ttlMs, rest.cacheScope, rest._meta], [undefined, undefined, undefined, undefined]);
    assert.equal((await client.readResource({ uri: "test://static-text" })).contents[0].text, "This is the content of the static text resource.");
    const progress = [];
    await client.callTool({ name: "test_tool_with_progress" }, undefined, { onprogress: ({ progress: at }) => progress.push(at) });
    assert.deepEqual(progress, [0, 50, 100]);
    const asked = async (tool) => said(await client.callTool({ name: tool, arguments: {} }));
    assert.equal(await asked("test_input_required_result_elicitation"), "Hello, Ann!");
    assert.equal(await asked("test_sampling"), "LLM response: to ?");
    assert.equal(await asked("test_input_required_result_multiple_inputs"), "Ann,to Generate a greeting,file:///r");
    assert.equal(await asked("test_input_required_result_multi_round"), "color red");
    assert.equal((await client.getPrompt({ name: "test_input_required_result_prompt" })).messages.length, 1);
    await client.ping();
    await client.setLoggingLevel("error");
    await assert.rejects(client.callTool({ name: "nothing" }), /-32602/);
    await client.close();
  });

  test(`an old client hears of changes at a server of the newer era (${name})`, async () => {
    const client = await older(served.url(name), ann);
    const told = [];
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => void told.push("tools"));
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void told.push(params.uri));
    await client.subscribeResource({ uri: "test://watched-resource" });
    await eventually("both are told", async () => {
      await client.callTool({ name: "test_trigger_tool_change" });
      await client.callTool({ name: "test_touch", arguments: { uri: "test://watched-resource" } });
      await client.callTool({ name: "test_touch", arguments: { uri: "test://static-text" } });
      return told.includes("tools") && told.includes("test://watched-resource");
    });
    assert.ok(!told.includes("test://static-text"));
    await client.close();
  });
}

test("arguments that a tool of the newer era wants in headers are repeated there for an old client", async () => {
  const client = await older(served.url("new"), ann);
  fresh.seen.length = 0;
  assert.equal(said(await client.callTool({ name: "test_with_headers", arguments: { region: "\u00e9", count: 7, other: "x" } })), JSON.stringify({ region: "\u00e9", count: 7, other: "x" }));
  const { headers } = fresh.seen.findLast(({ headers }) => headers["mcp-method"] === "tools/call");
  assert.equal(headers["mcp-method"], "tools/call");
  assert.equal(headers["mcp-name"], "test_with_headers");
  assert.deepEqual([headers["mcp-param-region"], headers["mcp-param-count"], headers["mcp-param-other"]], ["=?base64?w6k=?=", "7", undefined]);
  assert.deepEqual([headers["mcp-session-id"], headers.authorization], [undefined, undefined]);
  await client.close();
});

test("a session before a server of the newer era is its app's, outlives the plugin, and is gone when it was ended", async () => {
  const url = served.url("new");
  const session = await begin(url, ann);
  const ask = (token = ann) => send(url, call("test_simple_text"), { session, token });
  assert.equal((await last(await ask())).result.content[0].type, "text");
  assert.equal((await ask(bob)).status, 404);
  await served.gateway.api.done("POST", `/plugins/${served.plugin.id}/reload`);
  assert.equal((await last(await ask())).result.content[0].type, "text");
  assert.equal((await send(url, undefined, { session, token: ann, method: "DELETE" })).status, 200);
  assert.equal((await ask()).status, 404);
  assert.equal((await send(url, request("tools/list"), { token: ann })).status, 400);
});

test("a new client uses a program of the newer era, which an app shares and others do not", async () => {
  const clients = await Promise.all([ann, ann, bob].map((token) => modern(served.url("new-program"), token, answers)));
  const pids = await Promise.all(clients.map(async (client) => said(await client.callTool({ name: "pid" }))));
  assert.equal(pids[0], pids[1]);
  assert.notEqual(pids[0], pids[2]);
  const all = await Promise.all(
    clients.map(async (client) => {
      const progress = [];
      await client.callTool({ name: "test_tool_with_progress" }, { onprogress: ({ progress: at }) => progress.push(at) });
      return progress;
    }),
  );
  assert.deepEqual(all, [[0, 50, 100], [0, 50, 100], [0, 50, 100]]);
  assert.equal(said(await clients[0].callTool({ name: "test_input_required_result_elicitation" })), "Hello, Ann!");
  await Promise.all(clients.map((client) => client.close()));
});

test("clients of both eras use servers of both eras under one address", async () => {
  for (const client of [await modern(served.url(), ann, answers), await older(served.url(), ann)]) {
    const names = (await client.listTools()).tools.map(({ name }) => name);
    for (const server of ["old", "new", "old-program", "new-program"]) {
      assert.ok(names.includes(`${server}__test_simple_text`), `${server}: ${names.length}`);
      assert.match(said(await client.callTool({ name: `${server}__test_sampling`, arguments: { prompt: "?" } })), /LLM response: to \?/);
    }
    assert.ok(!names.includes("old__secret"));
    await client.close();
  }
});

for (const name of ["new", "new-program"]) {
  test(`a new client uses a server of the newer era as it is (${name}): calls, input in many rounds, and changes`, async () => {
    const client = await modern(served.url(name), ann, answers);
    assert.equal(said(await client.callTool({ name: "test_input_required_result_multi_round" })), "color red");
    const told = [];
    for (const method of ["notifications/tools/list_changed", "notifications/resources/updated"]) client.setNotificationHandler(method, ({ params }) => void told.push(params?.uri ?? method));
    const listening = await client.listen({ toolsListChanged: true, resourceSubscriptions: ["test://watched-resource"] });
    await client.callTool({ name: "test_trigger_tool_change" });
    await client.callTool({ name: "test_touch", arguments: { uri: "test://watched-resource" } });
    await client.callTool({ name: "test_touch", arguments: { uri: "test://static-text" } });
    await eventually("both are told", () => told.length >= 2);
    assert.deepEqual(told, ["notifications/tools/list_changed", "test://watched-resource"]);
    await listening.close();
    await client.close();
  });
}

test("rules hold for the newer era: lists, calls, resources, what is listened for, and what is in headers", async () => {
  const ask = async (message, options) => last(await sendAlone(served.url("new"), message, { token: ann, ...options }));
  const { result } = await ask(alone("tools/list"));
  assert.ok(result.tools.length > 20 && !result.tools.some(({ name }) => name.startsWith("test_image")));
  assert.deepEqual([result.ttlMs, result.cacheScope, result.resultType], [0, "private", "complete"]);
  fresh.calls.length = 0;
  assert.equal((await ask(alone("tools/call", { name: "test_image_content" }))).error.code, -32602);
  assert.equal((await ask(alone("tools/call", { name: "test_simple_text" }), { headers: { "mcp-name": "test_image_content" } })).error.code, -32020);
  assert.deepEqual(fresh.calls, []);
  const uri = "test://static-binary";
  assert.deepEqual((await ask(alone("resources/read", { uri }))).error.data, { uri });
  const client = await modern(served.url("new"), ann, answers);
  const listening = await client.listen({ resourceSubscriptions: ["test://static-text", uri] });
  assert.deepEqual(listening.honoredFilter, { resourceSubscriptions: ["test://static-text"] });
  await client.close();
  fresh.seen.length = 0;
  await ask(alone("tools/call", { name: "test_with_headers", arguments: { region: "us" } }), { headers: { "mcp-param-region": "us" } });
  assert.equal(fresh.seen[0].headers["mcp-param-region"], "us");
  assert.ok(!JSON.stringify(fresh.seen).includes(ann));
});

test("a server that changes its era is found out", async () => {
  const works = () => sendAlone(lone.url("flip"), alone("tools/call", { name: "test_simple_text" })).then(last);
  for (const era of ["new", "old", "new"]) {
    flip.era = era;
    const { result } = await eventually(`it works as ${era}`, async () => {
      const answer = await works();
      return answer?.result && answer;
    });
    const name = result._meta["io.modelcontextprotocol/serverInfo"].name;
    assert.equal(name, era === "new" ? "fresh" : "old");
  }
});

test("a server that says nothing keeps no new client waiting", async () => {
  const begun = Date.now();
  const answer = await sendAlone(lone.url("silent"), alone("server/discover"), { signal: AbortSignal.timeout(30_000) });
  assert.equal(answer.status, 504);
  assert.ok(Date.now() - begun < 20_000);
});

test("a server whose era the operator says is not asked for it", async () => {
  for (const one of [old, fresh]) one.seen.length = 0;
  const client = await modern(lone.url("pinned-old"), undefined, answers);
  assert.ok((await client.listTools()).tools.length);
  assert.ok(old.seen.length && old.seen.every(({ headers }) => !headers["mcp-method"]));
  const other = await older(lone.url("pinned-new"));
  assert.ok((await other.listTools()).tools.length);
  assert.equal(fresh.seen[0].headers["mcp-method"], "server/discover");
  await Promise.all([client.close(), other.close()]);
});
