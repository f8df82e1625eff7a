// A request that is tried out in the console, and the lines that make it from a terminal.

import assert from "node:assert/strict";
import { test } from "node:test";
import { runnerImport } from "vite";
import { pluginCommand } from "./support/gateway.mjs";
import { flows } from "./support/start.mjs";
import { pluginIs } from "./support/world.mjs";

const { clientUrl } = (await runnerImport(new URL("../src/pages/common/client-url.ts", import.meta.url).pathname, { configFile: false, logLevel: "error" })).module;

test("an address that stands for a whole machine is called by the host of this page, or by the name of its edge", () => {
  assert.equal(clientUrl("http://0.0.0.0:8081", true, "n", "gateway.example"), "http://gateway.example:8081");
  assert.equal(clientUrl("https://[::]:443", true, "n", "[::1]"), "https://[::1]");
  assert.equal(clientUrl("http://127.0.0.1:80", true, "n", "gateway.example"), "http://127.0.0.1");
  assert.equal(clientUrl("http://0.0.0.0:8081", false, "berlin-1", "control.example"), "http://ADDRESS-OF-berlin-1:8081");
  for (const no of [null, undefined, "http://a b:1", "ftp://1.2.3.4:5", "http://1.2.3.4"]) assert.equal(clientUrl(no, true, "n", "h"), null);
});

const flow = flows();

async function lab(api, auth) {
  const { id } = await api.addPlugin({ name: "lab", slug: "lab", command: pluginCommand("lab"), config: { slug: "lab", require_auth: String(auth) } });
  await pluginIs(api, id, "ready");
  return id;
}

const drawer = (page) => page.locator("dialog.drawer");

flow("a request is tried with a token, and its answer, its id and its curl line are shown", {}, async ({ gateway, api, come }) => {
  const id = await lab(api, true);
  const app = await api.done("POST", "/apps", { name: "caller", owner_email: "caller@example.com" });
  const { attributes } = await api.done("POST", "/tokens", { app_id: Number(app.id) });
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open(`/plugins/${id}/endpoints`);
  await page.getByRole("button", { name: "Try it: /*" }).click();
  await drawer(page).getByRole("button", { name: "Send" }).click();
  const answer = drawer(page).getByRole("region", { name: "The answer" });
  await answer.getByText("401").first().waitFor();
  await answer.getByRole("link", { name: "Explain this request" }).waitFor();
  await drawer(page).getByLabel("Method", { exact: true }).selectOption("PUT");
  await drawer(page).getByLabel("Path below the slug").fill("/files/a b".replace(" ", "%20"));
  await drawer(page).getByLabel("Query").fill("tag=1");
  await drawer(page).getByLabel("Body", { exact: true }).fill('{"said": "from the console"}');
  await drawer(page).getByLabel(/^Token/).fill(attributes.token);
  await drawer(page).getByLabel(/^Headers/).fill("X-Asked-By: the console");
  await drawer(page).getByRole("button", { name: "Send" }).click();
  await answer.getByText("200", { exact: true }).waitFor();
  const body = await answer.locator("pre").first().innerText();
  assert.match(body, /from the console/);
  assert.match(body, /the console/);
  const shown = await answer.locator("code").last().innerText();
  assert.ok(shown.length > 8, `a request id: ${shown}`);
  const lines = (await drawer(page).locator("pre").allInnerTexts()).filter((line) => line.startsWith("curl"));
  assert.equal(lines.length, 1);
  const clients = gateway.clients.replace("localhost", "127.0.0.1");
  assert.ok(lines[0].includes(`${clients}/plugins/lab/files/a%20b?tag=1`), lines[0]);
  assert.match(lines[0], /-X PUT/);
  assert.match(lines[0], /\$TOKEN/);
  assert.ok(!lines[0].includes(attributes.token), "the token is in no line");
  const stored = await page.evaluate(() => JSON.stringify([localStorage, sessionStorage]) + location.href);
  assert.ok(!stored.includes(attributes.token), "and kept nowhere");
  const audit = await api.ask("GET", "/audit?limit=5");
  const entry = audit.body.data.find((each) => each.attributes.operation === "try_plugin");
  assert.equal(entry.attributes.detail, "PUT /plugins/lab/files/a%20b was tried out on it");
  assert.ok(!JSON.stringify(audit.body).includes(attributes.token));
});

flow("of a stream the first events are shown, and of what is long the beginning, and both are said", {}, async ({ api, come }) => {
  const id = await lab(api, false);
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open(`/plugins/${id}/endpoints`);
  await page.getByRole("button", { name: "Try it: /sse", exact: true }).click();
  await drawer(page).getByLabel("Query").fill("n=inf&interval_ms=10");
  await drawer(page).getByRole("button", { name: "Send" }).click();
  await drawer(page).getByText(/It is a stream: the first 20 events are shown/).waitFor();
  const body = await drawer(page).getByRole("region", { name: "The answer" }).locator("pre").first().innerText();
  assert.ok(body.split("\n\n").filter(Boolean).length >= 20, body);
  await drawer(page).getByRole("button", { name: "Close" }).click();
  await page.getByRole("button", { name: "Try it: /stream-bytes/*" }).click();
  await drawer(page).getByLabel("Path below the slug").fill("/stream-bytes/400000");
  await drawer(page).getByRole("button", { name: "Send" }).click();
  await drawer(page).getByText(/Only the first 256 KiB are shown/).waitFor();
});

flow("an answer that breaks off is never shown as a whole one", {}, async ({ api, come }) => {
  const id = await lab(api, false);
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open(`/plugins/${id}/endpoints`);
  await page.getByRole("button", { name: "Try it: /sse", exact: true }).click();
  await drawer(page).getByLabel("Query").fill("n=9&fail_at=2");
  await drawer(page).getByRole("button", { name: "Send" }).click();
  await drawer(page).getByText("The answer broke off").waitFor();
});

flow("who only views is told so, and has the curl line", {}, async ({ api, come }) => {
  const id = await lab(api, false);
  const viewer = await api.adminToken("eve", "viewer");
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(viewer);
  await visitor.open(`/plugins/${id}/endpoints`);
  await page.getByRole("button", { name: "Try it: /*" }).click();
  await drawer(page).getByText(/This needs the role operator/).waitFor();
  assert.equal(await drawer(page).getByRole("button", { name: "Send" }).count(), 0);
  await drawer(page).locator("pre", { hasText: "/plugins/lab/hello" }).waitFor();
});

flow("a control plane asks no edge, and has the curl line of each", { control: true }, async ({ api, come }) => {
  const { startEdgeBy } = await import("./support/gateway.mjs");
  const made = await api.done("POST", "/edges", { name: "berlin-1" });
  const edge = await startEdgeBy(made.attributes.join_command);
  try {
    const id = await lab(api, false);
    const visitor = await come();
    const { page } = visitor;
    await visitor.signIn(api.token);
    await visitor.open(`/plugins/${id}/endpoints`);
    await page.getByRole("button", { name: "Try it: /*" }).click();
    await drawer(page).getByText("This control plane serves no client itself.").waitFor();
    const clients = edge.clients.replace("localhost", "127.0.0.1");
    await drawer(page).locator("pre", { hasText: `${clients}/plugins/lab/hello` }).waitFor();
    await visitor.open("/routes?path=/plugins/lab/hello");
    await page.getByText("The plugin lab answers").waitFor();
    await page.locator("pre", { hasText: `curl ${clients}/plugins/lab/hello` }).waitFor();
    const told = await api.done("GET", `/edges/${made.id}`);
    assert.equal(told.attributes.client_url, clients);
  } finally {
    await edge.stop();
  }
});
