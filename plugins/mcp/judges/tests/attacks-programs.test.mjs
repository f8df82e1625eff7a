// What programs do to clients and to the gateway: they flood, hang, never end, answer others, ask without end.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { eventually } from "../../../../ui/tests/support/eventually.mjs";
import { attacks } from "./support/attacks.mjs";
import { begin, call, messages, send } from "./support/client.mjs";
import { answerTo } from "./support/faults.mjs";
import { Served } from "./support/served.mjs";

const program = fileURLToPath(new URL("support/faulty-program.mjs", import.meta.url));
const WAYS = ["hang", "endless", "garbage", "stderr", "other", "chat", "loop", "stays"];
const broke = "the server broke the protocol";
const late = "the server did not answer in time";

let served;
const scene = {
  async start() {
    const servers = WAYS.map((way) => ({ name: `program-${way}`, command: process.execPath, args: [program, way] }));
    const config = { servers, timeout: 12, longest: 15, message_bytes: 100_000, require_auth: false };
    served = await Served.start(config, { "env.MCP_COMMANDS": process.execPath }, { LOG_LEVEL: "info" });
  },
  stop: () => served?.stop(),
};

/** The largest that the plugin ever was, in MiB. */
async function peak() {
  const status = await served.gateway.api.done("GET", `/plugins/${served.plugin.id}/status`);
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${status.attributes.pid}/status`, "utf8"))[1]) / 1024;
}

const runs = (pid) => {
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch {
    return false;
  }
};

/** What the program that goes this way says to one call. */
async function program_(way) {
  const url = served.url(`program-${way}`);
  const session = await begin(url);
  const all = [];
  for await (const message of messages(await send(url, call("anything"), { session }))) all.push(message);
  return { url, session, all, last: all.at(-1) };
}

attacks(import.meta.url, scene, [
  {
    id: "M-42",
    attack: "a program floods its stdout or stderr, hangs, chats without end, answers others, asks in a loop",
    outcome: "an error as answer in time; the plugin keeps its size",
    async tries() {
      const before = await peak();
      for (const [way, expected] of [["hang", late], ["endless", broke], ["garbage", broke], ["chat", late], ["loop", broke]]) {
        assert.equal((await program_(way)).last.error?.message, expected, way);
      }
      assert.deepEqual((await program_("stderr")).last.result, { content: [] });
      assert.deepEqual((await program_("other")).all, [answerTo(1)]);
      const grown = (await peak()) - before;
      assert.ok(grown < 50, `it grew by ${grown} MiB`);
    },
  },
  {
    id: "M-43",
    attack: "a program does not end with its session",
    outcome: "it is killed",
    async tries() {
      const { url, session, last: answer } = await program_("stays");
      const pid = answer.result.of;
      assert.ok(runs(pid));
      assert.equal((await send(url, undefined, { session, method: "DELETE" })).status, 200);
      await eventually("it has ended", () => !runs(pid));
    },
  },
]);
