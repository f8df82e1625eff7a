// What servers do to clients and to the gateway: they flood, hang, lie, never end, answer others, ask without end.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { eventually } from "../../../../ui/tests/support/eventually.mjs";
import { attacks } from "./support/attacks.mjs";
import { begin, call, last, messages, request, send } from "./support/client.mjs";
import { answerTo, startFaults } from "./support/faults.mjs";
import { Served } from "./support/served.mjs";
import { Upstream } from "./support/upstream.mjs";

const LONGEST_S = 4;

let [faults, fine, served] = [];
const scene = {
  async start() {
    faults = await startFaults();
    fine = await Upstream.start();
    const nobody = { name: "nobody", url: "http://127.0.0.1:9/mcp" };
    const config = { servers: [...faults.servers, nobody], timeout: 2, longest: LONGEST_S, message_bytes: 100_000, require_auth: false };
    served = await Served.start(config, {}, { LOG_LEVEL: "info" });
  },
  async stop() {
    await served?.stop();
    await fine?.stop();
    faults?.stop();
  },
};

const broke = "the server broke the protocol";
const late = "the server did not answer in time";
const large = "the server sent too large a message";

/** Each is asked; its fault is an error for the client, in time and in words that tell nothing of the inside. */
async function areErrors(rows, message = call("anything")) {
  await Promise.all(rows.map(async ([name, status, expected]) => {
    const begun = Date.now();
    const answer = await send(served.url(name), message);
    const { id, error } = await last(answer);
    assert.deepEqual([name, answer.status, id, error?.message], [name, status, 1, expected]);
    assert.ok(Date.now() - begun < (LONGEST_S + 5) * 1000, name);
    for (const header of ["www-authenticate", "set-cookie", "location"]) assert.equal(answer.headers.get(header), null, name);
  }));
}

/** The largest that the plugin ever was, in MiB. */
async function peak() {
  const status = await served.gateway.api.done("GET", `/plugins/${served.plugin.id}/status`);
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${status.attributes.pid}/status`, "utf8"))[1]) / 1024;
}

attacks(import.meta.url, scene, [
  {
    id: "M-31",
    attack: "a server floods: an event, a line, a body, a head or a refusal without an end, events without number",
    outcome: "an error at `message_bytes` or at `longest`; the plugin keeps its size",
    async tries() {
      const before = await peak();
      await areErrors([
        ["flood-event", 200, large],
        ["flood-line", 200, large],
        ["flood-json", 502, large],
        ["flood-blank", 502, large],
        ["flood-head", 502, "the server is not reached"],
        ["flood-chat", 200, late],
      ]);
      assert.equal((await send(served.url("flood-refusal"), call("anything"))).status, 400);
      const grown = (await peak()) - before;
      assert.ok(grown < 50, `it grew by ${grown} MiB`);
    },
  },
  {
    id: "M-32",
    attack: "a server hangs: without an answer, in its head, in its body, in its stream",
    outcome: "504, or an error as answer, after `timeout`",
    tries: () => areErrors([["hang-silent", 504, late], ["hang-head", 504, late], ["hang-body", 504, late], ["hang-stream", 200, late]]),
  },
  {
    id: "M-33",
    attack: "a server never ends: it chats, comments, counts or drips",
    outcome: "an error as answer after `longest`, of which the server is told",
    async tries() {
      faults.seen.length = 0;
      await areErrors([["never-chat", 200, late], ["never-comment", 200, late], ["never-drip", 504, late], ["never-ids", 200, late]]);
      const told = () => faults.seen.filter(({ body }) => body.includes("notifications/cancelled")).map(({ name }) => name);
      await eventually("it is told", () => ["never-chat", "never-comment", "never-ids"].every((name) => told().includes(name)));
    },
  },
  {
    id: "M-34",
    attack: "a server lies about length: more, less, two lengths, none, a chunk beyond all numbers, an end in the middle",
    outcome: "502, or an error as answer: what is cut never looks complete",
    async tries() {
      await areErrors([
        ["length-more", 502, broke],
        ["length-less", 502, broke],
        ["length-two", 502, "the server is not reached"],
        ["length-none", 502, "the server is not reached"],
        ["length-chunk", 200, broke],
        ["length-cut", 200, broke],
        ["length-huge", 504, late],
      ]);
    },
  },
  {
    id: "M-35",
    attack: "a server answers what it was not asked: another id, the id as a text, `null`, none, twice",
    outcome: "left out; where nothing else comes, an error as answer",
    async tries() {
      const rows = ["one", "text", "null", "none", "question"].map((name) => [`other-${name}`, 502, broke]);
      await areErrors([...rows, ["other-only", 200, broke]]);
      const seen = [];
      for await (const message of messages(await send(served.url("other-mixed"), call("anything")))) seen.push(message);
      assert.deepEqual(seen, [answerTo(1)]);
    },
  },
  {
    id: "M-36",
    attack: "a server asks the client (sampling) in a loop, faster or slower than it is answered",
    outcome: "after 100 questions within one call, or `longest`, an error as answer",
    async tries() {
      for (const [name, most] of [["ask-loop", 100], ["ask-wait", 100]]) {
        faults.seen.length = 0;
        const all = [];
        for await (const message of messages(await send(served.url(name), call("anything")))) all.push(message);
        const questions = all.filter(({ method }) => method === "sampling/createMessage");
        assert.ok(questions.length > 0 && questions.length <= most, `${name}: ${questions.length}`);
        assert.equal(all.at(-1).error.message, name === "ask-loop" ? broke : late);
        await eventually("the server is told", () => faults.seen.some(({ body }) => body.includes("notifications/cancelled")));
      }
    },
  },
  {
    id: "M-37",
    attack: "a server sends JSON that is deep, huge, none, or that two programs could read differently",
    outcome: "502, or an error as answer",
    async tries() {
      await areErrors([
        ["json-deep", 502, broke],
        ["json-deep-event", 200, broke],
        ["json-huge", 502, large],
        ["json-none", 200, broke],
        ["json-html", 502, broke],
        ["json-twice", 502, broke],
        ["json-both", 502, broke],
        ["json-batch", 502, broke],
        ["json-empty", 502, broke],
      ]);
    },
  },
  {
    id: "M-38",
    attack: "a server hides a denied tool in a list: by a member that is there twice, by another spelling",
    outcome: "the list is without it, or an error as answer",
    async tries() {
      await areErrors([["list-twice", 502, broke], ["list-members", 502, broke], ["list-other", 502, broke]].map(([name, , text]) => [name, 200, text]), request("tools/list"));
      const { result } = await last(await send(served.url("list-spelled"), request("tools/list")));
      assert.deepEqual(result.tools, [{ name: "read" }]);
    },
  },
  {
    id: "M-39",
    attack: "a server leads the client or the gateway elsewhere: redirects, challenges, cookies, headers, other protocols",
    outcome: "502 without them; its own headers go nowhere else",
    async tries() {
      faults.seen.length = 0;
      await areErrors([
        ["tell-elsewhere", 502, broke],
        ["tell-challenge", 502, "the server does not let the gateway in"],
        ["tell-proxy", 502, "the server does not let the gateway in"],
        ["tell-trace", 502, broke],
        ["tell-switch", 502, broke],
        ["nobody", 502, "the server is not reached"],
      ]);
      assert.equal(faults.seen.filter(({ name }) => name === "tell-fine").length, 0);
      for (const name of ["tell-headers", "tell-early"]) {
        const answer = await send(served.url(name), call("anything"));
        assert.deepEqual(await answer.json(), answerTo(1));
        for (const header of ["set-cookie", "location", "x-sidegate-error", "mcp-session-id", "link"]) assert.equal(answer.headers.get(header), null, header);
      }
    },
  },
  {
    id: "M-40",
    attack: "a server floods or answers where a client only listens",
    outcome: "answers are left out, the stream is cut at `message_bytes`",
    async tries() {
      const listen = (name) => send(served.url(name), undefined, { method: "GET" });
      await assert.rejects((await listen("flood-event")).text());
      const seen = [];
      for await (const message of messages(await listen("other-mixed"))) seen.push(message);
      assert.deepEqual(seen, []);
    },
  },
  {
    id: "M-41",
    attack: "a server that hangs or floods is one of several under one address",
    outcome: "the others serve: it is left out after `timeout`",
    async tries() {
      const bad = faults.servers.filter(({ name }) => ["hang-silent", "flood-json", "never-drip", "json-deep"].includes(name));
      const together = await Served.start({ servers: [{ name: "fine", url: fine.url }, ...bad], timeout: 2, longest: LONGEST_S, require_auth: false });
      try {
        const begun = Date.now();
        const session = await begin(together.url());
        const { result } = await last(await send(together.url(), call("fine__test_simple_text"), { session }));
        assert.equal(result.content[0].type, "text");
        assert.ok(Date.now() - begun < 18_000);
      } finally {
        await together.stop();
      }
    },
  },
]);
