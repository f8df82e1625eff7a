// How often an app may call tools: counted for each app, by every address alike.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test, { after, before } from "node:test";
import { eventually } from "../../../../ui/tests/support/eventually.mjs";
import { begin, call, connected, last, send } from "./support/client.mjs";
import { Served } from "./support/served.mjs";
import { Upstream } from "./support/upstream.mjs";

const done = { call: async () => ({ content: [{ type: "text", text: "done" }] }) };
const waiting = [];
const slow = {
  call: () => new Promise((resolve) => waiting.push(() => resolve({ content: [{ type: "text", text: "done" }] }))),
};

let upstreams;
let served;
before(async () => {
  upstreams = await Promise.all(["one", "two"].map((name) => Upstream.start({ name, tools: { write_a: done, write_b: done, slow } })));
  const limits = [{ tool: "write_*", per_minute: 3 }, { tool: "slow", at_once: 1 }];
  served = await Served.start({ servers: upstreams.map(({ name, url }) => ({ name, url, limits })) });
});
after(async () => {
  await served?.stop();
  for (const upstream of upstreams ?? []) await upstream.stop();
});

const outcomes = (name) =>
  [...readFileSync(served.gateway.process.log, "utf8").matchAll(/mcp call .* fields=(\{.*\})$/gm)].map(([, fields]) => JSON.parse(fields)).filter((line) => line.name === name).map(({ outcome }) => outcome);

test("calls beyond what an app may make in a minute are refused, by every address and in every spelling, and say when to come again", async () => {
  const token = await served.token("eager");
  const [all, one] = [served.url(), served.url("one")];
  const [ofAll, ofOne] = [await begin(all, token), await begin(one, token)];
  const code = async (url, session, name) => (await last(await send(url, call(name), { session, token }))).error?.code;
  upstreams[0].calls.length = 0;
  assert.equal(await code(one, ofOne, "write_a"), undefined);
  assert.equal(await code(all, ofAll, "one__write_b"), undefined);
  assert.equal(await code(one, ofOne, "WRITE_a"), -32602, "the server knows no such tool, and was asked");
  for (const [url, session, name] of [[one, ofOne, "write_a"], [all, ofAll, "one__write_a"], [one, ofOne, "Write_B"]]) {
    const answer = await send(url, call(name, {}, 7), { session, token });
    const seconds = Number(answer.headers.get("retry-after"));
    assert.ok(seconds > 0 && seconds <= 20, String(seconds));
    const { id, error } = await answer.json();
    assert.deepEqual([id, error.code, error.data], [7, -32005, { retry_after: seconds }]);
    assert.match(error.message, /^Too many calls of .*: try again in \d+ s$/);
  }
  assert.deepEqual(upstreams[0].calls, ["write_a", "write_b", "WRITE_a"]);
  assert.equal(await code(all, ofAll, "two__write_a"), undefined, "another server counts for itself");
  const other = await served.token("other");
  const session = await begin(one, other);
  assert.equal((await last(await send(one, call("write_a"), { session, token: other }))).error, undefined);
  await eventually("the log has it", () => outcomes("write_a").includes("limited"));
});

test("a call that is refused for now is an error of that call, and the SDK's client goes on", async () => {
  const client = await connected(served.url("two"), await served.token("patient"));
  for (let i = 0; i < 3; i++) await client.callTool({ name: "write_a" });
  await assert.rejects(client.callTool({ name: "write_a" }), (error) => error.code === -32005 && /try again in \d+ s/.test(error.message));
  assert.ok((await client.listTools()).tools.length > 3);
  await client.close();
});

test("a call that goes on holds its place up to its answer, or until its client is gone", async () => {
  const token = await served.token("slow");
  const url = served.url("one");
  const session = await begin(url, token);
  const ask = (signal) => send(url, call("slow"), { session, token, signal });
  const first = ask().then((answer) => answer.text());
  await eventually("it goes on", () => waiting.length === 1);
  const refused = await ask();
  assert.deepEqual([(await refused.json()).error.code, refused.headers.get("retry-after")], [-32005, "1"]);
  waiting.pop()();
  assert.match(await first, /done/);
  const gone = new AbortController();
  const second = eventually("there is a place again", async () => {
    const answer = await ask(gone.signal);
    return !answer.headers.has("retry-after");
  });
  await second;
  await eventually("it goes on", () => waiting.length === 1);
  gone.abort();
  await eventually("its place is free", async () => {
    const answer = await ask();
    if (!answer.headers.has("retry-after")) await answer.body.cancel();
    return !answer.headers.has("retry-after");
  });
});
