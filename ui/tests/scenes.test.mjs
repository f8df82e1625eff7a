// What no address shows: the steps of the wizard, dialogs, menus, the palette. Looked at as pages are.

import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { startBrowser, Visitor } from "./support/browser.mjs";
import { Gateway, pluginCommand } from "./support/gateway.mjs";
import { ALL_VIEWS, look, TWO_VIEWS } from "./support/look.mjs";
import { populatedControlPlane, populatedGateway } from "./support/world.mjs";

const WISHES = pluginCommand("echo").replace("sidegate-plugin-echo", "e2e-plugin-wishes");
const press = (page, name) => page.getByRole("button", { name, exact: true }).first().click();
const dialog = (page) => page.locator("dialog[open]").first().waitFor();

/** The wizard with a program that was looked at: its second step. */
async function inspected(page, command, name) {
  await page.getByLabel(/^Program or address/).fill(command.replace("file://", ""));
  await page.getByRole("textbox", { name: /^Name\b/ }).fill(name);
  await page.getByLabel(/^Slug/).fill(name);
  await press(page, "Look at it");
  await page.getByRole("heading", { name: "What it says of itself" }).waitFor();
}

async function permissions(page, command, name) {
  await inspected(page, command, name);
  await press(page, "Continue");
  await page.getByRole("heading", { name: "What may it do?" }).waitFor();
}

/** An entry of the menu of things to do with something. */
async function choose(page, menu, entry) {
  await page.getByRole("button", { name: menu }).first().click();
  await page.getByRole("menuitem", { name: entry }).click();
  await dialog(page);
}

/** The same field is written here and elsewhere. */
async function bothWrote({ server, lab }, page) {
  await page.getByRole("textbox", { name: "Description" }).fill("written here");
  await server.api.done("PATCH", `/plugins/${lab}`, { description: `written elsewhere at ${Date.now()}`, managed_by: "somebody else" });
  await page.getByText("was changed by both").waitFor();
}

/** Whatever fits is looked at: a list that needs the keyboard. */
async function palette(page, words) {
  await page.keyboard.press("Control+k");
  await dialog(page);
  await page.keyboard.type(words);
}

// Each with where it begins and how it comes to be shown. `whole`: in every theme and size.
const SCENES = [
  { name: "wizard with a slug that is taken", at: () => "/plugins/new", then: async (_, page) => { await page.getByLabel(/^Program or address/).fill("/opt/lab"); await page.getByText("A plugin has this name already").waitFor(); } },
  { name: "wizard with a program that is not there", whole: true, at: () => "/plugins/new", expected: [/^400 POST \/api\/v1\/plugins\/inspect/], then: async (_, page) => { await page.getByLabel(/^Program or address/).fill("/opt/nowhere"); await press(page, "Look at it"); await page.getByText(/^Program \/opt\/nowhere cannot be used/).waitFor(); assert.equal(await page.getByText(/only on edges/).count(), 0, "where there are no edges, nobody is told of them"); } },
  { name: "wizard 2 configuration", whole: true, at: () => "/plugins/new", then: (_, page) => inspected(page, pluginCommand("echo"), "greeter") },
  { name: "wizard 2 as JSON", at: () => "/plugins/new", then: async (_, page) => { await inspected(page, pluginCommand("webhook"), "hooks"); await press(page, "JSON"); await page.getByLabel("Configuration as JSON").waitFor(); } },
  { name: "wizard 2 with a program that ends", whole: true, at: () => "/plugins/new", then: ({ brokenCommand }, page) => inspected(page, brokenCommand, "ends-at-once") },
  { name: "wizard 3 permissions", whole: true, at: () => "/plugins/new", then: (_, page) => permissions(page, WISHES, "wishes") },
  { name: "wizard 4 it serves", whole: true, at: () => "/plugins/new", then: async (_, page) => { await permissions(page, WISHES, "wishes"); await press(page, "Grant and register"); await page.getByText("It serves.", { exact: true }).waitFor(); } },
  { name: "wizard 4 it does not serve", whole: true, at: () => "/plugins/new", then: async ({ brokenCommand }, page) => { await inspected(page, brokenCommand, "ends-at-once"); await press(page, "Go on anyway"); await press(page, "Register"); await page.getByText("It is registered and does not serve").waitFor(); } },
  { name: "review before a save", whole: true, at: ({ echo }) => `/plugins/${echo}/configuration`, then: async (_, page) => { await page.getByLabel(/custom_content/i).fill("Good evening"); await page.getByRole("textbox", { name: "Description" }).fill("Greets whoever comes"); await press(page, "Review and save"); await page.getByRole("heading", { name: "Review 2 changes" }).waitFor(); } },
  { name: "unsaved changes", at: ({ echo }) => `/plugins/${echo}/configuration`, then: async (_, page) => { await page.getByLabel(/custom_content/i).fill("Good evening"); await page.getByRole("region", { name: "Unsaved changes" }).waitFor(); } },
  { name: "leaving without a save", at: ({ echo }) => `/plugins/${echo}/configuration`, then: async (_, page) => { await page.getByLabel(/custom_content/i).fill("Good evening"); await page.getByRole("link", { name: "Permissions" }).click(); await page.getByText("Leave without saving?").waitFor(); } },
  { name: "merge of two edits", whole: true, at: ({ lab }) => `/plugins/${lab}/configuration`, then: bothWrote },
  { name: "removing a plugin", at: ({ lab }) => `/plugins/${lab}`, then: (_, page) => choose(page, "Actions for lab", "Remove") },
  { name: "a crash", at: ({ broken }) => `/plugins/${broken}/crashes`, then: async (_, page) => { await page.getByRole("table", { name: "crashes" }).locator(".row-link").first().click(); await dialog(page); } },
  { name: "a stored value", at: ({ lab }) => `/plugins/${lab}/storage`, then: async (_, page) => { await press(page, "user-7"); await dialog(page); } },
  { name: "an event", at: ({ lab }) => `/plugins/${lab}/events`, then: async (_, page) => { await page.getByRole("table", { name: "events" }).locator(".row-link").first().click(); await dialog(page); } },
  { name: "rollback", whole: true, at: ({ revision }) => `/changes/${Number(revision) - 2}`, then: async (_, page) => { await press(page, "Go back to it…"); await page.locator("dialog").getByRole("heading", { name: /would change/ }).waitFor(); } },
  { name: "a new token", at: ({ app }) => `/apps/${app}`, then: async (_, page) => { await press(page, "Make a token"); await dialog(page); } },
  { name: "a token shown once", whole: true, at: ({ app }) => `/apps/${app}`, then: async (_, page) => { await press(page, "Make a token"); await press(page, "Make the token"); await page.getByTestId("secret-once").waitFor(); } },
  { name: "rotating a token", at: ({ app }) => `/apps/${app}`, then: (_, page) => choose(page, "Actions for token deploy", "Rotate…") },
  { name: "revoking a token", at: ({ app }) => `/apps/${app}`, then: (_, page) => choose(page, "Actions for token deploy", "Revoke…") },
  { name: "adding a user", at: () => "/settings/users?new=1", then: (_, page) => dialog(page) },
  { name: "users with some in it", at: () => "/settings/users", then: async ({ server }, page) => { await server.api.done("POST", "/users", { name: "jane", role: "operator" }); await page.reload(); await page.getByText("jane", { exact: true }).first().waitFor(); } },
  { name: "making an admin token", at: () => "/settings/admin-tokens?new=1", then: (_, page) => dialog(page) },
  { name: "palette", whole: true, at: () => "/", then: (_, page) => palette(page, "lab") },
  { name: "palette that finds nothing", at: () => "/", then: async (_, page) => { await palette(page, "nothing at all"); await page.getByText("Nothing is called so.").waitFor(); } },
  { name: "menu of who is signed in", at: () => "/", then: async (_, page) => { await page.getByRole("button", { name: /^Signed in as/ }).click(); await page.getByRole("menu").waitFor(); } },
  { name: "copy as a command", at: () => "/apps", then: async (_, page) => { await page.getByRole("button", { name: /^Copy as/ }).first().click(); await dialog(page); await press(page, "curl"); } },
  ...["plugins", "apps", "edges"].map((kind) => ({ name: `none of these ${kind}`, at: () => `/${kind}/4711`, expected: [/^404 GET \/api\/v1\/\w+\/4711/], then: () => undefined })),
  { name: "no such revision", at: () => "/changes/4711", expected: [/^404 GET \/api\/v1\/revisions/], then: () => undefined },
  { name: "no such tab", at: ({ lab }) => `/plugins/${lab}/nothing`, then: (_, page) => page.getByText("There is no such tab").waitFor() },
  { name: "an edge to join", whole: true, fleet: true, at: () => "/edges/new", then: async (_, page) => { await page.getByRole("textbox", { name: /^Name\b/ }).fill("rome-1"); await press(page, "Get the command"); await page.getByTestId("join-command").waitFor(); } },
];

let browser;
let worlds;
before(async () => {
  const [alone, fleet] = await Promise.all([populatedGateway(), populatedControlPlane()]);
  const brokenCommand = alone.gateway.script("ends", "echo no license for this machine >&2; exit 3");
  worlds = [{ ...alone, server: alone.gateway, brokenCommand }, { ...fleet, server: fleet.control }];
  browser = await startBrowser();
  for (const world of worlds) {
    world.visitor = await Visitor.come(browser, world.server);
    await world.visitor.signIn(world.server.api.token);
  }
});
after(async () => {
  await browser?.close();
  await worlds?.[1].edge.stop();
  for (const world of worlds ?? []) await world.server.stop();
});

/** Away from a page whose edits would be asked about, and what dialogs hold closed. */
async function startOver(visitor) {
  await visitor.page.goto("about:blank");
}

for (const { name, at, then, whole, fleet, expected } of SCENES) {
  test(`scene: ${name}`, async () => {
    const world = worlds[fleet ? 1 : 0];
    const { visitor } = world;
    visitor.forget();
    await visitor.open(at(world));
    await then(world, visitor.page);
    const found = await look(visitor, `scene-${name.replaceAll(" ", "-")}`, whole ? ALL_VIEWS : TWO_VIEWS);
    assert.deepEqual([...found, ...visitor.leftOver(expected)], []);
    await startOver(visitor);
  });
}

test("scene: navigation on a phone", async () => {
  const [world] = worlds;
  const visitor = await Visitor.come(browser, world.server, { size: "narrow", theme: "dark" });
  await visitor.signIn(world.server.api.token);
  await visitor.page.getByRole("button", { name: "Open the navigation" }).click();
  await visitor.page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Traffic" }).waitFor();
  await visitor.picture("scene-navigation-dark-narrow");
  assert.deepEqual([...(await visitor.axe()), ...visitor.leftOver()], []);
  await visitor.leave();
});

test("scene: a session that ended keeps what is on the page", async () => {
  const [world] = worlds;
  const visitor = await Visitor.come(browser, world.server);
  await visitor.signIn(world.server.api.token);
  await visitor.open(`/plugins/${world.echo}/configuration`);
  await visitor.page.getByLabel(/custom_content/i).fill("Typed with care");
  await visitor.context.clearCookies();
  await press(visitor.page, "Review and save");
  await press(visitor.page.locator("dialog"), "Back to editing");
  await visitor.page.getByText("Your session has ended").waitFor();
  assert.equal(await visitor.page.getByLabel(/custom_content/i).inputValue(), "Typed with care");
  const found = await look(visitor, "scene-session-ended", TWO_VIEWS);
  assert.deepEqual([...found, ...visitor.leftOver([/^401 /])], []);
  await visitor.leave();
});

test("scene: sign-ins that fail say why, and keep the name that was typed", async () => {
  const visitor = await Visitor.come(browser, worlds[0].server);
  const { page } = visitor;
  await visitor.open("/sign-in");
  await page.getByLabel(/^Name/).fill("jane");
  await page.getByRole("textbox", { name: /^Password/ }).fill("not the password");
  await page.getByRole("button", { name: /^Sign in/ }).click();
  await page.getByRole("alert").waitFor();
  assert.equal(await page.getByLabel(/^Name/).inputValue(), "jane");
  const found = await look(visitor, "scene-sign-in-refused", TWO_VIEWS);
  assert.deepEqual([...found, ...visitor.leftOver([/^401 POST \/api\/v1\/session/])], []);
  await visitor.leave();
});

/** What shows something else while there is nothing. */
const EMPTY = ["/", "/plugins", "/routes", "/apps", "/apps/tokens", "/traffic/hour", "/traffic/requests", "/changes", "/settings/admin-tokens"];

test("scene: a gateway with nothing in it, whose console may only read, and which goes away", async () => {
  const gateway = await Gateway.start({ SIDEGATE_CONSOLE_READ_ONLY: "true" });
  const visitor = await Visitor.come(browser, gateway);
  try {
    await visitor.signIn(gateway.api.token);
    for (const path of EMPTY) {
      await visitor.open(path);
      await visitor.page.getByText("The console only reads here").waitFor();
      const found = await look(visitor, `scene-empty${path.replaceAll("/", "-")}`, TWO_VIEWS);
      assert.deepEqual([...found, ...visitor.leftOver()], [], path);
      assert.equal(await visitor.page.getByRole("link", { name: /^(Add|Register) a/ }).count(), 0, `${path} leads to nothing that would be refused`);
    }
    await gateway.process.stop();
    // The browser says by itself that nobody answers; the page says what to do.
    await visitor.page.getByText("Reconnecting…").waitFor();
    await visitor.page.getByRole("link", { name: "Apps", exact: true }).click();
    await visitor.page.getByRole("alert").getByText(/does not answer/).waitFor();
    assert.deepEqual(await look(visitor, "scene-gateway-gone", TWO_VIEWS), []);
  } finally {
    await visitor.leave();
    await gateway.stop();
  }
});
