// A real browser, which notes everything that a page complains about: errors, violations of the policy, failed requests.

import { readFileSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { CHROMIUM } from "./chromium.mjs";
import { PATIENCE_MS } from "./eventually.mjs";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** Where pictures of pages go; git ignores it. */
export const RESULTS = resolve(dirname(fileURLToPath(import.meta.url)), "../../test-results");
export const THEMES = ["light", "dark"];
export const SIZES = { wide: { width: 1440, height: 900 }, narrow: { width: 390, height: 844 } };

/** Starts Chromium. */
export async function startBrowser() {
  mkdirSync(RESULTS, { recursive: true });
  return chromium.launch(CHROMIUM);
}

/** Somebody in front of a browser window of their own, without any cookie at first. */
export class Visitor {
  static async come(browser, gateway, { theme = "light", size = "wide" } = {}) {
    const context = await browser.newContext({
      viewport: SIZES[size],
      colorScheme: theme,
      reducedMotion: "reduce",
      permissions: ["clipboard-read", "clipboard-write"],
    });
    context.setDefaultTimeout(PATIENCE_MS);
    const visitor = new Visitor(context, gateway, await context.newPage());
    await visitor.listen();
    return visitor;
  }

  constructor(context, gateway, page) {
    this.context = context;
    this.gateway = gateway;
    this.page = page;
    this.complaints = [];
    this.refusals = [];
  }

  async listen() {
    const { page } = this;
    await page.exposeBinding("noteViolation", (_, text) => this.complaints.push(`policy: ${text}`));
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        window.noteViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile ?? ""}:${event.lineNumber}`);
      });
    });
    page.on("pageerror", (error) => this.complaints.push(`thrown: ${error.stack ?? error.message}`));
    page.on("console", (message) => {
      if (!["error", "warning"].includes(message.type())) return;
      // Chromium says this of each answer that is an error; which of those may be is said by `refusals`.
      if (message.text().startsWith("Failed to load resource: the server responded with")) return;
      this.complaints.push(`console ${message.type()}: ${message.text()}`);
    });
    page.on("response", (response) => {
      if (response.status() < 400) return;
      const { pathname } = new URL(response.url());
      const refusal = `${response.status()} ${response.request().method()} ${pathname}`;
      // Before anybody signed in there is no session to be shown.
      if (refusal === "401 GET /api/v1/session") return;
      this.refusals.push(refusal);
    });
  }

  /** Opens a page of the console and waits until it shows its content. */
  async open(path) {
    await this.page.goto(this.gateway.page(path), { waitUntil: "load" });
    await this.settled();
  }

  /** Waits until the page has a heading and nothing that stands for what is still to come. */
  async settled() {
    await this.page.locator("h1").first().waitFor();
    await this.page.waitForFunction(() => !document.querySelector("[aria-busy='true'], .skeleton"));
    await this.page.evaluate(() => document.fonts.ready.then(() => undefined));
  }

  /** Signs in with an admin token, through the form that everybody uses. */
  async signIn(token) {
    await this.page.goto(this.gateway.page("/sign-in"));
    await this.page.getByRole("button", { name: "Admin token" }).click();
    await this.page.getByLabel(/^Admin token/).fill(token);
    await this.page.getByRole("button", { name: /^sign in/i }).click();
    await this.page.waitForURL((url) => !url.pathname.endsWith("/sign-in"));
    await this.settled();
  }

  /** What axe says against the page, as lines; the real policy stays, since the script does not come by the page. */
  async axe() {
    await this.page.evaluate(axeSource);
    const found = await this.page.evaluate(() =>
      window.axe.run(document, {
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
        resultTypes: ["violations"],
      }),
    );
    return found.violations.flatMap(({ id, help, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${help}: ${html.slice(0, 200)} ${failureSummary.slice(0, 300)}`),
    );
  }

  /** Writes a picture of the page. */
  async picture(name) {
    await this.page.screenshot({ path: join(RESULTS, `${name}.png`), animations: "disabled", caret: "hide" });
  }

  /** Takes out of what was complained of the refusals that the test is about; the others are given. */
  leftOver(expected = []) {
    const others = this.refusals.filter((refusal) => !expected.some((pattern) => pattern.test(refusal)));
    return [...this.complaints, ...others.map((refusal) => `refused: ${refusal}`)];
  }

  /** Begins anew with what is complained of. */
  forget() {
    this.complaints.length = 0;
    this.refusals.length = 0;
  }

  async leave() {
    await this.context.close();
  }
}
