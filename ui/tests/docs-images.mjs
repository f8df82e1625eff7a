// Makes the pictures of docs/images anew, from the gateway that was built last: `SIDEGATE_BIN=… node tests/docs-images.mjs`

import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { startBrowser, Visitor } from "./support/browser.mjs";
import { eventually } from "./support/eventually.mjs";
import { Gateway, pluginCommand } from "./support/gateway.mjs";

const IMAGES = resolve(dirname(fileURLToPath(import.meta.url)), "../../docs/images");
const WHY = "cannot reach the identity provider: connection refused";

async function wizard({ page, visitor, picture }) {
  await visitor.open("/plugins/new");
  await page.getByLabel(/^Program or address/).fill(pluginCommand("echo").replace("file://", ""));
  await page.getByRole("textbox", { name: /^Name\b/ }).fill("hello");
  await page.getByLabel(/^Slug/).fill("hello");
  await page.getByRole("button", { name: "Look at it" }).click();
  await page.getByLabel(/custom_content/i).fill("Hello from my first plugin");
  await picture("wizard");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("button", { name: /register/i }).click();
  await page.getByText("It serves.", { exact: true }).waitFor();
  await page.getByRole("button", { name: /^Try it/ }).first().click();
  await page.locator("dialog").getByRole("button", { name: "Send" }).click();
  await page.getByRole("region", { name: "The answer" }).waitFor();
  await picture("try");
}

async function merge({ api, page, visitor, picture }) {
  const { id } = (await api.ask("GET", "/plugins?name=hello")).body.data[0];
  await visitor.open(`/plugins/${id}/configuration`);
  await page.getByLabel(/custom_content/i).fill("Written in the console");
  await api.done("PATCH", `/plugins/${id}`, { description: "Says hello", config: { slug: "hello", custom_content: "Written elsewhere" } });
  await page.getByText("was changed by both").waitFor();
  await picture("merge");
  await page.getByRole("button", { name: "Drop mine, show theirs" }).click();
}

async function broken({ api, gateway, page, visitor, picture }) {
  const { id } = await api.addPlugin({ name: "oauth", slug: "oauth", command: gateway.script("oauth", `echo ${WHY} >&2; exit 3`) });
  await api.done("POST", "/apps", { name: "billing", owner_email: "billing-team@example.com" }).then((app) => api.done("POST", "/tokens", { app_id: Number(app.id), name: "ci", expires_in: "24h" }));
  // It is started ten times, after pauses that grow.
  await eventually("it is parked", async () => (await api.done("GET", `/plugins/${id}/status`)).attributes.state === "parked", 300_000);
  await visitor.open(`/plugins/${id}`);
  await page.getByText("5 ended badly").waitFor();
  await picture("plugin");
  await visitor.open("/");
  await page.getByText("parked after").first().waitFor();
  await picture("overview");
}

const browser = await startBrowser();
const gateway = await Gateway.start({ LOG_LEVEL: "warn" });
try {
  const { api } = gateway;
  const visitor = await Visitor.come(browser, gateway);
  const { page } = visitor;
  await page.setViewportSize({ width: 1180, height: 760 });
  await visitor.signIn(api.token);
  const picture = async (name) => {
    await visitor.settled();
    // Where the programs of this run lie says nothing to a reader.
    await page.evaluate(() => {
      for (const code of document.querySelectorAll("code")) code.textContent = code.textContent.replace(/file:\/\/\/\S*\//, "file:///opt/plugins/");
    });
    await page.screenshot({ path: join(IMAGES, `console-${name}.png`), animations: "disabled", caret: "hide" });
  };
  for (const scene of [wizard, merge, broken]) await scene({ api, gateway, page, visitor, picture });
} finally {
  await browser.close();
  await gateway.stop();
}
