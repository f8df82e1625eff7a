// Somebody in front of a browser without script, as plain HTTP: cookies, forms, and redirects one by one.

import assert from "node:assert/strict";
import { request } from "node:http";
import { ANN } from "./provider.mjs";

const unescaped = (text) =>
  text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&#39;", "'").replaceAll("&amp;", "&");

/** What a page says: its heading, its problem, and its form. */
export class Page {
  constructor(url, status, headers, html) {
    Object.assign(this, { url, status, headers, html });
    this.heading = unescaped(/<h1>(.*?)<\/h1>/.exec(html)?.[1] ?? "");
    this.problem = unescaped(/<p role="alert">(.*?)<\/p>/.exec(html)?.[1] ?? "");
    this.action = /<form method="post" action="([^"]*)"/.exec(html)?.[1];
    const hidden = html.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g);
    this.fields = Object.fromEntries([...hidden].map(([, name, value]) => [name, unescaped(value)]));
  }
}

/** One request as browsers make it that go to a page: Node's own `fetch` says of each that a script makes it. */
export function navigate(url, { method = "GET", headers = {}, body } = {}) {
  const kind = body === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" };
  const all = { "sec-fetch-mode": "navigate", "sec-fetch-dest": "document", ...kind, ...headers };
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers: all, agent: false, signal: AbortSignal.timeout(20_000) }, (incoming) => {
      const parts = [];
      incoming.on("error", reject).on("data", (part) => parts.push(part)).on("end", () => {
        const fields = new Headers();
        for (const [name, values] of Object.entries(incoming.headersDistinct)) values.forEach((value) => fields.append(name, value));
        resolve(new Response(Buffer.concat(parts), { status: incoming.statusCode, headers: fields }));
      });
    });
    outgoing.on("error", reject).end(body === undefined ? undefined : String(body));
  });
}

export class Visitor {
  constructor(provider) {
    this.provider = provider;
    this.cookies = new Map();
  }

  /** One request; gives a page, or the URL that it leads to. */
  async ask(url, options = {}) {
    const headers = { ...options.headers };
    if (this.cookies.size > 0) headers.cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await navigate(url, { ...options, headers });
    for (const cookie of answer.headers.getSetCookie()) {
      const [name, value] = cookie.split(";")[0].split("=");
      if (/max-age=0/i.test(cookie)) this.cookies.delete(name);
      else this.cookies.set(name, value);
      this.lastCookie = cookie;
    }
    const html = await answer.text();
    if (answer.status >= 300 && answer.status < 400) {
      return { status: answer.status, headers: answer.headers, location: new URL(answer.headers.get("location"), url) };
    }
    return new Page(String(url), answer.status, answer.headers, html);
  }

  /** Goes on as long as the provider leads to itself; gives the page at the end or the URL elsewhere. */
  async go(url, options) {
    let answer = await this.ask(url, options);
    for (let hops = 0; answer.location?.href.startsWith(this.provider.issuer); hops++) {
      assert.ok(hops < 5, `a circle of redirects at ${answer.location}`);
      answer = await this.ask(answer.location);
    }
    return answer;
  }

  /** Sends the form of a page, with what was typed in. */
  async send(page, typed) {
    assert.ok(page.action, `there is no form at ${page.url}: ${page.status} ${page.html}`);
    const body = new URLSearchParams({ ...page.fields, ...typed });
    return this.go(new URL(page.action, page.url), { method: "POST", body });
  }

  async signIn(page, user = ANN) {
    return this.send(page, user);
  }

  /** From a link of an application to its answer, whatever is asked on the way. */
  async through(url, user = ANN) {
    let answer = await this.go(url);
    if (answer.action === "login") answer = await this.signIn(answer, user);
    if (answer.action === "consent") answer = await this.send(answer, { decision: "allow" });
    assert.ok(answer.location, `no answer to the application: ${answer.status} ${answer.html}`);
    return answer.location;
  }
}
