// What streams, stops and fails between a client and a server.

import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { CreateMessageRequestSchema, ElicitRequestSchema, ElicitResultSchema, ProgressNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { eventually } from "../../../../ui/tests/support/eventually.mjs";
import { begin, call, connected, last, messages, send } from "./support/client.mjs";
import { Served } from "./support/served.mjs";
import { Upstream } from "./support/upstream.mjs";

/** A promise, and how it comes true. */
function promised() {
  let keep;
  const promise = new Promise((resolve) => (keep = resolve));
  return { promise, keep };
}

let stalled;
const tools = {
  // Tells one thing, and the rest once the test has seen it.
  stepwise: {
    async call(_, extra) {
      await extra.sendNotification({ method: "notifications/progress", params: { progressToken: extra._meta.progressToken, progress: 1 } });
      await stalled.promise;
      return { content: [{ type: "text", text: "done" }] };
    },
  },
  hang: {
    async call(_, extra, upstream) {
      await new Promise((resolve) => extra.signal.addEventListener("abort", resolve));
      upstream.cancelled = String(extra.signal.reason);
      return { content: [] };
    },
  },
};

let upstream;
let served;
before(async () => {
  upstream = await Upstream.start({ tools });
  served = await Served.start({ servers: [{ name: "everything", url: upstream.url }], timeout: 2, longest: 4, message_bytes: 100_000, require_auth: false });
});
after(async () => {
  await served?.stop();
  await upstream?.stop();
});
const url = () => served.url("everything");

test("an event reaches the client while the server still works on the next one", async () => {
  stalled = promised();
  const session = await begin(url());
  const body = call("stepwise");
  body.params._meta = { progressToken: "p" };
  const answer = await send(url(), body, { session });
  const seen = [];
  for await (const message of messages(answer)) {
    seen.push(message.method ?? message.result.content[0].text);
    stalled.keep();
  }
  assert.deepEqual(seen, ["notifications/progress", "done"]);
});

test("the server asks the client back: sampling and elicitation", async () => {
  const client = await connected(url(), undefined, { sampling: {}, elicitation: {} });
  client.setRequestHandler(CreateMessageRequestSchema, async () => ({ role: "assistant", model: "m", content: { type: "text", text: "42" } }));
  client.setRequestHandler(ElicitRequestSchema, async () => ({ action: "accept", content: { response: "yes" } }));
  const sampled = await client.callTool({ name: "test_sampling", arguments: { prompt: "?" } });
  assert.equal(sampled.content[0].text, "LLM response: 42");
  const elicited = await client.callTool({ name: "test_elicitation", arguments: { message: "?" } });
  assert.match(elicited.content[0].text, /action=accept.*"yes"/);
  const progress = [];
  client.setNotificationHandler(ProgressNotificationSchema, ({ params }) => progress.push(params.progress));
  await client.callTool({ name: "test_tool_with_progress" }, undefined, { onprogress: ({ progress: at }) => progress.push(at) });
  assert.deepEqual(progress, [0, 50, 100]);
  await client.close();
});

test("a client that cancels ends the call at the server", async () => {
  const client = await connected(url());
  const abort = new AbortController();
  upstream.cancelled = undefined;
  upstream.calls.length = 0;
  const called = client.callTool({ name: "hang" }, undefined, { signal: abort.signal });
  await eventually("the call is there", () => upstream.calls.includes("hang"));
  abort.abort("enough");
  await assert.rejects(called);
  assert.match(await eventually("it is cancelled", () => upstream.cancelled), /enough/);
  await client.close();
});

test("a call that takes too long is an error for the client and cancelled at the server", async () => {
  const session = await begin(url());
  upstream.cancelled = undefined;
  const answer = await last(await send(url(), call("hang", {}, 7), { session }));
  assert.deepEqual(answer, { jsonrpc: "2.0", id: 7, error: { code: -32001, message: "the server did not answer in time" } });
  assert.match(await eventually("it is cancelled", () => upstream.cancelled), /too long/);
});

test("a client that listens is asked at most 64 things that it has not answered: the server is told of more", async () => {
  const session = await begin(url());
  const server = [...upstream.servers.values()].at(-1);
  const connection = new AbortController();
  const heard = [];
  const listening = send(url(), undefined, { session, method: "GET", signal: connection.signal }).then(async (answer) => {
    heard.push("head");
    for await (const message of messages(answer)) heard.push(message);
  });
  listening.catch(() => {});
  await eventually("it listens", () => heard.length > 0);
  const ask = () => server.request({ method: "elicitation/create", params: { message: "?", requestedSchema: { type: "object", properties: {} } } }, ElicitResultSchema);
  const outcomes = [];
  const asked = () => void ask().then(() => outcomes.push("answered"), (error) => outcomes.push(error.message));
  for (let number = 0; number < 70; number += 1) asked();
  await eventually("some are refused", () => outcomes.length === 6 && heard.length === 1 + 64);
  for (const outcome of outcomes) assert.match(outcome, /has not answered 64 questions/);
  const answer = { jsonrpc: "2.0", id: heard[1].id, result: { action: "decline" } };
  assert.equal((await send(url(), answer, { session })).status, 202);
  await eventually("it is answered", () => outcomes.at(-1) === "answered");
  asked();
  await eventually("there is room for one more", () => heard.length === 1 + 65);
  connection.abort();
  await (await send(url(), undefined, { session, method: "DELETE" })).text();
});
