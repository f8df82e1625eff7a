// Somebody with an application and a browser: what both SDKs ask of an application that signs people in, with the person at the
// other end of it.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { chromium } from "playwright-core";
import { CHROMIUM } from "../../../../../ui/tests/support/chromium.mjs";

/** Starts Chromium. */
export function startBrowser() {
  return chromium.launch(CHROMIUM);
}

/** An application, and who uses it. It keeps what it is given, as applications do. */
export class Person {
  /** `parts` are of an SDK; `known` is what the application knows of itself: `client_id` and its `issuer`, or the address of its document. */
  static async come(browser, user, parts, app, known) {
    const context = await browser.newContext({ javaScriptEnabled: false });
    context.setDefaultTimeout(20_000);
    return new Person({ context, page: await context.newPage(), user, parts, app }, known);
  }

  constructor(who, { clientMetadataUrl, ...information }) {
    Object.assign(this, who, { clientMetadataUrl });
    const { app } = who;
    this.redirectUrl = `${app}/cb`;
    this.information = clientMetadataUrl ? undefined : information;
    this.clientMetadata = { client_name: "Editor", redirect_uris: [this.redirectUrl] };
    this.isSignedIn = false;
    /** What this person read where they were asked for consent. */
    this.consents = [];
    /** What the application asked over HTTP. */
    this.asked = [];
  }

  state = () => (this.wanted = randomUUID());
  clientInformation = () => this.information;
  saveClientInformation = (information) => void (this.information = information);
  tokens = () => this.kept;
  saveTokens = (tokens) => void (this.kept = tokens);
  discoveryState = () => this.discovered;
  saveDiscoveryState = (discovered) => void (this.discovered = discovered);
  saveCodeVerifier = (verifier) => void (this.verifier = verifier);
  codeVerifier = () => this.verifier;

  /** The browser opens: signing in, the first time; consent; and back to the application. */
  async redirectToAuthorization(url) {
    const { page } = this;
    await page.goto(url.href);
    if (!this.isSignedIn) {
      await page.getByLabel("Name").fill(this.user.name);
      await page.getByLabel("Password").fill(this.user.password);
      await page.getByRole("button", { name: "Sign in" }).click();
      this.isSignedIn = true;
    }
    const allow = page.getByRole("button", { name: "Allow" });
    await allow.waitFor();
    this.consents.push(await page.locator("main").innerText());
    await allow.click();
    await page.waitForURL((at) => at.origin === this.app);
    const answer = new URL(page.url()).searchParams;
    assert.equal(answer.get("state"), this.wanted, page.url());
    this.answer = answer;
  }

  /** What `ask` gives; when it needs this person it is asked again once they came back. */
  async through(transport, ask) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof this.parts.UnauthorizedError)) throw error;
    }
    await this.parts.finish(transport, this.answer);
    return undefined;
  }

  /** A client of this application that begins at an address, and knows nothing else. */
  async connect(url) {
    const { Client, StreamableHTTPClientTransport } = this.parts;
    for (let tries = 0; tries < 2; tries++) {
      const fetched = (at, options) => {
        this.asked.push(`${options?.method ?? "GET"} ${new URL(at).pathname}`);
        return fetch(at, options);
      };
      const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: this, fetch: fetched });
      const client = new Client({ name: "editor", version: "1.0.0" });
      const isConnected = await this.through(transport, async () => {
        await client.connect(transport);
        return true;
      });
      if (isConnected) return { client, call: (name) => this.call(client, transport, name) };
    }
    throw new Error("signed in, and still not let in");
  }

  /** Calls a tool, and again where it took more consent. */
  async call(client, transport, name) {
    const ask = async () => (await client.callTool({ name })).content[0].text;
    return (await this.through(transport, ask)) ?? ask();
  }

  leave() {
    return this.context.close();
  }
}
