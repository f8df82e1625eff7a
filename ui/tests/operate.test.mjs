// What operators do in the console: explain, apps and tokens, traffic, going back, edges.

import assert from "node:assert/strict";
import { eventually } from "./support/eventually.mjs";
import { pluginCommand, startEdgeBy } from "./support/gateway.mjs";
import { flows } from "./support/start.mjs";
import { isLive, pluginIs } from "./support/world.mjs";

const flow = flows();

async function lab(api) {
  const { id } = await api.addPlugin({ name: "lab", slug: "lab", command: pluginCommand("lab"), config: { slug: "lab", require_auth: "true" } });
  await pluginIs(api, id, "ready");
  return id;
}

flow("what needs somebody is told in sentences, and leads to where it is mended", {}, async ({ gateway, api, come }) => {
  const { id } = await api.addPlugin({ name: "broken", slug: "broken", command: gateway.script("broken", "echo no license >&2; exit 3") });
  const app = await api.done("POST", "/apps", { name: "billing", owner_email: "billing@example.com" });
  await api.done("POST", "/tokens", { app_id: Number(app.id), name: "ci", expires_in: "24h" });
  await api.done("POST", "/issuers", { name: "corp", url: "plugin:gone", audiences: ["https://gw.example.com"] });
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  for (const [name, text, path] of [["corp", /no active plugin has this slug/, "/apps/issuers"], ["broken", /^The process ended with exit code 3/, `/plugins/${id}/crashes`], ["ci", /^A token of app "billing" ends/, "/apps/tokens"]]) {
    await visitor.open("/");
    const need = page.getByRole("region", { name: /^Needs you/ }).getByRole("listitem").filter({ has: page.getByRole("link", { name, exact: true }) });
    await need.getByText(text).waitFor();
    await need.getByRole("link", { name, exact: true }).click();
    await page.waitForURL((url) => url.pathname === `/console${path}`);
  }
});

flow("pages that one program brings twice are told apart by their plugins", {}, async ({ api, come }) => {
  const visitor = await come();
  const { page } = visitor;
  const menu = page.getByRole("navigation", { name: "Plugins’ pages" });
  for (const [name, shown] of [["morning", ["Echo"]], ["evening", ["Echo evening", "Echo morning"]]]) {
    const { id } = await api.addPlugin({ name, slug: name, command: pluginCommand("echo") });
    await pluginIs(api, id, "ready");
    if (name === "morning") await visitor.signIn(api.token);
    else await visitor.open("/");
    await menu.waitFor();
    await eventually(`the menu has ${shown}`, async () => (await menu.getByRole("link").allInnerTexts()).toSorted().join() === shown.join());
  }
});

flow("why a request gets its answer is told step by step", {}, async ({ api, come }) => {
  await lab(api);
  const app = await api.done("POST", "/apps", { name: "caller", owner_email: "caller@example.com" });
  const { attributes } = await api.done("POST", "/tokens", { app_id: Number(app.id) });
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open("/routes");
  await page.getByLabel("Path", { exact: true }).fill("/plugins/lab/pid");
  await page.getByRole("button", { name: "Explain", exact: true }).click();
  await page.getByText("The gateway answers 401").waitFor();
  const trace = page.getByRole("list", { name: "What was looked at, in order" });
  assert.match(await trace.locator(".failed").innerText(), /token/);
  assert.match(page.url(), /path=/, "the question is in the address");
  await page.getByText(/^As whom/).click();
  await page.getByLabel("Token", { exact: true }).fill(attributes.token);
  await page.getByRole("button", { name: "Explain", exact: true }).click();
  await page.getByText("The plugin lab answers").waitFor();
  assert.equal(await trace.locator(".failed").count(), 0);
  assert.doesNotMatch(page.url(), new RegExp(attributes.token), "and the token is not");
  await page.getByText("at most 1 MiB").waitFor();
});

flow("an app is registered, and its token is shown once", {}, async ({ gateway, api, come }) => {
  await lab(api);
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open("/apps/new");
  await page.getByRole("textbox", { name: /^Name\b/ }).first().fill("billing");
  await page.getByLabel(/^Owner/).fill("billing-team@example.com");
  await page.getByRole("button", { name: "Add a value" }).click();
  await page.getByLabel("Name 1").fill("tier");
  await page.getByLabel("Value of tier").fill("2");
  await page.getByRole("button", { name: "Register", exact: true }).click();
  await page.getByRole("button", { name: "Make the token" }).click();
  const secret = (await page.getByTestId("secret-once").locator("pre").innerText()).trim();
  assert.match(secret, /^sgt_/);
  const answer = await fetch(`${gateway.clients}/plugins/lab/pid`, { headers: { authorization: `Bearer ${secret}` } });
  assert.equal(answer.status, 200);
  await page.getByRole("button", { name: "I have copied it" }).click();
  await page.getByText(`${secret.slice(0, 8)}…`).waitFor();
  await page.reload();
  await page.getByText(`${secret.slice(0, 8)}…`).waitFor();
  assert.ok(!(await page.content()).includes(secret), "it is not on the page any more");
  const [app] = (await api.ask("GET", "/apps?name=billing")).body.data;
  assert.deepEqual(app.attributes.metadata, { tier: 2 });
});

flow("two people change the same app, and both changes are kept", { expected: [/^412 PATCH/] }, async ({ api, come }) => {
  const app = await api.done("POST", "/apps", { name: "billing", owner_email: "old@example.com" });
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open(`/apps/${app.id}/settings`);
  await page.getByLabel("Description").fill("written here");
  await api.done("PATCH", `/apps/${app.id}`, { owner_email: "new@example.com" });
  // Either the page heard of it by itself, or the gateway refuses the save.
  const merge = page.getByRole("button", { name: "Go on with both" });
  const save = page.getByRole("button", { name: "Save", exact: true });
  await eventually("both changes are shown together", async () => {
    if (await merge.isVisible()) return true;
    // It may become disabled while it is reached for.
    if (await save.isEnabled()) await save.click({ timeout: 1_000 }).catch(() => undefined);
    return false;
  });
  await page.getByText("Somebody changed this app while you edited it").waitFor();
  await merge.click();
  await save.click();
  await eventually("both changes are stored", async () => {
    const { attributes } = await api.done("GET", `/apps/${app.id}`);
    return attributes.owner_email === "new@example.com" && attributes.description === "written here";
  });
});

flow("going back to a revision shows first what would change", {}, async ({ api, come }) => {
  const app = await api.done("POST", "/apps", { name: "billing", owner_email: "first@example.com" });
  const good = (await api.ask("GET", "/revisions?limit=1")).body.data[0].id;
  await api.done("PATCH", `/apps/${app.id}`, { owner_email: "mistake@example.com" });
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open("/changes");
  await page.getByRole("link", { name: good, exact: true }).first().click();
  await page.getByRole("button", { name: "Go back to it…" }).click();
  const drawer = page.locator("dialog");
  await drawer.getByText("mistake@example.com").waitFor();
  assert.equal((await api.done("GET", `/apps/${app.id}`)).attributes.owner_email, "mistake@example.com", "a look changes nothing");
  await drawer.getByRole("button", { name: "Go back", exact: true }).click();
  await eventually("it is as it was", async () => (await api.done("GET", `/apps/${app.id}`)).attributes.owner_email === "first@example.com");
});

flow("requests are seen as they end, and one that is open can be ended", {}, async ({ gateway, api, come }) => {
  const { id } = await api.addPlugin({ name: "lab", slug: "lab", command: pluginCommand("lab"), config: { slug: "lab", require_auth: "false" } });
  await pluginIs(api, id, "ready");
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open("/traffic?status=5xx");
  await isLive(page);
  await fetch(`${gateway.clients}/plugins/lab/status/204`);
  await fetch(`${gateway.clients}/plugins/lab/status/503`).then((answer) => answer.text());
  await page.getByText("/plugins/lab/status/503").first().waitFor();
  assert.equal(await page.getByText("/plugins/lab/status/204").count(), 0, "the filter holds");
  const open = fetch(`${gateway.clients}/plugins/lab/hang`).then((answer) => answer.text(), (error) => error);
  await visitor.open("/traffic/requests");
  await page.getByText("/plugins/lab/hang").waitFor();
  await page.getByRole("button", { name: "End", exact: true }).click();
  await page.getByRole("button", { name: "End the request" }).click();
  await open;
  await page.getByText("Nothing is in flight").waitFor();
});

flow("who registers an app is asked about edges only where there are some", {}, async ({ api, come }) => {
  await api.done("POST", "/namespaces", { name: "berlin" });
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open("/apps/new");
  await page.getByLabel("Managed by").waitFor();
  assert.equal(await page.getByLabel("Max. staleness").count(), 0);
  assert.equal(await page.getByLabel("Namespace").count(), 0);
  // What was set by other means can be seen and changed.
  const app = await api.done("POST", "/apps", { name: "billing", owner_email: "a@example.com", max_staleness: "1h" });
  await visitor.open(`/apps/${app.id}/settings`);
  await page.getByLabel("Max. staleness").waitFor();
});

flow("who registers an app on a control plane says which edges get it", { control: true }, async ({ api, come }) => {
  await api.done("POST", "/namespaces", { name: "berlin" });
  const visitor = await come();
  await visitor.signIn(api.token);
  await visitor.open("/apps/new");
  await visitor.page.getByLabel("Max. staleness").waitFor();
  await visitor.page.getByLabel("Namespace").waitFor();
});

flow("an edge joins by the one command that the console prints", { control: true }, async ({ api, come }) => {
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open("/edges");
  await page.getByRole("link", { name: "Add an edge" }).first().click();
  await page.getByRole("textbox", { name: /^Name\b/ }).fill("berlin-1");
  await page.getByRole("button", { name: "Get the command" }).click();
  const command = (await page.getByTestId("join-command").locator("pre").innerText()).trim();
  const edge = await startEdgeBy(command);
  try {
    await page.getByText("berlin-1 is connected").waitFor();
    await page.getByRole("link", { name: "Go to berlin-1" }).click();
    await page.getByRole("heading", { name: "berlin-1" }).waitFor();
    await page.getByText("Current", { exact: true }).first().waitFor();
    const { id } = await api.addPlugin({ name: "echo", slug: "echo", command: pluginCommand("echo"), config: { slug: "echo" } });
    await page.getByRole("link", { name: "echo", exact: true }).waitFor();
    assert.ok(id);
  } finally {
    await edge.stop();
  }
});
