// `make run DEMO=mcp` as a newcomer meets it: what it prints is done, by a real client that signs in.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test, { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { eventually } from "../../../../ui/tests/support/eventually.mjs";
import { freePort } from "../../../../ui/tests/support/free-port.mjs";
import { SIDEGATE } from "../../../../ui/tests/support/gateway.mjs";
import { Process } from "../../../../ui/tests/support/processes.mjs";
import { Visitor } from "../../../oidc/judges/tests/support/visitor.mjs";

const root = fileURLToPath(new URL("../../../..", import.meta.url));
let [folder, demo, printed] = [];
const found = (pattern) => pattern.exec(printed)?.[1];

/** Starts it; what it keeps is in `folder`. */
async function start() {
  const env = { PATH: process.env.PATH, DATA_DIR: join(folder, "data"), PORT: String(await freePort()), ADMIN_PORT: "0", HOST: "127.0.0.1" };
  // Where the programs are that are under test.
  env.CARGO_TARGET_DIR = dirname(dirname(SIDEGATE));
  demo = new Process(join(root, "scripts/run-mcp-demo.sh"), [], env, join(folder, `log-${env.PORT}`));
  const own = demo;
  own.ended.then((how) => (own.how = how));
  printed = await eventually("the demo is there", () => {
    if (own.how) throw new Error(`it ended: ${JSON.stringify(own.how)} ${own.said()}`);
    const text = readFileSync(demo.log, "utf8");
    return text.includes("Ctrl-C stops it.") && text;
  }, 60_000);
}
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "mcp-demo"));
  await start();
});
after(async () => {
  await demo?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** What a client keeps of its sign-in, and somebody in front of a browser. */
class Person {
  redirectUrl = "http://127.0.0.1:9/callback";
  clientMetadata = { client_name: "judge", redirect_uris: [this.redirectUrl], token_endpoint_auth_method: "none", grant_types: ["authorization_code"], response_types: ["code"] };
  clientInformation = () => this.client;
  saveClientInformation = (client) => void (this.client = client);
  tokens = () => this.given;
  saveTokens = (tokens) => void (this.given = tokens);
  codeVerifier = () => this.verifier;
  saveCodeVerifier = (verifier) => void (this.verifier = verifier);
  redirectToAuthorization = (url) => void (this.asked = url);

  /** Signs in where that is wanted, allows it, and gives the code. */
  async allows() {
    const issuer = this.asked.href.slice(0, this.asked.href.indexOf("/authorize"));
    this.browser ??= new Visitor({ issuer });
    const user = { name: found(/^ +user +(\S+)$/m), password: found(/^ +password +(\S+)$/m) };
    return (await this.browser.through(this.asked, user)).searchParams.get("code");
  }
}

/** A client that is signed in. */
async function signedIn(person) {
  const url = new URL(found(/claude mcp add --transport http notes (\S+)/));
  const open = () => new StreamableHTTPClientTransport(url, { authProvider: person });
  const client = () => new Client({ name: "judge", version: "1.0.0" });
  const first = open();
  await assert.rejects(client().connect(first), UnauthorizedError);
  await first.finishAuth(await person.allows());
  const [connected, transport] = [client(), open()];
  await connected.connect(transport);
  return [connected, transport];
}

const text = async (client, name, args = {}) => (await client.callTool({ name, arguments: args })).content[0].text;

test("a client signs in, calls a tool, and is asked for the scope that another tool needs", async () => {
  const person = new Person();
  const [client, transport] = await signedIn(person);
  assert.equal(person.asked.searchParams.get("scope"), "notes.read");
  assert.deepEqual((await client.listTools()).tools.map(({ name }) => name), ["list_notes", "add_note"]);
  const before = await text(client, "list_notes");
  await assert.rejects(text(client, "add_note", { text: "milk" }), UnauthorizedError);
  const challenge = found(/WWW-Authenticate: .*scope="([^"]*)"/);
  assert.equal(person.asked.searchParams.get("scope"), challenge);
  await transport.finishAuth(await person.allows());
  assert.equal(await text(client, "add_note", { text: "milk" }), "There are 2 notes now.");
  assert.equal(await text(client, "list_notes"), `${before}\nmilk`);
  await transport.terminateSession();
  await client.close();
});

test("another start has the same user, and Ctrl-C ends it", async () => {
  const user = found(/^ +user +(\S+)$/m);
  demo.child.kill("SIGINT");
  assert.deepEqual(await eventually("it has ended", () => demo.how), { code: 0, signal: null });
  await start();
  assert.equal(found(/^ +user +(\S+)$/m), user);
  const [client] = await signedIn(new Person());
  assert.match(await text(client, "list_notes"), /as long as your session/);
  await client.close();
});

test("all of it is in a folder of its own, and make starts it for DEMO=mcp only", () => {
  assert.ok(existsSync(join(folder, "data-mcp")) && !existsSync(join(folder, "data")));
  const made = (...args) => execFileSync("make", ["--no-print-directory", "-n", "run", ...args], { cwd: root, encoding: "utf8" });
  assert.match(made("DEMO=mcp"), /run-mcp-demo\.sh/);
  assert.doesNotMatch(made(), /mcp|oidc/);
});
