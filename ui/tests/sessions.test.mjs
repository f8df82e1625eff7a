// A session in a real browser: what it has beside the cookie, who gets it, and that a page alone does not keep it.

import assert from "node:assert/strict";
import { flows } from "./support/start.mjs";

const flow = flows();

const keyOf = (page) => page.evaluate(() => localStorage.getItem("sidegate.session"));

flow("a session has a key that the cookie does not hold, works in another tab, and goes with signing out", { expected: [/^401 /] }, async ({ gateway, api, come }) => {
  const visitor = await come();
  const { page, context } = visitor;
  const asked = [];
  page.on("request", (request) => {
    const { pathname } = new URL(request.url());
    if (pathname.startsWith("/api/v1/") && pathname !== "/api/v1/session") asked.push(request.headers()["x-sidegate-session"]);
  });
  await visitor.signIn(api.token);
  const key = await keyOf(page);
  assert.match(key, /^[\w-]{43}$/);
  const cookies = await context.cookies();
  assert.ok(cookies.every((cookie) => !cookie.value.includes(key)));
  await visitor.open("/traffic");
  assert.ok(asked.length > 0 && asked.slice(-3).every((shown) => shown === key), `${asked}`);

  const tab = await context.newPage();
  await tab.goto(gateway.page("/apps"));
  await tab.getByRole("heading", { level: 1, name: "Apps" }).waitFor();
  // Whoever has the cookie alone, as a program on another port has, has nothing.
  const alone = await page.evaluate(async () => (await fetch("/api/v1/whoami")).status);
  assert.equal(alone, 401);
  await page.getByRole("button", { name: /^Signed in as/ }).click();
  await page.getByRole("menuitem", { name: "Sign out", exact: true }).click();
  await page.waitForURL(/\/sign-in/);
  assert.equal(await keyOf(page), null);
  assert.equal(await keyOf(tab), null);
});

flow("a page that nobody looks at asks on and does not keep its session", { settings: { SIDEGATE_CONSOLE_IDLE_TIMEOUT: "8s" }, expected: [/^401 /] }, async ({ api, come }) => {
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  let byThemselves = 0;
  page.on("request", (request) => {
    if (request.headers()["x-sidegate-background"] === "1") byThemselves += 1;
  });
  // It asks every two seconds. While somebody types, the session goes on past its idle time.
  await visitor.open("/traffic/requests");
  const until = Date.now() + 12_000;
  while (Date.now() < until) {
    await page.keyboard.press("Shift");
    await page.waitForTimeout(500);
  }
  assert.notEqual(await keyOf(page), null);
  await page.getByText("Your session has ended.").waitFor({ timeout: 60_000 });
  assert.ok(byThemselves > 0);
  assert.equal(await keyOf(page), null);
  // It would have asked every two seconds, and each time would have been noted as an attempt.
  const asksOn = page.waitForRequest((request) => new URL(request.url()).pathname.startsWith("/api/v1/"), { timeout: 5_000 });
  await assert.rejects(asksOn, /Timeout/);
});
