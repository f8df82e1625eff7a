// Requests of clients: those that are open, and those that have ended.

import assert from "node:assert/strict";
import { pluginCommand } from "./support/gateway.mjs";
import { flows } from "./support/start.mjs";
import { isLive, pluginIs } from "./support/world.mjs";

const flow = flows();

async function lab(api) {
  const { id } = await api.addPlugin({ name: "lab", slug: "lab", command: pluginCommand("lab"), config: { slug: "lab", require_auth: "false" } });
  await pluginIs(api, id, "ready");
  return id;
}

flow("on a phone a request that is in flight opens with all that is known of it, and is ended there", {}, async ({ gateway, api, come }) => {
  await lab(api);
  const open = fetch(`${gateway.clients}/plugins/lab/hang`).then((answer) => answer.text(), (error) => error);
  const visitor = await come({ size: "narrow" });
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open("/traffic/requests");
  await page.getByText("/plugins/lab/hang").first().click();
  const drawer = page.locator("dialog.drawer");
  const fact = (name) => drawer.locator("dt", { hasText: new RegExp(`^${name}$`) }).locator("xpath=following-sibling::dd[1]").innerText();
  assert.equal(await fact("Plugin"), "lab");
  assert.match(await fact("App"), /^none: no valid token/);
  assert.match(await fact("Client"), /^(127\.0\.0\.1|::1)$/);
  assert.match(await fact("Request id"), /\S/);
  await visitor.picture("in-flight-opened");
  assert.deepEqual(await visitor.axe(), []);
  await drawer.getByRole("button", { name: "End this request…" }).click();
  await page.getByRole("button", { name: "End the request" }).click();
  await open;
  await drawer.getByText("It is not in flight any more").waitFor();
  assert.equal(await fact("Plugin"), "lab", "what was known of it stays");
});

flow("the page of traffic says how to make a request, and keeps what it saw while one looks elsewhere", {}, async ({ gateway, api, come }) => {
  await lab(api);
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open("/traffic");
  await isLive(page);
  const line = await page.locator("main pre").first().innerText();
  assert.match(line, /^curl .*\/plugins\/lab\//, "there is a call to begin with");
  for (const status of [204, 503]) await fetch(`${gateway.clients}/plugins/lab/status/${status}`).then((answer) => answer.text());
  await page.getByText("/plugins/lab/status/204").first().waitFor();
  await page.getByText("/plugins/lab/status/503").first().waitFor();
  await page.getByRole("link", { name: "Apps", exact: true }).click();
  await page.getByRole("heading", { name: "Apps", level: 1 }).waitFor();
  await page.getByRole("link", { name: "Traffic", exact: true }).click();
  await page.getByText("/plugins/lab/status/503").first().waitFor();
  await page.getByRole("combobox", { name: "Status" }).selectOption("5xx");
  await page.getByText("/plugins/lab/status/204").waitFor({ state: "detached" });
  await page.getByText("/plugins/lab/status/503").first().waitFor();
});

flow("failures of the last hour are a click away from the overview, whose they are and which this page saw", {}, async ({ gateway, api, come }) => {
  await lab(api);
  await api.addPlugin({ name: "echo", slug: "echo", command: pluginCommand("echo") });
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  // Before anybody looked.
  await fetch(`${gateway.clients}/plugins/lab/status/500`).then((answer) => answer.text());
  await visitor.open("/");
  const tile = page.getByRole("link", { name: /^Failed, last hour/ });
  await page.waitForFunction(() => /Failed, last hour\s*1\b/.test(document.querySelector("main").innerText), undefined, { timeout: 40_000 });
  await tile.click();
  await page.getByRole("heading", { name: "Last hour", level: 1 }).waitFor();
  const row = page.getByRole("row", { name: /^lab 1 / });
  await row.waitFor();
  await page.getByRole("link", { name: "Watch for failures from now on" }).click();
  await isLive(page);
  await fetch(`${gateway.clients}/plugins/lab/status/503`).then((answer) => answer.text());
  await page.getByText("/plugins/lab/status/503").first().waitFor();
  await page.getByRole("link", { name: "Last hour", exact: true }).click();
  const seen = page.getByRole("region", { name: "Failed requests that this page saw" });
  await seen.getByText("/plugins/lab/status/503").click();
  await page.locator("dialog.drawer").getByText("Request id").waitFor();
});

/** Figures of an hour, with so many failures in each step; no gateway of a test runs so long. */
async function figures(page, failed) {
  const all = (value) => Array.from({ length: 360 }, () => value);
  const series = { requests: all(5), errors: all(failed), p50_ms: all(1), p90_ms: all(1), p99_ms: all(1), in_flight: all(1), memory_bytes: all(null), cpu_percent: all(null) };
  const attributes = { step_ms: 10_000, from: new Date(0).toISOString(), from_ms: 0, series, plugins: [], nodes: [] };
  await page.route(/\/api\/v1\/metrics\/history/, (route) => route.fulfill({ json: { data: { type: "metrics-history", id: "1h", attributes } } }));
}

flow("what failed is red, and where nothing failed nothing is", {}, async ({ api, come }) => {
  const id = await lab(api);
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  for (const failed of [0, 1]) {
    await figures(page, failed);
    for (const path of ["/", `/plugins/${id}`]) {
      await visitor.open(path);
      const tile = page.getByRole("link", { name: /^Failed, last hour/ });
      // A line of zeros has no height, so nothing of it counts as visible.
      await tile.locator(".spark path.line").waitFor({ state: "attached" });
      assert.equal(await page.locator(".spark.bad").count(), failed, path);
    }
  }
});

flow("of a time in which nobody looked the page of traffic says nothing", {}, async ({ api, come }) => {
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open("/traffic");
  const since = async () => (await page.getByText(/Nothing ended since/).innerText()).match(/\d\d:\d\d:\d\d/)?.[0];
  const before = await since();
  await page.getByRole("link", { name: "Apps", exact: true }).first().click();
  await page.getByRole("heading", { name: "Apps", exact: true }).waitFor();
  // An hour later by the clock of the browser.
  await page.evaluate(() => {
    const real = Date.now.bind(Date);
    Date.now = () => real() + 3_600_000;
  });
  await page.getByRole("link", { name: "Traffic", exact: true }).first().click();
  const seconds = (text) => text.split(":").reduce((sum, part) => 60 * sum + Number(part), 0);
  const later = (seconds(await since()) - seconds(before) + 86_400) % 86_400;
  assert.ok(later >= 3600 && later < 3900, String(later));
});
