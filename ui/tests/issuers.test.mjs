// Trusting an issuer in the console: it is added, its clients are bound to apps, and it is removed; who may not do it sees why.

import assert from "node:assert/strict";
import { eventually } from "./support/eventually.mjs";
import { pluginCommand } from "./support/gateway.mjs";
import { flows } from "./support/start.mjs";

const flow = flows();

flow("an admin trusts an issuer, binds its clients to apps, and trusts it no more", {}, async ({ api, come }) => {
  await api.done("POST", "/apps", { name: "billing", owner_email: "ops@example.com" });
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open("/apps/issuers");
  await page.getByRole("heading", { name: "No issuer is trusted" }).waitFor();
  await page.getByRole("button", { name: "Trust an issuer" }).first().click();
  const drawer = page.getByRole("dialog");
  await drawer.getByLabel(/^Name/).fill("corp");
  await drawer.getByLabel(/^Address/).fill("https://id.example.com/realms/main");
  await drawer.getByLabel(/^JWTs are for/).fill("https://gw.example.com/plugins/{slug}\nhttps://gw.example.com/plugins/{slug}/*");
  await drawer.getByRole("button", { name: "Trust it" }).click();
  await page.getByText("corp is trusted.").first().waitFor();
  const listed = async () => (await api.ask("GET", "/issuers")).body.data.map(({ attributes }) => attributes);
  const [corp] = await listed();
  assert.deepEqual([corp.name, corp.url, corp.audiences.length, corp.allow_private], ["corp", "https://id.example.com/realms/main", 2, false]);

  await page.getByRole("button", { name: "Actions for corp" }).click();
  await page.getByRole("menuitem", { name: "Bind clients to apps…" }).click();
  await drawer.getByLabel(/^Client/).fill("web-shop");
  await drawer.getByLabel("App").selectOption("billing");
  await drawer.getByRole("button", { name: "Save" }).click();
  await page.getByText("web-shop").first().waitFor();
  assert.deepEqual((await listed())[0].clients, { "web-shop": "billing" });
  await page.getByRole("button", { name: "Actions for corp" }).click();
  await page.getByRole("menuitem", { name: "Bind clients to apps…" }).click();
  await drawer.getByRole("button", { name: "Unbind web-shop" }).click();
  await drawer.getByRole("button", { name: "Save" }).click();
  await page.getByText("No client speaks for an app").waitFor();
  assert.deepEqual((await listed())[0].clients, {});

  await page.getByRole("button", { name: "Actions for corp" }).click();
  await page.getByRole("menuitem", { name: "Remove…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await page.getByRole("heading", { name: "No issuer is trusted" }).waitFor();
  assert.deepEqual(await listed(), []);
});

flow("what the gateway refuses of an issuer stands at its field", { expected: [/^400 POST \/api\/v1\/issuers/] }, async ({ api, come }) => {
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open("/apps/issuers?new=1");
  const drawer = page.getByRole("dialog");
  await drawer.getByLabel(/^Name/).fill("near");
  await drawer.getByLabel(/^Address/).fill("http://127.0.0.1:9000");
  await drawer.getByRole("button", { name: "Trust it" }).click();
  await drawer.getByText(/needs allow_private/).first().waitFor();
});

flow("an issuer of client certificates is named without JWTs, and nobody who vouches is told", {}, async ({ api, come }) => {
  await api.done("POST", "/apps", { name: "billing", owner_email: "ops@example.com" });
  await api.addPlugin({ name: "echo", slug: "echo", command: pluginCommand("echo"), options: { issuers: "machines" } });
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open("/apps/issuers?new=1");
  const drawer = page.getByRole("dialog");
  await drawer.getByLabel(/^Name/).fill("machines");
  await drawer.getByLabel(/^Address/).fill("tls:machines");
  await drawer.getByLabel(/^JWTs are for/).waitFor({ state: "detached" });
  await drawer.getByLabel(/^Scopes/).fill("files.read");
  await drawer.getByRole("button", { name: "Trust it" }).click();
  await page.getByText("machines is trusted.").first().waitFor();
  await page.getByRole("button", { name: "Actions for machines" }).click();
  await page.getByRole("menuitem", { name: "Bind clients to apps…" }).click();
  await drawer.getByText("A client is what its certificate says").waitFor();
  await drawer.getByLabel(/^Client/).fill("uri:spiffe://corp/billing");
  await drawer.getByLabel("App").selectOption("billing");
  await drawer.getByRole("button", { name: "Save" }).click();
  const [machines] = (await api.ask("GET", "/issuers")).body.data.map(({ attributes }) => attributes);
  assert.deepEqual([machines.audiences, machines.scopes], [[], ["files.read"]]);
  await eventually("the page tells what is missing", async () => {
    await visitor.open("/apps/issuers");
    return page.getByText("Nobody vouches").first().isVisible();
  });
});

flow("apps of new clients are bounded and owned", {}, async ({ api, come }) => {
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open("/apps/issuers?new=1");
  const drawer = page.getByRole("dialog");
  await drawer.getByLabel(/^Name/).fill("corp");
  await drawer.getByLabel(/^Address/).fill("https://id.example.com");
  await drawer.getByLabel(/^Apps of new clients/).fill("20");
  await drawer.getByLabel(/^Their owner/).fill("ops@example.com");
  await drawer.getByRole("button", { name: "Trust it" }).click();
  await page.getByText("corp is trusted.").first().waitFor();
  const [corp] = (await api.ask("GET", "/issuers")).body.data.map(({ attributes }) => attributes);
  assert.deepEqual([corp.create_apps, corp.create_apps_owner, corp.create_apps_rate_limit], [20, "ops@example.com", 60]);
});
