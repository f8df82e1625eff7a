// What somebody may not do is out of reach in the console, with the reason, and refused by the API alike.

import assert from "node:assert/strict";
import { eventually } from "./support/eventually.mjs";
import { pluginCommand } from "./support/gateway.mjs";
import { flows } from "./support/start.mjs";
import { pluginIs } from "./support/world.mjs";

const flow = flows();

/** Asks from within the page, so with its session and nothing else. */
function askFromPage(page, method, path, body) {
  return page.evaluate(
    async ([method, path, body]) => {
      const answer = await fetch(`/api/v1${path}`, {
        method,
        headers: { "content-type": "application/json", "x-sidegate-session": localStorage.getItem("sidegate.session") },
        body: body === null ? undefined : JSON.stringify(body),
      });
      return { status: answer.status, code: (await answer.json().catch(() => ({}))).code };
    },
    [method, path, body ?? null],
  );
}

const CHANGES = (plugin, app) => [
  ["POST", "/apps", { name: "mine", owner_email: "me@example.com" }],
  ["PATCH", `/apps/${app}`, { description: "mine" }],
  ["DELETE", `/apps/${app}`],
  ["PATCH", `/plugins/${plugin}`, { description: "mine" }],
  ["POST", `/plugins/${plugin}/reload`, {}],
  ["DELETE", `/plugins/${plugin}`],
  ["POST", "/tokens", { app_id: Number(app) }],
];

async function thing(api) {
  const plugin = await api.addPlugin({ name: "echo", slug: "echo", command: pluginCommand("echo") });
  await pluginIs(api, plugin.id, "ready");
  const app = await api.done("POST", "/apps", { name: "billing", owner_email: "billing-team@example.com" });
  await api.done("POST", "/tokens", { app_id: Number(app.id), name: "ci" });
  return { plugin: plugin.id, app: app.id };
}

flow("a viewer sees, changes nothing, and is told why", { expected: [/^403 /] }, async ({ api, come }) => {
  const { plugin, app } = await thing(api);
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(await api.adminToken("jane", "viewer"));
  await visitor.open(`/apps/${app}`);
  const make = page.getByRole("button", { name: "Make a token" });
  assert.ok(await make.isDisabled());
  assert.match(await make.getAttribute("title"), /needs the role operator; yours is viewer/);
  await visitor.open(`/apps/${app}/settings`);
  assert.ok(await page.getByRole("textbox", { name: /^Name\b/ }).first().isDisabled());
  await visitor.open("/apps/new");
  await page.getByText("This page is for the role operator; yours is viewer.").waitFor();
  await visitor.open("/settings/users");
  await page.getByText("This page is for the role admin; yours is viewer.").waitFor();
  for (const [method, path, body] of CHANGES(plugin, app)) {
    const answer = await askFromPage(page, method, path, body);
    assert.deepEqual([method, path, answer.status, answer.code], [method, path, 403, "insufficient_role"]);
  }
});

flow("an operator makes tokens, and decides no code", { expected: [/^403 /] }, async ({ api, come }) => {
  const { plugin, app } = await thing(api);
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(await api.adminToken("omar", "operator"));
  await visitor.open(`/apps/${app}`);
  assert.ok(await page.getByRole("button", { name: "Make a token" }).isEnabled());
  await visitor.open("/plugins/new");
  await page.getByText("This page is for the role admin; yours is operator.").waitFor();
  const answer = await askFromPage(page, "DELETE", `/plugins/${plugin}`);
  assert.deepEqual(answer, { status: 403, code: "insufficient_role" });
});

flow("in read-only mode not even an admin changes anything by the console", { settings: { SIDEGATE_CONSOLE_READ_ONLY: "true" }, expected: [/^403 /] }, async ({ api, come }) => {
  const { plugin, app } = await thing(api);
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open("/settings");
  await page.getByText("SIDEGATE_CONSOLE_READ_ONLY").first().waitFor();
  for (const [method, path, body] of CHANGES(plugin, app)) {
    const answer = await askFromPage(page, method, path, body);
    assert.deepEqual([method, path, answer.status, answer.code], [method, path, 403, "read_only"]);
  }
  await visitor.open(`/apps/${app}/settings`);
  assert.ok(await page.getByLabel("Description").isDisabled());
  await page.getByText(/This console may only read/).first().waitFor();
});

flow("whoever signs out is out, and comes back to the page they wanted", { expected: [/^401 /] }, async ({ api, come }) => {
  await thing(api);
  const visitor = await come();
  const { page } = visitor;
  await page.goto(visitor.gateway.page("/apps/tokens"));
  await page.waitForURL(/\/sign-in\?to=/);
  await page.getByRole("button", { name: "Admin token" }).click();
  await page.getByLabel(/^Admin token/).fill(api.token);
  await page.getByRole("button", { name: /^sign in/i }).click();
  await page.waitForURL(/\/apps\/tokens$/);
  await visitor.settled();
  await page.getByRole("button", { name: /^Signed in as/ }).click();
  await page.getByRole("menuitem", { name: "Sign out", exact: true }).click();
  await page.waitForURL(/\/sign-in/);
  const answer = await askFromPage(page, "GET", "/whoami");
  assert.equal(answer.status, 401);
});

flow("an operator sees what a plugin keeps and may remove it, and values are for admins", { expected: [/^403 /] }, async ({ gateway, api, come }) => {
  const { id } = await api.addPlugin({ name: "lab", slug: "lab", command: pluginCommand("lab"), config: { slug: "lab", require_auth: "false" }, service_scopes: ["kv.readwrite"] });
  await pluginIs(api, id, "ready");
  await eventually("an entry is kept", async () => (await fetch(`${gateway.clients}/plugins/lab/kv/user-7`, { method: "PUT", body: "not for everybody" })).ok);
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(await api.adminToken("omar", "operator"));
  await visitor.open(`/plugins/${id}/storage`);
  await page.getByText(/^Values are for admins/).waitFor();
  assert.equal(await page.locator(".row-link").count(), 0, "nothing is offered that would be refused");
  const answer = await askFromPage(page, "GET", `/plugins/${id}/storage/user-7`);
  assert.deepEqual(answer, { status: 403, code: "insufficient_role" });
  await page.getByRole("button", { name: "Remove user-7" }).click();
  await page.locator("dialog").getByRole("button", { name: "Remove", exact: true }).click();
  await page.getByText("It stores nothing").waitFor();
  const admin = await come();
  await fetch(`${gateway.clients}/plugins/lab/kv/user-8`, { method: "PUT", body: "for an admin" });
  await admin.signIn(api.token);
  await admin.open(`/plugins/${id}/storage`);
  await admin.page.getByRole("button", { name: "user-8", exact: true }).click();
  await admin.page.locator("dialog").getByText("for an admin").waitFor();
});
