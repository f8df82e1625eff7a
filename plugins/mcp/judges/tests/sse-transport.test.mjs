// Servers that speak "HTTP with SSE" alone, the transport of 2024-11-05, before clients of Streamable HTTP.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import test, { after, before, beforeEach } from "node:test";
import { CreateMessageRequestSchema, ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { eventually } from "../../../../ui/tests/support/eventually.mjs";
import { begin, call, connected, initialize, last, messages, request, send } from "./support/client.mjs";
import { modern } from "./support/modern-client.mjs";
import { Served } from "./support/served.mjs";
import { SseServer } from "./support/sse-server.mjs";

/** A promise, and how it comes true. */
function promised() {
  let keep;
  const promise = new Promise((resolve) => (keep = resolve));
  return { promise, keep };
}

const text = (words) => ({ content: [{ type: "text", text: words }] });
let stalled;
let together;
const tools = {
  // Tells one thing, and the rest once the test has seen it.
  stepwise: {
    async call(_, extra) {
      await extra.sendNotification({ method: "notifications/progress", params: { progressToken: extra._meta.progressToken, progress: 1 } });
      await stalled.promise;
      return text("done");
    },
  },
  hang: {
    async call(_, extra, server) {
      await new Promise((resolve) => extra.signal.addEventListener("abort", resolve));
      server.cancelled = String(extra.signal.reason);
      return text("");
    },
  },
  // Answers once all have asked.
  meet: {
    async call({ who, of }) {
      together.count += 1;
      if (together.count === of) together.keep();
      await together.promise;
      return text(`for ${who}`);
    },
  },
  large: { call: async ({ size }) => text("x".repeat(size)) },
  // Says something once its answer is given, when no question is open.
  later: {
    async call(_, extra, server) {
      const { transport } = [...server.streams.values()].at(-1);
      setImmediate(() => transport.send({ jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: "by itself" } }));
      return text("soon");
    },
  },
  secret_one: { call: async () => text("secret") },
};

let server;
let served;
let token;
before(async () => {
  server = await SseServer.start({ tools });
  const old = {
    name: "old",
    url: server.url,
    transport: "sse",
    streams: 6,
    headers: [{ name: "X-Key", value: "of the server" }],
    tools: { deny: ["secret_*"] },
  };
  served = await Served.start({ servers: [old], timeout: 2, longest: 4, message_bytes: 100_000 });
  token = await served.token("ann");
});
beforeEach(() => {
  server.instead = () => false;
  server.calls.length = 0;
  server.seen.length = 0;
});
after(async () => {
  await served?.stop();
  await server?.stop();
});
const url = () => served.url("old");
const said = (result) => result.content[0].text;
const allClosed = () => eventually("all streams are closed", () => server.streams.size === 0);
const ended = async (client) => {
  await client.transport_.terminateSession();
  await client.close();
};

test("a client of Streamable HTTP lists and calls tools, and is asked back: sampling and elicitation", async () => {
  const client = await connected(url(), token, { sampling: {}, elicitation: {} });
  client.setRequestHandler(CreateMessageRequestSchema, async () => ({ role: "assistant", model: "m", content: { type: "text", text: "42" } }));
  client.setRequestHandler(ElicitRequestSchema, async () => ({ action: "accept", content: { response: "yes" } }));
  const listed = (await client.listTools()).tools.map(({ name }) => name);
  assert.ok(listed.includes("meet"));
  assert.equal(said(await client.callTool({ name: "test_sampling", arguments: { prompt: "?" } })), "LLM response: 42");
  assert.match(said(await client.callTool({ name: "test_elicitation", arguments: { message: "?" } })), /action=accept.*"yes"/);
  const progress = [];
  await client.callTool({ name: "test_tool_with_progress" }, undefined, { onprogress: ({ progress: at }) => progress.push(at) });
  assert.deepEqual(progress, [0, 50, 100]);
  await ended(client);
  await allClosed();
});

test("progress reaches the client while the server still works", async () => {
  stalled = promised();
  const session = await begin(url(), token);
  const body = call("stepwise");
  body.params._meta = { progressToken: "p" };
  const seen = [];
  for await (const message of messages(await send(url(), body, { session, token }))) {
    seen.push(message.method ?? said(message.result));
    stalled.keep();
  }
  assert.deepEqual(seen, ["notifications/progress", "done"]);
  await send(url(), undefined, { method: "DELETE", session, token });
  await allClosed();
});

test("progress reaches the client also where the server takes a message only when it has done what it says", async () => {
  stalled = promised();
  server.instead = async (req, res) => {
    // The status goes out with the end.
    const end = res.end.bind(res);
    if (req.method === "POST") res.end = (words) => void stalled.promise.then(() => end(words));
    return false;
  };
  stalled.keep();
  const session = await begin(url(), token);
  stalled = promised();
  const body = call("stepwise");
  body.params._meta = { progressToken: "p" };
  const seen = [];
  for await (const message of messages(await send(url(), body, { session, token }))) {
    seen.push(message.method ?? said(message.result));
    stalled.keep();
  }
  assert.deepEqual(seen, ["notifications/progress", "done"]);
  await send(url(), undefined, { method: "DELETE", session, token });
  await allClosed();
});

test("a client that cancels ends the call at the server", async () => {
  const client = await connected(url(), token);
  const abort = new AbortController();
  const asked = client.callTool({ name: "hang" }, undefined, { signal: abort.signal });
  await eventually("the server was asked", () => server.calls.includes("hang"));
  abort.abort("enough");
  await assert.rejects(asked);
  await eventually("the server was told", () => server.cancelled?.includes("enough"));
  await ended(client);
  await allClosed();
});

test("what the server says while no question is open reaches who listens", async () => {
  const session = await begin(url(), token);
  const listening = await send(url(), undefined, { method: "GET", session, token });
  assert.equal(listening.status, 200);
  await last(await send(url(), call("later"), { session, token }));
  for await (const { params } of messages(listening)) {
    assert.equal(params.data, "by itself");
    break;
  }
  await send(url(), undefined, { method: "DELETE", session, token });
  await allClosed();
});

test("five sessions at once have a stream each and get their own answers, by the same ids of questions", async () => {
  together = { ...promised(), count: 0 };
  const sessions = await Promise.all([1, 2, 3, 4, 5].map(() => begin(url(), token)));
  assert.equal(server.streams.size, 5);
  const answers = await Promise.all(sessions.map(async (session, who) => last(await send(url(), call("meet", { who, of: 5 }, 7), { session, token }))));
  assert.deepEqual(answers.map(({ id, result }) => [id, said(result)]), [0, 1, 2, 3, 4].map((who) => [7, `for ${who}`]));
  for (const session of sessions) await send(url(), undefined, { method: "DELETE", session, token });
  await allClosed();
});

test("there are no more streams than may be, and one that ended leaves its place", async () => {
  const sessions = await Promise.all([1, 2, 3, 4, 5, 6].map(() => begin(url(), token)));
  assert.equal((await send(url(), initialize, { token })).status, 503);
  assert.equal(server.streams.size, 6);
  for (const session of sessions) await send(url(), undefined, { method: "DELETE", session, token });
  await allClosed();
  const session = await begin(url(), token);
  assert.ok(session);
  await send(url(), undefined, { method: "DELETE", session, token });
  await allClosed();
});

test("DELETE closes the stream, and the session is 404 from then on", async () => {
  const session = await begin(url(), token);
  assert.equal(server.streams.size, 1);
  const answer = await send(url(), undefined, { method: "DELETE", session, token });
  assert.ok(answer.ok, `${answer.status}`);
  await allClosed();
  assert.equal((await send(url(), call("meet"), { session, token })).status, 404);
  assert.equal((await send(url(), undefined, { method: "GET", session, token })).status, 404);
});

test("a stream that breaks is an error for who waits, and its session is 404", async () => {
  const session = await begin(url(), token);
  const asked = send(url(), call("hang"), { session, token }).then(last);
  await eventually("the server was asked", () => server.calls.includes("hang"));
  server.breakStreams();
  assert.equal((await asked).error.message, "the server broke the protocol");
  await eventually("the session is gone", async () => (await send(url(), request("ping"), { session, token })).status === 404);
});

test("a server that forgot the session ends it, and one that is silent is an error in time", async () => {
  const session = await begin(url(), token);
  const slow = await last(await send(url(), call("hang"), { session, token }));
  assert.match(slow.error.message, /did not answer in time/);
  server.instead = (req, res) => req.method === "POST" && Boolean(res.writeHead(404).end());
  assert.equal((await send(url(), request("ping"), { session, token })).status, 502);
  await allClosed();
  assert.equal((await send(url(), request("ping"), { session, token })).status, 404);
});

test("a message larger than message_bytes ends the session", async () => {
  const session = await begin(url(), token);
  const fits = await last(await send(url(), call("large", { size: 90_000 }), { session, token }));
  assert.equal(said(fits.result).length, 90_000);
  const answer = await last(await send(url(), call("large", { size: 110_000 }), { session, token }));
  assert.equal(answer.error.message, "the server broke the protocol");
  await allClosed();
  assert.equal((await send(url(), request("ping"), { session, token })).status, 404);
});

test("the configured headers go with both GET and POST, and nothing of the client's does", async () => {
  const session = await begin(url(), token);
  await last(await send(url(), request("ping"), { session, token, headers: { cookie: "a=b", "x-own": "c" } }));
  const methods = new Set(server.seen.map(({ method }) => method));
  assert.deepEqual(methods, new Set(["GET", "POST"]));
  for (const { headers } of server.seen) {
    assert.equal(headers["x-key"], "of the server");
    for (const name of ["authorization", "cookie", "x-own", "mcp-session-id"]) assert.equal(headers[name], undefined, name);
    assert.ok(!JSON.stringify(headers).includes(token));
  }
  await send(url(), undefined, { method: "DELETE", session, token });
  await allClosed();
});

test("lists have what passes, and what is held back is not called", async () => {
  const client = await connected(url(), token);
  const names = (await client.listTools()).tools.map(({ name }) => name);
  assert.ok(names.includes("meet") && !names.includes("secret_one"), names.join());
  await assert.rejects(client.callTool({ name: "secret_one" }), /Unknown tool/);
  assert.ok(!server.calls.includes("secret_one"));
  await ended(client);
  await allClosed();
});

test("an endpoint of another origin is refused, and nothing is posted there", async () => {
  const elsewhere = [];
  const other = createServer((req, res) => {
    elsewhere.push(req.url);
    res.writeHead(202).end();
  });
  await new Promise((resolve) => other.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = other.address();
    for (const endpoint of [`http://127.0.0.1:${port}/messages`, `//127.0.0.1:${port}/messages`, `http://127.0.0.1@localhost:${port}/`]) {
      server.instead = (req, res) => Boolean(res.writeHead(200, { "content-type": "text/event-stream" }).write(`event: endpoint\ndata: ${endpoint}\n\n`));
      assert.equal((await send(url(), initialize, { token })).status, 502, endpoint);
    }
    assert.deepEqual(elsewhere, []);
    assert.deepEqual(server.seen.map(({ method }) => method), ["GET", "GET", "GET"]);
  } finally {
    other.close();
  }
});

test("redirects are not followed, neither of the stream nor of a message", async () => {
  const lead = (res) => Boolean(res.writeHead(307, { location: `${server.origin}/elsewhere` }).end());
  server.instead = (req, res) => req.method === "GET" && lead(res);
  assert.equal((await send(url(), initialize, { token })).status, 502);
  server.instead = (req, res) => req.method === "POST" && lead(res);
  assert.equal((await send(url(), initialize, { token })).status, 502);
  assert.ok(!server.seen.some(({ url: asked }) => asked === "/elsewhere"));
  await allClosed();
});

test("a server that is no such one, that tells no endpoint, or that lets nobody in is an error, and leaves its place free", async () => {
  const answers = [
    [502, (res) => res.writeHead(200, { "content-type": "application/json" }).end("{}")],
    [502, (res) => res.writeHead(401).end()],
    [502, (res) => res.writeHead(200, { "content-type": "text/event-stream" }).end(": nothing\n\n")],
    [504, (res) => res.writeHead(200, { "content-type": "text/event-stream" }).write(": nothing\n\n")],
  ];
  for (const [status, answer] of [...answers, ...answers.slice(0, 3), ...answers.slice(0, 3)]) {
    server.instead = (_, res) => Boolean(answer(res)) || true;
    assert.equal((await send(url(), initialize, { token })).status, status);
  }
  server.instead = () => false;
  const session = await begin(url(), token);
  assert.ok(session);
  await send(url(), undefined, { method: "DELETE", session, token });
  await allClosed();
});

test("a client of 2026-07-28 uses it: tools, progress, and what it is asked back", async () => {
  const client = await modern(url(), token, {
    capabilities: { sampling: {}, elicitation: { form: {} } },
    "sampling/createMessage": async () => ({ role: "assistant", model: "m", content: { type: "text", text: "42" } }),
    "elicitation/create": async () => ({ action: "accept", content: { response: "yes" } }),
  });
  const names = (await client.listTools()).tools.map(({ name }) => name);
  assert.ok(names.includes("meet") && !names.includes("secret_one"), names.join());
  const progress = [];
  await client.callTool({ name: "test_tool_with_progress" }, { onprogress: ({ progress: at }) => progress.push(at) });
  assert.deepEqual(progress, [0, 50, 100]);
  assert.equal(said(await client.callTool({ name: "test_sampling", arguments: { prompt: "?" } })), "LLM response: 42");
  assert.match(said(await client.callTool({ name: "test_elicitation", arguments: { message: "?" } })), /action=accept.*yes/);
  await client.close();
});

test("streams end with the plugin, also when it is killed, and their sessions are 404", async () => {
  const session = await begin(url(), token);
  const own = [...server.streams.keys()].at(-1);
  const plugin = await served.gateway.api.done("GET", `/plugins/${served.plugin.id}`);
  process.kill(plugin.attributes.status.pid, "SIGKILL");
  await eventually("its stream is closed", () => !server.streams.has(own));
  await eventually("the session is gone", async () => (await send(url(), request("ping"), { session, token })).status === 404);
});
