// Chromium with script switched off: signing in, consent and signing out, and nothing that the policy complains of.

import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { chromium } from "playwright-core";
import { CHROMIUM } from "../../../../ui/tests/support/chromium.mjs";
import { eventually } from "../../../../ui/tests/support/eventually.mjs";
import { clientOf, plain, tokens } from "./support/clients.mjs";
import { ANN, Provider } from "./support/provider.mjs";

let provider, browser;
before(async () => {
  provider = await Provider.start();
  browser = await chromium.launch(CHROMIUM);
});
after(async () => {
  await browser?.close();
  await provider?.stop();
});

/** A page without script, and what the browser complains of. */
async function visit() {
  const context = await browser.newContext({ javaScriptEnabled: false });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => complaints.push(message.text()));
  const devtools = await context.newCDPSession(page);
  devtools.on("Audits.issueAdded", ({ issue }) => complaints.push(issue.code));
  devtools.on("Log.entryAdded", ({ entry }) => complaints.push(entry.text));
  await devtools.send("Audits.enable");
  await devtools.send("Log.enable");
  return { context, page, complaints };
}

async function signIn(page) {
  await page.getByLabel("Name").fill(ANN.name);
  await page.getByLabel("Password").fill(ANN.password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

test("somebody signs in, allows, and signs out, without script and without a complaint", async () => {
  const { context, page, complaints } = await visit();
  await page.goto(plain(provider).url.href);
  await signIn(page);
  await page.getByRole("button", { name: "Allow" }).click();
  await page.waitForURL((url) => url.origin === provider.app);
  assert.ok(new URL(page.url()).searchParams.get("code"), page.url());
  await page.getByRole("heading", { name: "Welcome back" }).waitFor();
  // Consent is remembered: the form of the sign-in leads on to the application at once.
  await page.goto(plain(provider, { prompt: "login" }).url.href);
  await signIn(page);
  await page.waitForURL((url) => url.origin === provider.app);
  await page.goto(`${provider.at("end-session")}?client_id=web&post_logout_redirect_uri=${encodeURIComponent(`${provider.app}/bye`)}`);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(`${provider.app}/bye`);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("the style is taken, and what else there could be is not", async () => {
  const { context, page } = await visit();
  await page.goto(plain(provider).url.href);
  const box = await page.locator("main").boundingBox();
  assert.ok(box.width <= 400 && box.x > 100, `the page has its style: ${JSON.stringify(box)}`);
  await context.close();
});

test("a page of the provider within another page stays empty", async () => {
  const { context, page, complaints } = await visit();
  await page.setContent(`<iframe src="${plain(provider).url.href.replaceAll("&", "&amp;")}"></iframe>`);
  await eventually("the browser says why", () => complaints.some((text) => /frame|ContentSecurityPolicyIssue|BlockedByResponse/i.test(text)));
  assert.equal(await page.frameLocator("iframe").getByLabel("Password").count(), 0);
  await context.close();
});

test("an application of a page signs in from another origin", async () => {
  // What a library in a page does after the redirect: it asks for tokens from its own origin.
  const config = await clientOf(provider, "native");
  const got = await tokens(provider, config, { redirect_uri: `${provider.app}/cb` });
  const page = await browser.newPage();
  await page.goto(provider.app);
  const ask = async ([url, token]) => (await fetch(url, { headers: { authorization: `Bearer ${token}` } })).json();
  assert.equal((await page.evaluate(ask, [provider.at("userinfo"), got.access_token])).sub, "user-1");
  await page.close();
});

test("a script of another page of this host gets no form", async () => {
  const page = await browser.newPage();
  const { href } = plain(provider, { prompt: "consent" }).url;
  await page.goto(href);
  await signIn(page);
  await page.getByRole("button", { name: "Allow" }).waitFor();
  await page.goto(`${provider.gateway.clients}/plugins/another/page`);
  const ask = async (url) => {
    const answer = await fetch(url);
    return [answer.status, (await answer.text()).includes("<form")];
  };
  assert.deepEqual(await page.evaluate(ask, href), [403, false]);
  await page.close();
});
