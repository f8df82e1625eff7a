// What people do with plugins in the console: from the first sign-in to an answer, through every trouble on the way.

import assert from "node:assert/strict";
import { eventually } from "./support/eventually.mjs";
import { pluginCommand } from "./support/gateway.mjs";
import { flows } from "./support/start.mjs";
import { pluginIs } from "./support/world.mjs";

const flow = flows();

flow("from a one-time link to a plugin that serves, without a shell", {}, async ({ gateway, api, come }) => {
  const link = await api.done("POST", "/console-links", {});
  const visitor = await come();
  const { page } = visitor;
  await page.goto(link.attributes.url);
  await page.getByRole("button", { name: "Sign in with this link" }).click();
  await page.waitForURL(/\/console\/?$/);
  assert.doesNotMatch(page.url(), /link=/, "the secret of the link left the address");
  await page.getByRole("link", { name: /add (a|your first) plugin/i }).first().click();
  await page.getByLabel(/^Program or address/).fill(pluginCommand("echo").replace("file://", ""));
  await page.getByRole("textbox", { name: /^Name\b/ }).fill("greeter");
  await page.getByLabel(/^Slug/).fill("greeter");
  await page.getByRole("button", { name: "Look at it" }).click();
  await eventually("the keyboard goes on where the step begins", () => page.evaluate(() => document.activeElement?.getAttribute("aria-label") === "Step 2 of 4: Configuration"));
  await page.getByLabel(/custom_content/i).fill("Good morning from the console");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("button", { name: /register/i }).click();
  await page.getByText("It serves.", { exact: true }).waitFor();
  assert.doesNotMatch(await page.locator("main").innerText(), /Nothing is stored/, "it is stored by now");
  const lines = await page.locator("main pre").allInnerTexts();
  const clients = gateway.clients.replace("localhost", "127.0.0.1");
  assert.ok(lines.some((line) => line.startsWith("curl") && line.includes(`${clients}/plugins/greeter/`)), `a curl line in ${lines}`);
  await api.done("POST", "/apps", { name: "caller", owner_email: "caller@example.com" }).then((app) =>
    api.done("POST", "/tokens", { app_id: Number(app.id) }).then(async ({ attributes: { token } }) => {
      const answer = await fetch(`${gateway.clients}/plugins/greeter/hello`, { headers: { authorization: `Bearer ${token}` } });
      assert.equal(answer.status, 200);
      assert.match(await answer.text(), /Good morning from the console/);
    }),
  );
});

flow("what was wrong in the wizard is not wrong any more once it is typed anew, and an option that is added waits for its value", { expected: [/^400 POST /] }, async ({ api, come }) => {
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open("/plugins/new");
  const program = page.getByLabel(/^Program or address/);
  await program.fill("/no/such/program");
  await page.getByRole("button", { name: "Look at it" }).click();
  await eventually("its path is wrong", async () => (await program.getAttribute("aria-invalid")) === "true");
  await program.fill("/no/such/programme");
  await eventually("nobody has looked at the new one", async () => (await program.getAttribute("aria-invalid")) !== "true");
  await page.getByLabel(/^Slug/).fill("");
  await page.getByText("Clients call /plugins/SLUG/…; without one, nothing of it is served.").waitFor();

  await page.getByText("Description and options").click();
  await page.getByLabel("Name of a new option").fill("timeout");
  await page.getByRole("button", { name: "Add" }).click();
  await page.keyboard.type("2s");
  assert.equal(await page.getByRole("textbox", { name: "timeout" }).inputValue(), "2s");
});

flow("a link signs in once, and never again", { expected: [/^401 POST \/api\/v1\/session/] }, async ({ api, come }) => {
  const link = await api.done("POST", "/console-links", {});
  const [first, second] = [await come(), await come()];
  await first.page.goto(link.attributes.url);
  await first.page.getByRole("button", { name: "Sign in with this link" }).click();
  await first.page.waitForURL(/\/console\/?$/);
  await second.page.goto(link.attributes.url);
  await second.page.getByRole("button", { name: "Sign in with this link" }).click();
  await second.page.getByText("The link is used up or too old").waitFor();
});

const wishes = () => pluginCommand("echo").replace("sidegate-plugin-echo", "e2e-plugin-wishes");

flow("the wizard grants what stays ticked, by the click that registers and not before", {}, async ({ api, come }) => {
  const visitor = await come();
  const { page } = visitor;
  const newest = async () => (await api.ask("GET", "/revisions?limit=1")).body.data[0]?.id;
  const before = await newest();
  await visitor.signIn(api.token);
  await visitor.open("/plugins/new");
  await page.getByLabel(/^Program or address/).fill(wishes().replace("file://", ""));
  await page.getByRole("button", { name: "Look at it" }).click();
  await page.getByRole("button", { name: "Continue" }).click();
  const asked = page.getByRole("group", { name: "What it asks the gateway to allow" });
  await asked.waitFor();
  assert.deepEqual(await asked.getByRole("checkbox").evaluateAll((boxes) => boxes.map((box) => [box.labels[0].innerText, box.checked])), [["kv.readwrite", true], ["apps.read", true]]);
  await asked.getByText(/^It may /).nth(1).waitFor();
  await asked.getByRole("checkbox", { name: "apps.read" }).uncheck();
  assert.deepEqual((await api.ask("GET", "/plugins")).body.data, [], "nothing is registered by a look");
  assert.equal(await newest(), before, "and nothing else is changed");
  // Going back and forth grants nothing either, and forgets no choice.
  await page.getByRole("button", { name: "Back" }).click();
  await page.getByRole("button", { name: "Continue" }).click();
  assert.equal(await asked.getByRole("checkbox", { name: "apps.read" }).isChecked(), false);
  assert.deepEqual((await api.ask("GET", "/plugins")).body.data, []);
  await page.getByRole("button", { name: "Grant and register" }).click();
  await page.getByText("It serves.", { exact: true }).waitFor();
  const [{ id, attributes }] = (await api.ask("GET", "/plugins")).body.data;
  assert.deepEqual([attributes.service_scopes, attributes.missing_scopes], [["kv.readwrite"], ["apps.read"]]);
  await page.getByText("Not granted: apps.read").waitFor();
  await page.getByRole("link", { name: "Open its page" }).click();
  await page.getByRole("link", { name: /^Permissions/ }).click();
  await page.waitForURL((url) => url.pathname.endsWith(`/plugins/${id}/permissions`));
  const row = (scope) => page.locator(".scope").filter({ has: page.getByText(scope, { exact: true }) });
  await row("kv.readwrite").getByText("Granted", { exact: true }).waitFor();
  await row("apps.read").getByText("Wished, not granted").waitFor();
});

flow("a plugin that may do nothing it wishes is registered all the same", {}, async ({ api, come }) => {
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open("/plugins/new");
  await page.getByLabel(/^Program or address/).fill(wishes().replace("file://", ""));
  await page.getByRole("button", { name: "Look at it" }).click();
  await page.getByRole("button", { name: "Continue" }).click();
  for (const scope of ["kv.readwrite", "apps.read"]) await page.getByRole("checkbox", { name: scope }).uncheck();
  await page.getByRole("button", { name: "Register", exact: true }).click();
  await page.getByText("It serves.", { exact: true }).waitFor();
  const [{ attributes }] = (await api.ask("GET", "/plugins")).body.data;
  assert.deepEqual([attributes.service_scopes, attributes.missing_scopes.toSorted()], [[], ["apps.read", "kv.readwrite"]]);
});

flow("what a plugin wishes is shown, and granted by a click", {}, async ({ api, come }) => {
  const { id } = await api.addPlugin({ name: "wishes", slug: "wishes", command: wishes() });
  await pluginIs(api, id, "ready");
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open(`/plugins/${id}/permissions`);
  await page.getByText("kv.readwrite", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Grant all 2" }).click();
  await eventually("both scopes are granted", async () => {
    const { attributes } = await api.done("GET", `/plugins/${id}`);
    return attributes.missing_scopes.length === 0 && attributes.service_scopes.length === 2;
  });
  await page.getByText("Granted", { exact: true }).nth(1).waitFor();
});

flow("a plugin whose calls to the gateway are refused does not look healthy, on a phone neither", {}, async ({ gateway, api, come }) => {
  const { id } = await api.addPlugin({ name: "lab", slug: "lab", command: pluginCommand("lab"), config: { slug: "lab", require_auth: "false" } });
  await pluginIs(api, id, "ready");
  await fetch(`${gateway.clients}/plugins/lab/kv/user-7`).then((answer) => answer.text());
  for (const size of ["narrow", "wide"]) {
    const visitor = await come({ size });
    await visitor.signIn(api.token);
    for (const path of ["/plugins", "/"]) {
      await visitor.open(path);
      const row = visitor.page.getByRole("row").filter({ hasText: "Ready" });
      await row.getByText(/kv\.readwrite/).filter({ visible: true }).first().waitFor();
      await visitor.picture(`refused-call-${size}-${path === "/" ? "overview" : "plugins"}`);
    }
    assert.deepEqual(await visitor.axe(), []);
  }
});

flow("a save that is refused loses nothing of what was typed", { expected: [/^400 PATCH/, /^409 PATCH/, /^422 PATCH/] }, async ({ api, come }) => {
  await api.addPlugin({ name: "first", slug: "taken", command: pluginCommand("echo") });
  const { id } = await api.addPlugin({ name: "second", slug: "second", command: pluginCommand("echo") });
  await pluginIs(api, id, "ready");
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open(`/plugins/${id}/configuration`);
  await page.getByLabel(/custom_content/i).fill("Typed with much care");
  await page.getByLabel(/^Slug/).fill("taken");
  await page.getByRole("button", { name: "Review and save" }).click();
  const save = page.getByRole("button", { name: "Save", exact: true });
  await save.waitFor();
  // The gateway may say beforehand that it would refuse this; else it says so when it is asked.
  await page.waitForFunction(() => !document.querySelector("dialog .skeleton"));
  if (await save.isEnabled()) await save.click();
  await page.locator("dialog .note.bad").first().waitFor();
  await page.getByRole("button", { name: "Back to editing" }).click();
  assert.equal(await page.getByLabel(/custom_content/i).inputValue(), "Typed with much care");
  assert.equal(await page.getByLabel(/^Slug/).inputValue(), "taken");
  assert.equal((await api.done("GET", `/plugins/${id}`)).attributes.slug, "second", "nothing was stored");
  await page.getByLabel(/^Slug/).fill("free");
  await page.getByRole("button", { name: "Review and save" }).click();
  await save.click();
  await eventually("what was typed is stored", async () => {
    const { attributes } = await api.done("GET", `/plugins/${id}`);
    return attributes.slug === "free" && attributes.config.custom_content === "Typed with much care";
  });
});

flow("two people change the same plugin, and both changes are kept", { expected: [/^412 PATCH/] }, async ({ api, come }) => {
  const { id } = await api.addPlugin({ name: "shared", slug: "shared", command: pluginCommand("echo"), description: "as it was" });
  await pluginIs(api, id, "ready");
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open(`/plugins/${id}/configuration`);
  await page.getByLabel(/custom_content/i).fill("written here");
  await api.done("PATCH", `/plugins/${id}`, { description: "written elsewhere" });
  // Either the page heard of it by itself, or the gateway refuses the save.
  const merge = page.getByRole("button", { name: "Go on with both" });
  const review = page.getByRole("button", { name: "Review and save" });
  await eventually("both changes are shown together", async () => {
    if (await merge.isVisible()) return true;
    // Each may be gone or disabled while it is reached for.
    await review.click({ timeout: 1_000 }).catch(() => undefined);
    await page.getByRole("button", { name: "Save", exact: true }).click({ timeout: 1_000 }).catch(() => undefined);
    return false;
  });
  // A review that was open when the news came is in the way until it is refused or left.
  if (await page.locator("dialog").isVisible()) await page.getByRole("button", { name: "Back to editing" }).click({ timeout: 1_000 }).catch(() => undefined);
  await merge.click();
  await review.click();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await eventually("both changes are stored", async () => {
    const { attributes } = await api.done("GET", `/plugins/${id}`);
    return attributes.description === "written elsewhere" && attributes.config.custom_content === "written here";
  });
});

flow("where two people wrote the same field, whose stands is chosen for each, and nothing is lost", { expected: [/^412 PATCH/] }, async ({ api, come }) => {
  const config = { slug: "shared", custom_content: "as it was" };
  const { id } = await api.addPlugin({ name: "shared", slug: "shared", command: pluginCommand("echo"), description: "as it was", config });
  await pluginIs(api, id, "ready");
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open(`/plugins/${id}/configuration`);
  const [content, description] = [page.getByLabel(/custom_content/i), page.getByRole("textbox", { name: "Description" })];
  await content.fill("content written here");
  await description.fill("description written here");
  await api.done("PATCH", `/plugins/${id}`, { description: "description written elsewhere", managed_by: "somebody else", config: { ...config, custom_content: "content written elsewhere" } });
  const review = page.getByRole("button", { name: "Review and save" });
  const choice = (path) => page.getByRole("group", { name: `${path} was changed by both` });
  await choice("description").waitFor();
  assert.ok(await review.isDisabled(), "nobody saves over another before a choice");
  for (const path of ["description", "config.custom_content"]) {
    const what = path.replace("config.custom_", "");
    await choice(path).getByText(`Yours: "${what} written here"`).waitFor();
    await choice(path).getByText(`Theirs: "${what} written elsewhere"`).waitFor();
    assert.ok(await choice(path).getByRole("radio", { name: /^Yours/ }).isChecked(), "what is typed stands until somebody chooses");
  }
  await choice("description").getByRole("radio", { name: /^Theirs/ }).check();
  await choice("config.custom_content").getByRole("radio", { name: /^Yours/ }).check();
  await page.getByRole("button", { name: "Go on with both" }).click();
  assert.deepEqual([await content.inputValue(), await description.inputValue()], ["content written here", "description written elsewhere"]);
  const stored = async () => {
    const { attributes } = await api.done("GET", `/plugins/${id}`);
    return [attributes.config.custom_content, attributes.description, attributes.managed_by];
  };
  assert.deepEqual(await stored(), ["content written elsewhere", "description written elsewhere", "somebody else"], "choosing stores nothing");
  await review.click();
  await page.locator("dialog").getByText("content written here").first().waitFor();
  assert.equal(await page.locator("dialog").getByText("description written here").count(), 0, "what was given up is no part of the change");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await eventually("each field is as it was chosen", async () => (await stored()).join() === "content written here,description written elsewhere,somebody else");
  const theirs = (await api.ask("GET", "/revisions?limit=2")).body.data[1].id;
  const told = JSON.stringify((await api.ask("GET", `/revisions/diff?to=${theirs}`)).body);
  assert.match(told, /content written elsewhere/, "what was overwritten by choice stands in the history");
});

flow("a crash is seen in the timeline, with the last words of the process", {}, async ({ gateway, api, come }) => {
  const { id } = await api.addPlugin({ name: "lab", slug: "lab", command: pluginCommand("lab"), config: { slug: "lab", require_auth: "false" } });
  await pluginIs(api, id, "ready");
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open(`/plugins/${id}`);
  await page.getByText("none ended badly").waitFor();
  await fetch(`${gateway.clients}/plugins/lab/crash`).then((answer) => answer.text(), () => undefined);
  await page.getByRole("link", { name: "1 ended badly" }).click();
  await page.getByRole("table", { name: "crashes" }).locator(".row-link").first().click();
  await page.locator("dialog").getByText(/exit code 3/).first().waitFor();
});

flow("what a plugin prints is seen as it prints it", {}, async ({ gateway, api, come }) => {
  const { id } = await api.addPlugin({ name: "lab", slug: "lab", command: pluginCommand("lab"), config: { slug: "lab", require_auth: "false" } });
  await pluginIs(api, id, "ready");
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open(`/plugins/${id}/logs`);
  await page.getByText("Live", { exact: true }).first().waitFor();
  const lines = page.locator("section[aria-label='Log'] .line");
  const before = await lines.count();
  await fetch(`${gateway.clients}/plugins/lab/panic`).then((answer) => answer.text(), () => undefined);
  await eventually("another line is shown", async () => (await lines.count()) > before);
});

flow("a save whose program does not run says so for as long as it is so", {}, async ({ gateway, api, come }) => {
  const { id } = await api.addPlugin({ name: "echo", slug: "echo", command: pluginCommand("echo") });
  await pluginIs(api, id, "ready");
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open(`/plugins/${id}/configuration`);
  const saved = async (program) => {
    await page.getByLabel(/^Program/).fill(program);
    await page.getByRole("button", { name: "Review and save" }).click();
    await page.getByRole("button", { name: "Save", exact: true }).click();
  };
  const note = page.getByText("What is stored here does not run; the process before serves on");
  await saved(gateway.script("broken", "echo no license >&2; exit 3"));
  await page.getByText(/^Saved, but it does not run: /).waitFor();
  await note.waitFor();
  assert.equal(await page.getByText("Saved, and live").count(), 0);
  await pluginIs(api, id, "ready");
  await saved(pluginCommand("echo"));
  await page.getByText("Saved, and live").waitFor();
  await note.waitFor({ state: "detached" });
});

flow("text that is no JSON yet stays until it is mended or discarded", {}, async ({ api, come }) => {
  const { id } = await api.addPlugin({ name: "echo", slug: "echo", command: pluginCommand("echo") });
  await pluginIs(api, id, "ready");
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open(`/plugins/${id}/configuration`);
  await page.getByRole("button", { name: "JSON", exact: true }).click();
  const text = page.getByLabel("Configuration as JSON");
  const before = await text.inputValue();
  await text.fill('{"slug": ');
  await page.getByRole("button", { name: "Form", exact: true }).click();
  await page.getByText(/^The form needs JSON that can be read/).waitFor();
  assert.equal(await text.inputValue(), '{"slug": ');
  const unsaved = page.getByRole("region", { name: "Unsaved changes" });
  await unsaved.getByText(/cannot be read yet/).waitFor();
  assert.ok(await unsaved.getByRole("button", { name: "Review and save" }).isDisabled());
  // Whoever saves without a slug is told before what it does.
  await text.fill("{}");
  await page.getByRole("button", { name: "Review and save" }).click();
  await page.getByText("Nothing of it is served any more").waitFor();
  await page.getByRole("button", { name: "Back to editing" }).click();
  await text.fill('{"slug": ');
  await unsaved.getByRole("button", { name: "Discard" }).click();
  assert.equal(await text.inputValue(), before);
});

flow("what a line of the log says beside its text is shown, and found", {}, async ({ gateway, api, come }) => {
  const line = JSON.stringify({ "@level": "info", "@message": "received", request_id: "req_beside", event: "push" });
  const { id } = await api.addPlugin({ name: "says", slug: "says", command: gateway.script("says", `echo '${line}' >&2; exit 3`) });
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open(`/plugins/${id}/logs?q=req_beside`);
  const shown = page.locator("section[aria-label='Log'] .line").first();
  await shown.waitFor();
  assert.match(await shown.innerText(), /received request_id=req_beside event="push"/);
});

flow("a program that only edges have is registered in a namespace without looking at it", { control: true, expected: [/^400 POST \/api\/v1\/plugins\/inspect/] }, async ({ api, come }) => {
  await api.done("POST", "/namespaces", { name: "berlin" });
  await api.addPlugin({ name: "maps", slug: "maps", command: pluginCommand("echo") });
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open("/plugins/new");
  await page.getByLabel(/^Program or address/).fill("/nowhere/but/on/edges/hello");
  await page.getByRole("textbox", { name: /^Name\b/ }).fill("maps");
  await page.getByText("A plugin has this name already: choose another.").waitFor();
  assert.equal(await page.getByRole("button", { name: "Look at it" }).isEnabled(), false);
  await page.getByRole("textbox", { name: /^Name\b/ }).fill("hello");
  await page.getByLabel(/^Slug/).fill("Hello");
  await page.getByText(/^Use 1 to 63 characters/).waitFor();
  await page.getByLabel(/^Slug/).fill("hello");
  await page.getByLabel("Namespace").selectOption("berlin");
  await page.getByRole("button", { name: "Look at it" }).click();
  await page.getByText(/machine of the control plane/).first().waitFor();
  await page.getByRole("button", { name: "Go on without looking" }).click();
  await page.getByLabel("Configuration as JSON").fill('{"greeting": "hello"}');
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("button", { name: "Register", exact: true }).click();
  await eventually("it is registered in the namespace", async () => {
    const [plugin] = (await api.ask("GET", "/plugins?name=hello")).body.data;
    return plugin?.attributes.namespace === "berlin" && plugin.attributes.config.greeting === "hello";
  });
});

flow("what a plugin publishes is seen, and what is in it by admins only", {}, async ({ gateway, api, come }) => {
  const { id } = await api.addPlugin({ name: "lab", slug: "lab", command: pluginCommand("lab"), config: { slug: "lab", require_auth: "false" } });
  await pluginIs(api, id, "ready");
  const published = () => fetch(`${gateway.clients}/plugins/lab/publish/orders`, { method: "POST", body: '{"order": 42}' });
  await eventually("an event is published", async () => (await published()).ok);
  for (const [role, sees] of [["admin", true], ["operator", false]]) {
    const visitor = await come();
    const { page } = visitor;
    await visitor.signIn(await api.adminToken(role, role));
    await visitor.open(`/plugins/${id}/events`);
    await page.getByRole("table", { name: "events" }).locator(".row-link").first().click();
    const drawer = page.locator("dialog.drawer");
    await drawer.getByText("It stays on this node", { exact: false }).or(drawer.getByText("nowhere else", { exact: false })).first().waitFor();
    if (sees) await drawer.getByText('"order": 42').waitFor();
    else await drawer.getByText("What was in it is for admins.").waitFor();
    assert.equal(await drawer.getByText('"order": 42').count(), sees ? 1 : 0);
  }
});
