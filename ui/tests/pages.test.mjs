// Every page that the router knows, in both themes, wide and narrow, and for whoever only looks: no complaint, nothing that axe finds, and a picture of each.

import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { startBrowser, Visitor } from "./support/browser.mjs";
import { look, TWO_VIEWS } from "./support/look.mjs";
import { allRoutes, pluginTabs } from "./support/routes.mjs";
import { isLive, populatedControlPlane, populatedGateway } from "./support/world.mjs";

// A page and where it is: the route in the router's words, then addresses for it. A route without a row fails.
const ALONE = (world) => ({ ...world, is: "gateway" });
const FLEET = (world) => ({ ...world, is: "control" });
const ROWS = {
  "/sign-in": [ALONE({ at: () => "/sign-in", signedOut: true })],
  "/sign-in/$provider": [ALONE({ at: () => "/sign-in/corp", signedOut: true, name: "sign-in by a provider" })],
  "/": [ALONE({ at: () => "/" })],
  "/plugins": [ALONE({ at: () => "/plugins" })],
  "/plugins/new": [ALONE({ at: () => "/plugins/new" })],
  "/plugins/$id": [ALONE({ at: ({ lab }) => `/plugins/${lab}` }), ALONE({ at: ({ broken }) => `/plugins/${broken}`, name: "plugin that is broken" })],
  "/plugins/$id/$tab": pluginTabs().map((tab) => ALONE({ at: ({ lab }) => `/plugins/${lab}/${tab}`, name: `plugins tab ${tab}` })).concat(ALONE({ at: ({ lab }) => `/plugins/${lab}/endpoints`, name: "a request that is tried", then: tried })),
  "/plugins/$id/pages/$": [ALONE({ at: ({ echo }) => `/plugins/${echo}/pages/echo/content` })],
  "/routes": [ALONE({ at: () => "/routes" }), ALONE({ at: () => "/routes?path=/plugins/lab/sse", name: "routes explained" })],
  "/apps": [ALONE({ at: () => "/apps" })],
  "/apps/new": [ALONE({ at: () => "/apps/new" })],
  "/apps/tokens": [ALONE({ at: () => "/apps/tokens" })],
  "/apps/issuers": [ALONE({ at: () => "/apps/issuers" }), FLEET({ at: () => "/apps/issuers", name: "issuers that are none" })],
  "/apps/$id": [ALONE({ at: ({ app }) => `/apps/${app}` })],
  "/apps/$id/settings": [ALONE({ at: ({ app }) => `/apps/${app}/settings` })],
  "/traffic": [ALONE({ at: () => "/traffic", name: "traffic that has not begun" }), ALONE({ at: () => "/traffic", then: traffic })],
  "/traffic/requests": [ALONE({ at: () => "/traffic/requests" })],
  "/traffic/hour": [ALONE({ at: () => "/traffic/hour" })],
  "/edges": [FLEET({ at: () => "/edges" }), ALONE({ at: () => "/edges", name: "edges of none" })],
  "/edges/new": [FLEET({ at: () => "/edges/new" })],
  "/edges/namespaces": [FLEET({ at: () => "/edges/namespaces" })],
  "/edges/$id": [FLEET({ at: ({ edgeId }) => `/edges/${edgeId}` })],
  "/changes": [ALONE({ at: () => "/changes" })],
  "/changes/audit": [ALONE({ at: () => "/changes/audit" })],
  "/changes/$revision": [ALONE({ at: ({ revision }) => `/changes/${revision}` })],
  "/reference": [ALONE({ at: () => "/reference" })],
  "/reference/$operation": [ALONE({ at: () => "/reference/create_app" })],
  "/settings": [ALONE({ at: () => "/settings" })],
  "/settings/users": [ALONE({ at: () => "/settings/users" })],
  "/settings/admin-tokens": [ALONE({ at: () => "/settings/admin-tokens" })],
  "/settings/sessions": [ALONE({ at: () => "/settings/sessions" })],
};

/** Tries a request, whose answer is looked at. */
async function tried(_, { page }) {
  await page.getByRole("button", { name: "Try it: /*" }).click();
  await page.locator("dialog").getByRole("button", { name: "Send" }).click();
  await page.getByRole("region", { name: "The answer" }).waitFor();
}

/** Lets some requests end while their page is looked at. */
async function traffic({ gateway }, { page }) {
  await isLive(page);
  for (const path of ["/plugins/lab/status/200", "/plugins/lab/status/404", "/plugins/lab/status/500", "/plugins/lab/sse?n=1"]) {
    await fetch(gateway.clients + path).then((answer) => answer.text());
  }
  await page.getByText("/plugins/lab/status/500").first().waitFor();
}

let browser;
let worlds;
before(async () => {
  const [alone, fleet] = await Promise.all([populatedGateway(), populatedControlPlane()]);
  worlds = { gateway: { ...alone, server: alone.gateway }, control: { ...fleet, server: fleet.control } };
  browser = await startBrowser();
  for (const world of Object.values(worlds)) {
    world.visitor = await Visitor.come(browser, world.server);
    await world.visitor.signIn(world.server.api.token);
    world.viewer = await Visitor.come(browser, world.server);
    await world.viewer.signIn(await world.server.api.adminToken("looker", "viewer"));
  }
});
after(async () => {
  await browser?.close();
  await worlds?.control.edge.stop();
  await worlds?.control.control.stop();
  await worlds?.gateway.gateway.stop();
});

test("every route has a test here, and every test a route", () => {
  assert.deepEqual(Object.keys(ROWS).sort(), [...new Set(allRoutes())].sort());
});

const titleOf = (route, name) => name ?? (route.replace(/[/$]+/g, " ").trim() || "overview");

for (const [route, rows] of Object.entries(ROWS)) {
  for (const { is, at, then, signedOut, name, expected } of rows) {
    const title = titleOf(route, name);
    test(`page: ${title}`, async () => {
      const world = worlds[is];
      const visitor = signedOut ? await Visitor.come(browser, world.server) : world.visitor;
      visitor.forget();
      await visitor.open(at(world));
      await then?.(world, visitor);
      const found = await look(visitor, title.replaceAll(" ", "-"));
      assert.deepEqual([...found, ...visitor.leftOver(expected)], []);
      if (signedOut) await visitor.leave();
    });
    // What somebody does on a page may need more than to look.
    if (signedOut || then) continue;
    test(`page for a viewer: ${title}`, async () => {
      const world = worlds[is];
      const { viewer } = world;
      viewer.forget();
      await viewer.open(at(world));
      const found = await look(viewer, `viewer-${title.replaceAll(" ", "-")}`, TWO_VIEWS);
      // A page does not ask what it knows to be refused.
      assert.deepEqual([...found, ...viewer.leftOver(expected)], []);
    });
  }
}

test("a page that is not there says so, inside the console and out", async () => {
  const { visitor, server } = worlds.gateway;
  await visitor.open("/no/such/page");
  await visitor.page.getByRole("heading", { name: "No such page" }).waitFor();
  await visitor.page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Plugins" }).waitFor();
  assert.deepEqual(await look(visitor, "no-such-page"), []);
  const api = await server.api.ask("GET", "/no-such-operation");
  assert.equal(api.status, 404);
  assert.equal(api.body.code, "not_found");
});
