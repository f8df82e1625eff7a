// The page of the OpenID Connect provider, which is a plugin: an operator makes a user and a client there, and these sign in.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { eventually } from "./support/eventually.mjs";
import { freePort } from "./support/free-port.mjs";
import { pluginCommand } from "./support/gateway.mjs";
import { look } from "./support/plugin_pages.mjs";
import { flows } from "./support/start.mjs";

const flow = flows();
const PORT = await freePort();

async function provider(world) {
  const issuer = `http://localhost:${PORT}/plugins/oidc`;
  const added = await world.api.addPlugin({ name: "oidc", slug: "oidc", command: pluginCommand("oidc"), config: { slug: "oidc", issuer }, service_scopes: ["kv.readwrite", "plugins.write"] });
  await eventually("the provider answers", async () => (await fetch(`${issuer}/jwks`)).ok);
  return { issuer, id: added.id };
}

/** Where an application gets its codes. */
async function application() {
  const server = createServer((_, response) => response.setHeader("content-type", "text/html").end("<!doctype html><title>app</title><link rel=icon href=data:,><h1>Welcome</h1>"));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  return `http://127.0.0.1:${server.address().port}`;
}

flow("an operator makes a user and a client on the provider's page, and signs in with them", { settings: { PORT: String(PORT) } }, async (world) => {
  const { issuer, id } = await provider(world);
  const { frame, page, visitor } = await look(world, id, { token: await world.api.adminToken("ops", "operator"), path: "oidc/people" });
  // Asks before all that cannot be taken back.
  page.on("dialog", (dialog) => dialog.accept());
  const once = async (what) => {
    await frame.getByText(`The ${what} of`).waitFor();
    return frame.locator(".once code").innerText();
  };
  const users = frame.locator("form[data-does=add_user]");
  await users.getByLabel("Name", { exact: true }).fill("ann");
  await users.getByLabel("Groups").fill("ops, staff");
  await users.getByRole("button", { name: "Add user" }).click();
  const password = await once("password");
  const app = await application();
  const clients = frame.locator("form[data-does=add_client]");
  await clients.getByLabel("Id", { exact: true }).fill("shop");
  await clients.getByLabel("Redirect addresses").fill(`${app}/cb`);
  await clients.getByRole("button", { name: "Add client" }).click();
  const secret = await once("secret");
  await frame.getByRole("button", { name: "New secret: shop" }).waitFor();
  // The configuration has both, the history says whose change it was, and neither shows what is secret.
  const { attributes } = await world.api.done("GET", `/plugins/${id}`);
  assert.deepEqual(attributes.config.users.map((user) => [user.name, user.groups]), [["ann", ["ops", "staff"]]]);
  assert.ok(!JSON.stringify(attributes).includes("argon2id"));
  const audit = JSON.stringify((await world.api.ask("GET", "/audit?limit=50")).body);
  assert.ok(audit.includes("update_plugin_config") && !audit.includes(password) && !audit.includes(secret));

  const verifier = randomBytes(32).toString("base64url");
  const query = new URLSearchParams({ client_id: "shop", redirect_uri: `${app}/cb`, response_type: "code", scope: "openid profile groups", state: "s", code_challenge: createHash("sha256").update(verifier).digest("base64url"), code_challenge_method: "S256" });
  const person = await visitor.context.newPage();
  await person.goto(`${issuer}/authorize?${query}`);
  await person.getByLabel("Name").fill("ann");
  await person.getByLabel("Password").fill(password);
  await person.getByRole("button", { name: "Sign in" }).click();
  await person.getByRole("button", { name: "Allow" }).click();
  await person.getByRole("heading", { name: "Welcome" }).waitFor();
  const code = new URL(person.url()).searchParams.get("code");
  const authorization = `Basic ${Buffer.from(`shop:${secret}`).toString("base64")}`;
  const tokens = await (await fetch(`${issuer}/token`, { method: "POST", headers: { authorization }, body: new URLSearchParams({ grant_type: "authorization_code", code, redirect_uri: `${app}/cb`, code_verifier: verifier }) })).json();
  const userinfo = async () => fetch(`${issuer}/userinfo`, { headers: { authorization: `Bearer ${tokens.access_token}` } });
  const told = await (await userinfo()).json();
  assert.deepEqual([told.preferred_username, told.groups], ["ann", ["ops", "staff"]]);
  assert.notEqual(told.sub, "ann", "whoever gets the name again is not her");

  // All of hers ends where the operator says so; then she may not even sign in.
  await frame.getByRole("button", { name: "End sessions: ann" }).click();
  await frame.getByText("Sessions and grants of ann ended.").waitFor();
  assert.equal((await userinfo()).status, 401);
  await frame.getByRole("button", { name: "Switch off: ann" }).click();
  await frame.getByText("ann is switched off.").waitFor();
  await person.goto(`${issuer}/authorize?${query}`);
  await person.getByLabel("Name").fill("ann");
  await person.getByLabel("Password").fill(password);
  await person.getByRole("button", { name: "Sign in" }).click();
  await person.getByText("Name or password is wrong.").waitFor();
  await person.close();
});

flow("without its scope the page of the provider says what is missing", { settings: { PORT: String(PORT) }, expected: [/^502 POST .*\/rpc\/add_user$/] }, async (world) => {
  const { id } = await provider(world);
  await world.api.done("POST", `/plugins/${id}/revoke`, { scopes: ["plugins.write"] });
  const { frame } = await look(world, id, { path: "oidc/people" });
  const users = frame.locator("form[data-does=add_user]");
  await users.getByLabel("Name", { exact: true }).fill("ann");
  await users.getByRole("button", { name: "Add user" }).click();
  await frame.getByText("plugins.write").waitFor();
});
