// The MCP proxy of the page of the plugin interface, as a plugin in Go, before the clients that people have.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually } from "../../../../ui/tests/support/eventually.mjs";
import { Gateway } from "../../../../ui/tests/support/gateway.mjs";
import { open as client2 } from "../clients/client.mjs";
import { Inspector } from "../clients/inspector.mjs";
import { python, rmcp } from "../clients/program.mjs";
import { open as sdk } from "../clients/sdk.mjs";

const source = fileURLToPath(new URL("../../../../e2e/go", import.meta.url));
const AT_ONCE = 20;
const programs = { "mcp 1.x": python(1, "mcp_1.py"), "mcp 2.x": python(2, "mcp_2.py", "auto"), rmcp: rmcp("auto") };
const clients = { "sdk 1.x": sdk, "client 2.x": client2("auto"), ...Object.fromEntries(Object.entries(programs).map(([name, { open }]) => [name, open])) };

let [folder, gateway, url, token, plugin] = [];
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "sgproxy"));
  const program = join(folder, "mcp-proxy");
  execFileSync("go", ["build", "-trimpath", "-buildvcs=false", "-o", program, "./mcp"], { cwd: source, env: { ...process.env, CGO_ENABLED: "0" } });
  gateway = await Gateway.start();
  url = `${gateway.clients}/plugins/my-mcp/mcp`;
  const app = await gateway.api.done("POST", "/apps", { name: "desk", owner_email: "ops@example.com", metadata: { mcp_access: "allowed" } });
  token = (await gateway.api.done("POST", "/tokens", { app_id: Number(app.id), name: "desk" })).attributes.token;
  plugin = await gateway.api.addPlugin({ name: "my-mcp", command: `file://${program}`, config: { slug: "my-mcp" } });
  await eventually("the plugin answers", async () => (await fetch(url)).status === 401);
});
after(async () => {
  for (const program of Object.values(programs)) await program.stop();
  await gateway?.stop();
  rmSync(folder, { recursive: true, force: true });
});

for (const [name, open] of Object.entries(clients)) {
  test(`${name}: calls tools of the page's proxy, sees progress at once, cancels, and begins anew after a reload`, { timeout: 60_000 }, async () => {
    const session = await open(url, token);
    assert.equal(await session.call("echo", { text: "hi" }).answer, "hi");
    let seen;
    const progress = new Promise((resolve) => (seen = resolve));
    const { answer } = session.call("wait", {}, seen);
    assert.equal(await progress, 1);
    assert.equal(await session.call("go").answer, "gone on");
    assert.equal(await answer, "done");
    const cancelled = new Promise((resolve) => (seen = resolve));
    const waits = session.call("wait", {}, seen);
    const refused = assert.rejects(waits.answer);
    await cancelled;
    waits.cancel();
    await refused;
    const before = await session.call("pid").answer;
    await session.close();
    await gateway.api.done("POST", `/plugins/${plugin.id}/reload`);
    const serves = async () => String((await gateway.api.done("GET", `/plugins/${plugin.id}`)).attributes.status.pid);
    const other = await eventually("another process serves", async () => [await serves()].find((pid) => pid !== before));
    const again = await open(url, token);
    assert.equal(await again.call("pid").answer, other);
    await again.close();
  });

  test(`${name}: has twenty sessions of the page's proxy at once`, { timeout: 60_000 }, async () => {
    const sessions = await Promise.all(Array.from({ length: AT_ONCE }, () => open(url, token)));
    const said = await Promise.all(sessions.map((one, i) => one.call("meet", { n: AT_ONCE, text: `n${i}` }).answer));
    assert.deepEqual(said, sessions.map((_, i) => `n${i}`));
    await Promise.all(sessions.map((one) => one.close()));
  });
}

test("inspector: lists tools of the page's proxy, and calls one", async () => {
  const inspector = new Inspector(url, token);
  try {
    const { tools } = await inspector.ask("tools/list").answer;
    assert.deepEqual(tools.map(({ name }) => name), ["echo", "wait", "go", "meet", "announce", "pid"]);
    assert.equal(await inspector.said("echo", { text: "hi" }), "hi");
  } finally {
    inspector.stop();
  }
});
