// The processes of servers that are programs: how many there may be, and what ends with them.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test, { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually } from "../../../../ui/tests/support/eventually.mjs";
import { begin, call, initialize, last, send } from "./support/client.mjs";
import { Served } from "./support/served.mjs";

const program = fileURLToPath(new URL("support/stdio-server.mjs", import.meta.url));
const plain = { command: process.execPath, args: [program] };
const servers = [
  { ...plain, name: "bounded", processes: 3, processes_per_app: 2 },
  { ...plain, name: "idle", idle: 1 },
  // As npx and other wrappers do: the server is a child of what is started.
  { name: "wrapped", command: "/bin/sh", args: ["-c", '"$0" "$1"; exit 0', process.execPath, program] },
];

let served;
let ann;
let ben;
before(async () => {
  served = await Served.start({ servers }, { "env.MCP_COMMANDS": `/bin/sh:${process.execPath}` });
  [ann, ben] = [await served.token("ann"), await served.token("ben")];
});
after(() => served?.stop());

const end = async (server, session, token) => assert.equal((await send(served.url(server), undefined, { session, token, method: "DELETE" })).status, 200);
const log = () => readFileSync(served.gateway.process.log, "utf8");
const logged = (words) => eventually(`the log says ${words}`, () => log().includes(words));
const said = async (server, name, session) => (await last(await send(served.url(server), call(name), { session, token: ann }))).result.content[0].text;
const runs = (pid) => {
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch {
    return false;
  }
};
const ended = (pids) => Promise.all(pids.map((pid) => eventually(`${pid} ends`, () => !runs(pid))));

test("an app has at most its part of the processes, others find a place, and the log says which bound was met", async () => {
  const url = served.url("bounded");
  const status = async (token) => (await send(url, initialize, { token })).status;
  const own = [await begin(url, ann), await begin(url, ann)];
  assert.equal(await status(ann), 503);
  await logged("no more of its processes or streams may be (processes_per_app)");
  const other = await begin(url, ben);
  assert.ok(other);
  assert.equal(await status(ben), 503);
  await logged("no more of its processes or streams may be (processes)");
  await end("bounded", own[0], ann);
  const again = await eventually("there is room for the app", () => begin(url, ann));
  for (const session of [own[1], again]) await end("bounded", session, ann);
  await end("bounded", other, ben);
});

test("with a session ends all that its program started: it is asked by SIGTERM, and killed where it does not listen", async () => {
  for (const server of ["wrapped", "bounded"]) {
    const session = await begin(served.url(server), ann);
    const pids = JSON.parse(await said(server, "helpers", session));
    assert.ok(pids.every(runs));
    await end(server, session, ann);
    await ended(pids);
  }
  await eventually("both were asked", () => log().split("a helper was asked to end").length > 2);
});

test("a process ends when nobody uses it for `idle` seconds, but not while it is asked something, and its session is 404", async () => {
  const session = await begin(served.url("idle"), ann);
  // It takes three times as long as a process may be idle.
  const pid = await said("idle", "slow", session);
  await ended([pid]);
  await logged("nobody used it for long");
  await eventually("the session is gone", async () => (await send(served.url("idle"), call("pid"), { session, token: ann })).status === 404);
});

test("with a plugin that is killed ends all that its programs started", async () => {
  const session = await begin(served.url("wrapped"), ann);
  const pids = JSON.parse(await said("wrapped", "helpers", session));
  const { attributes } = await served.gateway.api.done("GET", `/plugins/${served.plugin.id}/status`);
  process.kill(attributes.pid, "SIGKILL");
  await ended(pids);
  await eventually("the next process serves", async () => (await send(served.url("wrapped"), initialize, { token: ann })).status === 200);
});
