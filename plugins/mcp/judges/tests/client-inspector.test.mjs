// npm @modelcontextprotocol/inspector --cli before the plugin. It has a session for each call, shows no progress, and declines what
// it is asked; so what it can show is that it is let in, before and after all that happens to the plugin.

import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { eventually } from "../../../../ui/tests/support/eventually.mjs";
import { Inspector } from "../clients/inspector.mjs";
import { freePort } from "../../../../ui/tests/support/free-port.mjs";
import { Served } from "./support/served.mjs";
import { Upstream } from "./support/upstream.mjs";

const AT_ONCE = 20;
const SIMPLE = "This is a simple text response for testing.";
const guests = [];
const gone = [];
const tools = {
  // Answers nobody before all are there.
  meet: {
    inputSchema: { type: "object", properties: { name: { type: "string" } } },
    async call({ name }) {
      await new Promise((resolve) => {
        guests.push(resolve);
        if (guests.length === AT_ONCE) guests.forEach((met) => met());
      });
      return { content: [{ type: "text", text: name }] };
    },
  },
  hang: { call: () => new Promise((resolve) => gone.push(resolve)) },
};

let [upstream, served, inspector] = [];
before(async () => {
  upstream = await Upstream.start({ tools });
  // The same after a restart.
  const settings = { PORT: String(await freePort()) };
  served = await Served.start({ servers: [{ name: "everything", url: upstream.url }] }, { query_token: "false" }, settings);
  inspector = new Inspector(served.url(), await served.token("ann"));
});
after(async () => {
  for (const resolve of gone) resolve({ content: [] });
  inspector?.stop();
  await served?.stop();
  await upstream?.stop();
});

test("inspector: lists tools, calls one, and declines what it is asked", async () => {
  const { tools: listed } = await inspector.ask("tools/list").answer;
  assert.ok(listed.some(({ name }) => name === "meet") && listed.length > 10);
  assert.equal(await inspector.said("test_simple_text"), SIMPLE);
  assert.equal(await inspector.said("test_elicitation", { message: "?" }), "Elicitation completed: action=cancel, content={}");
});

test("inspector: twenty at once, each with its own answer", async () => {
  const names = Array.from({ length: AT_ONCE }, (_, i) => `n${i}`);
  assert.deepEqual(await Promise.all(names.map((name) => inspector.said("meet", { name }))), names);
});

test("inspector: goes away, and its question at the server ends", async () => {
  const { child, answer } = inspector.call("hang");
  const ended = assert.rejects(answer);
  await eventually("the call is there", () => upstream.calls.includes("hang"));
  const open = upstream.open;
  child.kill("SIGINT");
  await ended;
  await eventually("the server's connection is free", () => upstream.open < open);
});

test("inspector: is let in after a reload of the plugin, a kill -9 of it and a restart of the gateway", async () => {
  const plugin = `/plugins/${served.plugin.id}`;
  await served.gateway.api.done("POST", `${plugin}/reload`);
  assert.equal(await inspector.said("test_simple_text"), SIMPLE);
  process.kill((await served.gateway.api.done("GET", plugin)).attributes.status.pid, "SIGKILL");
  assert.equal(await inspector.said("test_simple_text"), SIMPLE);
  await served.gateway.process.stop();
  await served.gateway.startAgain();
  assert.equal(await inspector.said("test_simple_text"), SIMPLE);
});
