// What was changed: found among much else, told in words, and with both times.

import assert from "node:assert/strict";
import { pluginCommand } from "./support/gateway.mjs";
import { flows } from "./support/start.mjs";
import { pluginIs } from "./support/world.mjs";

const flow = flows();

/** The first cells of a table's rows are waited for until there are so many. */
async function rows(page, count) {
  await page.waitForFunction((count) => document.querySelectorAll("main tbody tr").length === count, count);
  return page.locator("main tbody tr");
}

/** One change of each of two apps, and more changes than a page has after them. */
async function muchElse(api) {
  const billing = await api.done("POST", "/apps", { name: "billing", owner_email: "billing@example.com" });
  await api.done("PATCH", `/apps/${billing.id}`, { description: "pays" });
  const noise = await api.done("POST", "/apps", { name: "noise", owner_email: "noise@example.com" });
  for (let number = 0; number < 60; number += 1) await api.done("PATCH", `/apps/${noise.id}`, { description: `${number}` });
  return { billing: billing.id, noise: noise.id };
}

for (const [path, operation] of [["/changes", "App changed"], ["/changes/audit", "App changed"]]) {
  flow(`changes of one thing are found at ${path} among many, by what was done, to which thing and when`, {}, async ({ api, come }) => {
    const { billing } = await muchElse(api);
    const visitor = await come();
    const { page } = visitor;
    await visitor.signIn(api.token);
    await visitor.open(path);
    await page.getByLabel("Thing, by its name or number").fill("billing");
    await page.getByLabel("Thing, by its name or number").press("Enter");
    await rows(page, 2);
    await page.getByRole("combobox", { name: "What was done" }).selectOption({ label: operation });
    const [row] = await (await rows(page, 1)).all();
    assert.match(await row.innerText(), /billing/);
    assert.match(await row.innerText(), /(just now|ago|in)/, "the time as people say it");
    assert.match(await row.innerText(), /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/, "and the exact one");
    assert.match(await row.locator("time").getAttribute("title"), /UTC/);
    await visitor.open(`${path}?thing=${billing}&kind=app&operation=create_app`);
    await rows(page, 1);
    await visitor.open(`${path}?thing=billing&since=between&from=2001-01-01T00:00&to=2001-01-02T00:00`);
    await page.getByText("Nothing fits these filters; take one away.").waitFor();
    await visitor.open(`${path}?thing=billing&since=between&from=2001-01-01T00:00`);
    await rows(page, 2);
  });
}

flow("a rollback says to which revision, wherever it is told", {}, async ({ api, come }) => {
  const app = await api.done("POST", "/apps", { name: "billing", owner_email: "billing@example.com" });
  const good = (await api.ask("GET", "/revisions?limit=1")).body.data[0].id;
  await api.done("PATCH", `/apps/${app.id}`, { description: "a mistake" });
  await api.done("POST", "/revisions/rollback", { revision: Number(good) });
  const made = (await api.ask("GET", "/revisions?limit=1")).body.data[0].id;
  await api.addPlugin({ name: "echo", slug: "echo", command: pluginCommand("echo") });
  for (const size of ["wide", "narrow"]) {
    const visitor = await come({ size });
    const { page } = visitor;
    await visitor.signIn(api.token);
    for (const path of ["/", "/changes", "/changes/audit", `/changes/${made}`]) {
      await visitor.open(path);
      await page.getByText(new RegExp(`rolled back to revision ${good}\\b`, "i")).filter({ visible: true }).first().waitFor();
    }
  }
});

flow("what was done is told in words and never by the name of an operation", { expected: [/^403 /] }, async ({ api, come }) => {
  const plugin = await api.addPlugin({ name: "lab", slug: "lab", command: pluginCommand("lab"), config: { slug: "lab" } });
  await pluginIs(api, plugin.id, "ready");
  const app = await api.done("POST", "/apps", { name: "billing", owner_email: "billing@example.com" });
  const token = await api.done("POST", "/tokens", { app_id: Number(app.id), name: "ci" });
  await api.done("PATCH", `/plugins/${plugin.id}`, { description: "an instrument" });
  await api.done("POST", `/plugins/${plugin.id}/grant`, { scopes: ["kv.readwrite"] });
  await api.done("POST", `/plugins/${plugin.id}/revoke`, { scopes: ["kv.readwrite"] });
  await api.done("POST", `/plugins/${plugin.id}/public-endpoints`, { approve: ["*"] });
  await api.done("POST", `/plugins/${plugin.id}/reload`, {});
  await api.done("POST", `/tokens/${token.id}/rotate`, {});
  await api.done("DELETE", `/tokens/${token.id}`);
  await api.done("PATCH", `/apps/${app.id}`, { description: "pays" });
  const viewer = await api.adminToken("viewer", "viewer");
  await fetch(`${api.origin}/api/v1/apps/${app.id}`, { method: "DELETE", headers: { authorization: `Bearer ${viewer}` } });
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  const document = (await api.ask("GET", "/openapi.json")).body;
  const names = Object.values(document.paths).flatMap((item) => Object.values(item).map((operation) => operation.operationId)).filter((name) => name.includes("_"));
  for (const path of ["/", "/changes", "/changes/audit", "/changes/2"]) {
    await visitor.open(path);
    await page.getByText(/lab|billing/).first().waitFor();
    const text = (await page.locator("main").innerText()).toLowerCase();
    const shown = names.filter((name) => text.includes(name) || text.includes(`${name.replaceAll("_", " ")}\n`));
    assert.deepEqual(shown, [], path);
  }
  await visitor.open("/");
  await page.getByText("granted permissions to plugin lab").waitFor();
  await visitor.open("/changes/audit?outcome=refused");
  await page.getByText("Tried to remove an app").waitFor();
});
