// Servers that are programs: a client whose connection broke goes on where it was.

import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { begin, call, connected, last, send } from "./support/client.mjs";
import { Forwarder } from "./support/forwarder.mjs";
import { Served } from "./support/served.mjs";

const program = fileURLToPath(new URL("support/stdio-server.mjs", import.meta.url));
const server = { name: "program", command: process.execPath, args: [program], processes_per_app: 16 };

let served;
let ann;
before(async () => {
  served = await Served.start({ servers: [server] }, { "env.MCP_COMMANDS": process.execPath });
  ann = await served.token("ann");
});
after(() => served?.stop());

/** Reads events of a stream until one fits. */
async function* events(answer) {
  let text = "";
  for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
    text += piece;
    const whole = text.split("\n\n");
    text = whole.pop();
    for (const event of whole) {
      const field = (name) => event.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      if (field("id")) yield { id: field("id"), message: field("data") ? JSON.parse(field("data")) : undefined };
    }
  }
}

/** Asks, and goes away after the first event; gives that. */
async function left(session, question) {
  const connection = new AbortController();
  const answer = await send(served.url(), question, { session, token: ann, signal: connection.signal });
  for await (const event of events(answer)) {
    connection.abort();
    return event;
  }
  assert.fail("no event has an id");
}

const resume = (session, id) => send(served.url(), undefined, { session, token: ann, method: "GET", headers: { "last-event-id": id } });

test("a call whose connection broke goes on in the program, and its answer is fetched by resuming, before it is there and after", async () => {
  const session = await begin(served.url(), ann);
  const pid = (await last(await send(served.url(), call("pid"), { session, token: ann }))).result.content[0].text;
  const { id, message } = await left(session, call("slow", {}, 7));
  assert.equal(message, undefined);
  for (const when of ["before", "after"]) {
    const answer = await last(await resume(session, id));
    assert.equal(answer?.id, 7, when);
    assert.equal(answer.result.content[0].text, pid, when);
  }
});

test("the SDK's client gets the answer of a call though its connection breaks", async () => {
  const forwarder = await Forwarder.start(served.url(), ann);
  try {
    const client = await connected(forwarder.url);
    const { content } = await client.callTool({ name: "slow" }, undefined, { onprogress: () => forwarder.cut() });
    assert.match(content[0].text, /^\d+$/);
    assert.ok(forwarder.resumed > 0);
    await client.transport_.terminateSession();
  } finally {
    await forwarder.stop();
  }
});

test("a client that resumes gets what it missed of that stream and nothing of others", async () => {
  const session = await begin(served.url(), ann);
  const progress = { ...call("test_tool_with_progress", {}, 8), params: { name: "test_tool_with_progress", arguments: {}, _meta: { progressToken: 1 } } };
  const first = [];
  for await (const event of events(await send(served.url(), progress, { session, token: ann }))) first.push(event);
  await last(await send(served.url(), call("pid", {}, 9), { session, token: ann }));
  assert.deepEqual(first.map(({ message }) => message?.params?.progress ?? message?.id), [undefined, 0, 50, 100, 8]);
  for (const at of first.keys()) {
    const again = [];
    for await (const event of events(await resume(session, first[at].id))) again.push(event);
    assert.deepEqual(again, first.slice(at + 1));
  }
});

test("what a program says by itself while its listener is away comes to it when it resumes", async () => {
  const session = await begin(served.url(), ann);
  const later = async () => last(await send(served.url(), call("later"), { session, token: ann }));
  const connection = new AbortController();
  const heard = events(await send(served.url(), undefined, { session, token: ann, method: "GET", signal: connection.signal }));
  await later();
  const { value } = await heard.next();
  assert.equal(value.message.method, "notifications/tools/list_changed");
  connection.abort();
  await later();
  const again = new AbortController();
  const resumed = await send(served.url(), undefined, { session, token: ann, method: "GET", headers: { "last-event-id": value.id }, signal: again.signal });
  const missed = (await events(resumed).next()).value;
  assert.equal(missed.message.method, value.message.method);
  assert.notEqual(missed.id, value.id);
  again.abort();
});

test("an id of another session, one that is too old and one that never was are 400", async () => {
  const [session, other] = [await begin(served.url(), ann), await begin(served.url(), ann)];
  const { id } = await left(session, call("pid"));
  for (const [who, from] of [[other, id], [session, "nonsense"], [session, `${id}9999`]]) {
    const answer = await resume(who, from);
    assert.equal(answer.status, 400, from);
    assert.match((await answer.json()).error.message, /unknown in this session, or too old/);
  }
  for (let number = 100; number < 201; number++) await last(await send(served.url(), call("pid", {}, number), { session, token: ann }));
  assert.equal((await resume(session, id)).status, 400);
});

test("a stream of one of several programs that does not go on is 400 as with one alone", async () => {
  const several = await Served.start({ servers: [server, { ...server, name: "other" }] }, { "env.MCP_COMMANDS": process.execPath });
  try {
    const token = await several.token("ann");
    const session = await begin(several.url(), token);
    const listened = async (id) => {
      const headers = id ? { "last-event-id": id } : {};
      const answer = await send(several.url(), undefined, { session, token, method: "GET", headers });
      await answer.body?.cancel();
      return answer.status;
    };
    assert.deepEqual([await listened("program:never-was"), await listened("nobody:x"), await listened()], [400, 405, 200]);
  } finally {
    await several.stop();
  }
});
