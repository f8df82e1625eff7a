// Signing in at another provider, oidc-provider, by way of ours: without script, and only for who is linked there.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import test, { after, before } from "node:test";
import * as oidc from "oidc-provider";
import { chromium } from "playwright-core";
import { CHROMIUM } from "../../../../ui/tests/support/chromium.mjs";
import { plain } from "./support/clients.mjs";
import { configuration, Provider } from "./support/provider.mjs";

let browser, server, provider;

before(async () => {
  server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  const issuer = `http://127.0.0.1:${server.address().port}`;
  provider = await Provider.start();
  const upstream = new oidc.Provider(issuer, {
    clients: [{
      client_id: "gateway",
      client_secret: "a secret: with/odd+letters%",
      // It takes addresses of this machine for native applications only.
      application_type: "native",
      redirect_uris: [`${provider.issuer}/upstream/npm`],
      token_endpoint_auth_method: "client_secret_basic",
    }],
    pkce: { required: () => true },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: "ann", email: "ann@example.com" }) }),
    cookies: { keys: ["a-key-of-a-test"] },
  });
  server.on("request", upstream.callback());
  const { users } = configuration(provider.app);
  await provider.change({
    users: [...users, { name: "eve", identities: [{ issuer, sub: "248289761001" }] }],
    upstreams: [{ name: "npm", title: "oidc-provider", issuer, client_id: "gateway", client_secret: "a secret: with/odd+letters%" }],
    upstream_private_addresses: true,
  });
  browser = await chromium.launch(CHROMIUM);
});
after(async () => {
  await browser?.close();
  await provider?.stop();
  server?.closeAllConnections();
  server?.close();
});

/** Somebody who signs in there as this, up to where the browser comes back with the answer. */
async function come(sub, { stop = false } = {}) {
  const context = await browser.newContext({ javaScriptEnabled: false });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  await page.goto(plain(provider).url.href);
  await page.getByRole("link", { name: "Sign in with oidc-provider" }).click();
  await page.locator("input[name=login]").fill(sub);
  await page.locator("input[name=password]").fill("anything");
  await page.locator("button[type=submit]").click();
  await page.waitForURL(/interaction/);
  if (!stop) {
    await page.locator("button[type=submit]").click();
    return { context, page };
  }
  // Where redirects lead only the browser's own tools can be stopped.
  const devtools = await context.newCDPSession(page);
  await devtools.send("Fetch.enable", { patterns: [{ urlPattern: "*/upstream/npm?*" }] });
  const stopped = new Promise((resolve) => devtools.once("Fetch.requestPaused", resolve));
  await page.locator("button[type=submit]").click({ noWaitAfter: true });
  const { requestId, request } = await stopped;
  await devtools.send("Fetch.failRequest", { requestId, errorReason: "Aborted" });
  await devtools.send("Fetch.disable");
  return { context, page, answer: request.url };
}

test("somebody who is linked signs in by way of another provider, without script", async () => {
  const { context, page } = await come("248289761001");
  await page.getByText("eve").waitFor();
  await page.getByRole("button", { name: "Allow" }).click();
  await page.waitForURL((url) => url.origin === provider.app);
  assert.ok(new URL(page.url()).searchParams.get("code"), page.url());
  await context.close();
});

test("U-02 a name and an address of mail link nobody", async () => {
  const { context, page } = await come("somebody-else");
  await page.getByText('nobody here is linked to "somebody-else"').waitFor();
  assert.equal((await page.goto(page.url())).status(), 401, "U-01 an answer that comes again");
  await context.close();
});

test("U-01 an answer counts for the browser and the sign-in that it belongs to", async () => {
  const { context, page, answer } = await come("248289761001", { stop: true });
  assert.ok(answer, "it came back");
  const other = await browser.newContext({ javaScriptEnabled: false });
  const theirs = await other.newPage();
  assert.equal((await theirs.goto(answer)).status(), 401, "another browser");
  const changed = (name, value) => {
    const url = new URL(answer);
    url.searchParams.set(name, value);
    return url.href;
  };
  assert.equal((await page.goto(changed("iss", "https://evil.example"))).status(), 401, "another provider");
  await other.close();
  await context.close();
  const second = await come("248289761001", { stop: true });
  const wrong = new URL(second.answer);
  wrong.searchParams.set("state", "x".repeat(43));
  assert.equal((await second.page.goto(wrong.href)).status(), 401, "another sign-in");
  assert.equal((await second.page.goto(second.answer)).status(), 200, "which it did not end");
  await second.context.close();
});

test("U-03 links of other pages neither end nor replace a sign-in that is under way", async () => {
  const { context, page, answer } = await come("248289761001", { stop: true });
  const flows = async () => (await context.cookies(answer)).filter(({ name }) => name.includes("_upstream_")).map(({ name, value }) => `${name}=${value}`);
  const before = await flows();
  assert.equal(before.length, 1, before.join("; "));
  const application = new URLSearchParams(plain(provider).url.search);
  const begin = `${provider.issuer}/upstream?${new URLSearchParams({ at: "npm", request: application.toString() })}`;
  const forged = [`${provider.issuer}/upstream/npm`, `${provider.issuer}/upstream/npm?error=access_denied&state=x`, `${provider.issuer}/upstream/npm?code=x&state=${"x".repeat(43)}`];
  const elsewhere = createServer((_, response) => {
    const links = [...forged, begin].map((url, at) => `<a id="l${at}" href="${url.replaceAll("&", "&amp;")}">x</a>`);
    response.writeHead(200, { "content-type": "text/html" }).end(links.join(""));
  });
  await new Promise((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));
  // By this name it is another site for the browser.
  const evil = `http://localhost:${elsewhere.address().port}/`;
  try {
    // More than there may be failures from an address.
    for (let time = 0; time < 3; time++) {
      for (const at of forged.keys()) {
        await page.goto(evil);
        await Promise.all([page.waitForURL(/upstream\/npm/), page.locator(`#l${at}`).click()]);
        await page.getByText("this is no answer to a sign-in").waitFor();
      }
    }
    await page.goto(evil);
    await page.locator(`#l${forged.length}`).click();
    await page.getByRole("link", { name: "Sign in with oidc-provider" }).waitFor();
    assert.equal(new URL(page.url()).pathname, new URL(`${provider.issuer}/authorize`).pathname, "one is asked first");
    assert.deepEqual(await flows(), before);
    // Another one in another tab is no end of it, either.
    await page.getByRole("link", { name: "Sign in with oidc-provider" }).click();
    await page.waitForURL((url) => url.origin !== new URL(provider.issuer).origin);
    const both = await flows();
    assert.ok(both.length === 2 && both.includes(before[0]), "each has a cookie of its own");
    await page.goto(answer);
    // Consent is asked for once; whoever gave it before is at the application.
    await page.getByText("eve").or(page.getByText("Welcome back")).waitFor();
    assert.deepEqual(await flows(), both.filter((one) => one !== before[0]), "it was good once, and the other one goes on");
  } finally {
    elsewhere.closeAllConnections();
    elsewhere.close();
    await context.close();
  }
});
