// The console's sign-in by way of a provider that nobody here wrote: oidc-provider, with its own pages for signing in and
// consent, which asks for PKCE, tells groups at userinfo, and names itself in its answers.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import * as oidc from "oidc-provider";
import { chromium } from "playwright-core";
import { CHROMIUM } from "../../../../ui/tests/support/chromium.mjs";
import { freePort } from "../../../../ui/tests/support/free-port.mjs";
import { Gateway } from "../../../../ui/tests/support/gateway.mjs";

const GROUPS = { ann: ["staff", "ops"], bob: [] };
let browser, server, gateway, folder, issuer;

before(async () => {
  const admin = await freePort();
  server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new oidc.Provider(issuer, {
    clients: [{
      client_id: "console",
      client_secret: "a secret: with/odd+letters%",
      // It takes addresses of this machine for native applications only.
      application_type: "native",
      redirect_uris: [`http://localhost:${admin}/console/sign-in/npm`],
      token_endpoint_auth_method: "client_secret_basic",
    }],
    pkce: { required: () => true },
    scopes: ["openid", "profile", "groups"],
    claims: { openid: ["sub"], profile: ["preferred_username"], groups: ["groups"] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: id, groups: GROUPS[id] }) }),
    cookies: { keys: ["a-key-of-a-test"] },
  });
  server.on("request", provider.callback());
  folder = mkdtempSync(join(tmpdir(), "sgnpm"));
  const file = join(folder, "providers.toml");
  writeFileSync(file, [
    "[[provider]]", 'name = "npm"', 'title = "oidc-provider"', `issuer = "${issuer}"`, 'client_id = "console"',
    'client_secret = "a secret: with/odd+letters%"', 'scopes = ["profile", "groups"]', "allow_private = true",
    "[provider.roles]", 'staff = "viewer"', 'ops = "operator"',
  ].join("\n"));
  gateway = await Gateway.start({ ADMIN_PORT: String(admin), SIDEGATE_CONSOLE_ORIGIN: `http://localhost:${admin}`, SIDEGATE_CONSOLE_OIDC_FILE: file });
  browser = await chromium.launch(CHROMIUM);
});
after(async () => {
  await browser?.close();
  await gateway?.stop();
  server?.closeAllConnections();
  server?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function come(name) {
  const context = await browser.newContext();
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  await page.goto(gateway.page("/sign-in"));
  await page.getByRole("button", { name: "Sign in with oidc-provider" }).click();
  await page.locator("input[name=login]").fill(name);
  await page.locator("input[name=password]").fill("anything");
  await page.locator("button[type=submit]").click();
  await page.waitForURL(/interaction/);
  await page.locator("button[type=submit]").click();
  return { context, page };
}

test("somebody signs in by way of oidc-provider, as the strongest of their groups", async () => {
  const { context, page } = await come("ann");
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
  const { data } = (await gateway.api.ask("GET", "/users")).body;
  assert.deepEqual(data.map(({ attributes: user }) => [user.name, user.role, user.issuer]), [["ann@npm", "operator", issuer]]);
  await context.close();
});

test("whoever has no group there is told why they are not in", async () => {
  const { context, page } = await come("bob");
  await page.getByText("none of your groups may use this console").waitFor();
  await context.close();
});
