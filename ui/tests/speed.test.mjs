// How long people wait: for the first page, and for long lists. And that no mouse is needed.

import assert from "node:assert/strict";
import { SIZES } from "./support/browser.mjs";
import { slowness } from "./support/slowness.mjs";
import { flows } from "./support/start.mjs";
import { pluginCommand } from "./support/gateway.mjs";

const flow = flows();
const MANY = 10_000;

/** What a page may ask for before it can be used: more would be felt where the way to the gateway is long. */
const MOST_REQUESTS = 36;
const MOST_BYTES = 200 * 1024;
/** The promise is one second, on the machine itself. */
const LONGEST_MS = 1000;
const VIEWS = 5;
const ROUNDS = 2;

/** One first view by a browser that has nothing of the console but a session: how long it took, and what it asked for. */
async function firstView(visitor, storageState) {
  const context = await visitor.context.browser().newContext({ storageState, viewport: SIZES.wide });
  try {
    const page = await context.newPage();
    const begun = performance.now();
    await page.goto(visitor.gateway.page("/plugins"), { waitUntil: "commit" });
    await page.getByRole("link", { name: "echo", exact: true }).first().waitFor();
    const took = performance.now() - begun;
    const asked = await page.evaluate(() => performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation")).map(({ name, transferSize }) => ({ name, transferSize })));
    return { took, asked, cached: asked.filter(({ transferSize, name }) => transferSize === 0 && !name.includes("/api/")).length };
  } finally {
    await context.close();
  }
}

const median = (numbers) => numbers.toSorted((left, right) => left - right)[Math.floor(numbers.length / 2)];

flow("from the address to a page that can be used takes less than a second", {}, async ({ api, come }) => {
  await api.addPlugin({ name: "echo", slug: "echo", command: pluginCommand("echo") });
  const visitor = await come();
  await visitor.signIn(api.token);
  const storageState = await visitor.context.storageState();
  // How much is asked for is the same on every machine.
  const { asked, cached } = await firstView(visitor, storageState);
  const bytes = asked.reduce((sum, { transferSize }) => sum + transferSize, 0);
  console.log(`# ${asked.length} requests, ${(bytes / 1024).toFixed(0)} kB`);
  assert.equal(cached, 0, "nothing of it was there before");
  assert.ok(asked.length <= MOST_REQUESTS, `${asked.length} requests: ${asked.map(({ name }) => new URL(name).pathname).join(", ")}`);
  assert.ok(bytes <= MOST_BYTES, `${bytes} bytes`);
  // How long it takes is not: on a machine that is shared the second is stretched by as much as any program is, and something that
  // comes in between gets a second round. What became slow is late in both.
  let told = "";
  let inTime = false;
  for (let round = 0; round < ROUNDS && !inTime; round += 1) {
    const [times, stretched] = [[], []];
    for (let view = 0; view < VIEWS; view += 1) {
      stretched.push(slowness());
      times.push((await firstView(visitor, storageState)).took);
      stretched.push(slowness());
    }
    const longest = LONGEST_MS * median(stretched);
    inTime = median(times) < longest;
    told = `interactive after ${times.map((time) => `${time.toFixed(0)} ms`).join(", ")}; ${longest.toFixed(0)} ms are allowed`;
    console.log(`# ${told}`);
  }
  assert.ok(inTime, told);
});

/** Something that is waited for until it is opened. */
function gate() {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return { open, opened };
}

/** Answers for the list of apps: so many could not be registered in the time of a test. */
async function manyApps(page, late) {
  const app = (id) => ({
    type: "app",
    id: String(id),
    attributes: {
      name: `app-${id}`, description: "", owner_email: `team-${id % 100}@example.com`, is_active: id % 7 !== 0, monthly_budget: 0, rate_limit: id,
      metadata: {}, namespace: "", max_staleness: null, managed_by: "", created_at: new Date(id * 1000).toISOString(), updated_at: new Date(id * 1000).toISOString(),
    },
  });
  await page.route(/\/api\/v1\/apps\?/, async (route) => {
    const query = new URL(route.request().url()).searchParams;
    const [number, size] = [Number(query.get("page") ?? 1), Number(query.get("limit") ?? 20)];
    if (number > 1) await late.opened;
    const data = Array.from({ length: size }, (_, index) => app((number - 1) * size + index + 1));
    return route.fulfill({ json: { data, meta: { total_count: MANY, total_pages: MANY / size, page_size: size, page_number: number } } });
  });
}

flow("a list of ten thousand stays quick", {}, async ({ gateway, api, come }) => {
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  const late = gate();
  await manyApps(page, late);
  await page.goto(gateway.page("/apps"));
  await page.getByText(/^The first 100 apps; the others are on their way/).waitFor();
  await page.getByRole("link", { name: "app-1", exact: true }).waitFor();
  late.open();
  await page.getByText(`${MANY} apps`, { exact: false }).first().waitFor();
  assert.ok((await page.locator("tbody tr").count()) < 300, "what is out of sight is not drawn");
  let [told, inTime] = ["", false];
  for (let round = 0; round < ROUNDS && !inTime; round += 1) {
    await page.getByLabel("Search apps").fill("");
    await page.getByRole("link", { name: "app-1", exact: true }).waitFor();
    const [before, begun] = [slowness(), performance.now()];
    await page.getByLabel("Search apps").fill("app-9876");
    await page.getByRole("link", { name: "app-9876", exact: true }).waitFor();
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
    const took = performance.now() - begun;
    const longest = LONGEST_MS * Math.max(before, slowness());
    inTime = took < longest;
    told = `the search of ten thousand rows took ${took.toFixed(0)} ms of ${longest.toFixed(0)}`;
    console.log(`# ${told}`);
  }
  assert.ok(inTime, told);
});

flow("of a long list only the row that changed is read again", {}, async ({ gateway, api, come }) => {
  const app = await api.done("POST", "/apps", { name: "app-1", owner_email: "first@example.com" });
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  const late = gate();
  late.open();
  await manyApps(page, late);
  await page.goto(gateway.page("/apps"));
  await page.getByText(`${MANY} apps`, { exact: false }).first().waitFor();
  await page.getByText("Live", { exact: true }).last().waitFor();
  let pages = 0;
  page.on("request", (request) => (pages += /\/api\/v1\/apps\?/.test(request.url()) ? 1 : 0));
  for (const name of ["app-0", "app-00"]) {
    await api.done("PATCH", `/apps/${app.id}`, { name });
    await page.getByRole("link", { name, exact: true }).waitFor();
  }
  await api.done("POST", "/apps", { name: "app-of-today", owner_email: "new@example.com" });
  await page.getByLabel("Search apps").fill("app-of-today");
  // Its number is that of another one in the list that is made up here.
  await page.getByRole("link", { name: "app-of-today", exact: true }).waitFor();
  assert.equal(pages, 0, "pages of the list that were read again");
});

flow("everything is reached by keys", {}, async ({ api, come }) => {
  await api.done("POST", "/apps", { name: "first", owner_email: "first@example.com" });
  await api.done("POST", "/apps", { name: "second", owner_email: "second@example.com" });
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  await page.keyboard.press("Control+k");
  await page.keyboard.type("apps");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Apps", level: 1 }).waitFor();
  await page.getByRole("link", { name: "first", exact: true }).focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "second", level: 1 }).waitFor();
  // What opens is written into at once, and closed by Escape.
  await page.getByRole("button", { name: "Make a token" }).focus();
  await page.keyboard.press("Enter");
  await page.locator("dialog").getByLabel("Name", { exact: true }).waitFor();
  await page.keyboard.type("ci");
  assert.equal(await page.locator("dialog").getByLabel("Name", { exact: true }).inputValue(), "ci");
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
});
