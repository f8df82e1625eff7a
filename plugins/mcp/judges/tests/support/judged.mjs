// What every client does before the plugin, and what becomes of it when the plugin is reloaded, killed, and the gateway restarted.

import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { eventually } from "../../../../../ui/tests/support/eventually.mjs";
import { freePort } from "../../../../../ui/tests/support/free-port.mjs";
import { messages } from "./client.mjs";
import { alone, sendAlone } from "./modern-client.mjs";
import { Served } from "./served.mjs";
import { Upstream } from "./upstream.mjs";

const AT_ONCE = 20;
const text = (words) => ({ content: [{ type: "text", text: words }] });

/** A call by the newer protocol that has begun: how its answer ends. */
async function begun(url, token) {
  const answer = messages(await sendAlone(url, alone("tools/call", { name: "stepwise", arguments: {}, _meta: { progressToken: "p" } }), { token }));
  assert.equal((await answer.next()).value.params.progressToken, "p");
  const rest = answer.next().then(({ done }) => (done ? "it ends as if it were whole" : "it is answered"), () => "it breaks");
  return { rest };
}

/** A promise, and how it comes true. */
function promised() {
  let keep;
  const promise = new Promise((resolve) => (keep = resolve));
  return { promise, keep };
}

/** Tools whose end a test decides. */
function toolsOf(state) {
  return {
    // Tells of its progress, and the rest once the test lets it.
    stepwise: {
      async call(_, extra) {
        const progressToken = extra._meta?.progressToken;
        if (progressToken !== undefined) await extra.sendNotification({ method: "notifications/progress", params: { progressToken, progress: 1 } });
        state.begun.keep();
        await state.released.promise;
        return text("done");
      },
    },
    hang: {
      async call(_, extra) {
        state.begun.keep();
        await new Promise((resolve) => extra.signal.addEventListener("abort", resolve));
        state.cancelled.keep();
        return text("cancelled");
      },
    },
    // Answers nobody before all are there.
    meet: {
      inputSchema: { type: "object", properties: { name: { type: "string" } } },
      async call({ name }) {
        state.guests.add(name);
        if (state.guests.size === AT_ONCE) state.met.keep();
        await state.met.promise;
        return text(name);
      },
    },
  };
}

/** What a test and the tools share; anew for each test. */
const fresh = () => ({ begun: promised(), released: promised(), cancelled: promised(), met: promised(), guests: new Set() });

/**
 * Judges by a client: `open(url, token)` gives sessions, as clients/session.mjs says.
 * `hasSession`: whether there are sessions in the protocol that it chooses.
 */
export function judged(name, open, { hasSession = true } = {}) {
  const state = {};
  let [upstream, served, token] = [];
  before(async () => {
    Object.assign(state, fresh());
    upstream = await Upstream.start({ tools: toolsOf(state) });
    // The same after a restart.
    const settings = { PORT: String(await freePort()) };
    served = await Served.start({ servers: [{ name: "everything", url: upstream.url }] }, { query_token: "false" }, settings);
    token = await served.token("ann");
  });
  after(async () => {
    await served?.stop();
    await upstream?.stop();
  });

  /** A test with a session, in which it may do what it likes. */
  const says = (promise, body) =>
    test(`${name}: ${promise}`, { timeout: 120_000 }, async () => {
      Object.assign(state, fresh());
      const session = await open(served.url(), token);
      try {
        await body(session);
      } catch (error) {
        // What waits for this test would keep the ones after it from their end.
        for (const one of [state.released, state.met]) one.keep();
        await session.close().catch(() => {});
        throw error;
      }
      await session.close();
    });
  const plugin = () => `/plugins/${served.plugin.id}`;
  const pid = async () => (await served.gateway.api.done("GET", plugin())).attributes.status.pid;
  const answers = (session) => session.call("test_simple_text").answer;
  const SIMPLE = "This is a simple text response for testing.";

  says("calls a tool, and sees progress while the server still works", async (session) => {
    assert.equal(await answers(session), SIMPLE);
    const seen = promised();
    const { answer } = session.call("stepwise", {}, seen.keep);
    assert.equal(await seen.promise, 1);
    state.released.keep();
    assert.equal(await answer, "done");
  });

  says("is asked back, by elicitation and by sampling", async (session) => {
    assert.equal(await session.call("test_elicitation", { message: "?" }).answer, 'Elicitation completed: action=accept, content={"response":"yes"}');
    assert.equal(await session.call("test_sampling", { prompt: "?" }).answer, "LLM response: 42");
  });

  says("cancels, and the server hears of it", async (session) => {
    const { answer, cancel } = session.call("hang");
    const refused = assert.rejects(answer);
    await state.begun.promise;
    cancel();
    await state.cancelled.promise;
    await refused;
    assert.equal(await answers(session), SIMPLE);
  });

  says("has twenty sessions at once, each with its own answer", async () => {
    const sessions = await Promise.all(Array.from({ length: AT_ONCE }, () => open(served.url(), token)));
    const said = await Promise.all(sessions.map((one, i) => one.call("meet", { name: `n${i}` }).answer));
    assert.deepEqual(said, sessions.map((_, i) => `n${i}`));
    await Promise.all(sessions.map((one) => one.close()));
  });

  says("loses nothing by a reload of the plugin: a call that runs ends with its answer, and the session goes on", async (session) => {
    const { answer } = session.call("stepwise");
    await state.begun.promise;
    const before = await pid();
    await served.gateway.api.done("POST", `${plugin()}/reload`);
    await eventually("another process serves", async () => (await pid()) !== before);
    assert.equal(await answers(session), SIMPLE);
    state.released.keep();
    assert.equal(await answer, "done");
  });

  const killed = hasSession
    ? "outlives a kill -9 of the plugin: the client resumes a call that runs, and the session goes on"
    : "loses by a kill -9 of the plugin the call that runs, which the newer protocol cannot resume, and no other one";
  says(killed, async (session) => {
    const seen = promised();
    const { answer } = session.call("stepwise", {}, seen.keep);
    await seen.promise;
    const plain = hasSession ? undefined : await begun(served.url(), token);
    const before = await pid();
    process.kill(before, "SIGKILL");
    await eventually("another process serves", async () => ![null, before].includes(await pid()));
    state.released.keep();
    if (hasSession) {
      assert.equal(await answer, "done");
    } else {
      // When a client notices is its own affair; an answer it cannot get.
      const told = answer.then((text) => text, () => "an error");
      assert.notEqual(await Promise.race([told, answers(session)]), "done");
      // Whoever reads learns at once that nothing comes any more.
      assert.equal(await plain.rest, "it breaks");
    }
    assert.equal(await answers(session), SIMPLE);
  });

  says("outlives a restart of the gateway: the session goes on", async (session) => {
    const sessions = upstream.sessions.size;
    assert.equal(await answers(session), SIMPLE);
    await served.gateway.process.stop();
    await served.gateway.startAgain();
    assert.equal(await eventually("it is served again", () => answers(session)), SIMPLE);
    if (hasSession) assert.equal(upstream.sessions.size, sessions, "the same one");
  });
}
