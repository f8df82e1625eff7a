// The provider as operators run it: the plugin, served by a real gateway, with a user and some clients.

import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import { eventually } from "../../../../../ui/tests/support/eventually.mjs";
import { Gateway, pluginCommand } from "../../../../../ui/tests/support/gateway.mjs";

export const ANN = { name: "ann", password: "correct horse battery staple" };
export const BOB = { name: "bob", password: "another long password" };
export const MCP = "https://gateway.example.com/plugins/mcp";
const program = pluginCommand("oidc").replace("file://", "");

/** What is kept of a password. */
export function passwordHash(password) {
  return execFileSync(program, ["hash-password"], { input: password, encoding: "utf8" }).trim();
}

/** A new secret, and what is kept of it. */
export function newSecret() {
  const said = execFileSync(program, ["new-secret"], { encoding: "utf8" });
  const [secret, hash] = said.trim().split("\n").map((line) => line.split(": ")[1]);
  return { secret, hash };
}

const hashes = new Map([ANN, BOB].map(({ name, password }) => [name, passwordHash(password)]));
export const SECRET = newSecret();

/** Where an application listens for the answer: a real server, since browsers go there. */
export async function application() {
  const server = createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end("<!doctype html><title>app</title><link rel=icon href=data:,><h1>Welcome back</h1>");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  return `http://127.0.0.1:${server.address().port}`;
}

/** The usual configuration, of an application at this address. */
export function configuration(app) {
  const redirect_uris = [`${app}/cb`];
  return {
    users: [
      { name: ANN.name, password_hash: hashes.get(ANN.name), sub: "user-1", display_name: "Ann Example", email: "ann@example.com", email_verified: true },
      { name: BOB.name, password_hash: hashes.get(BOB.name) },
    ],
    clients: [
      { id: "web", name: "The web shop", secret_hash: SECRET.hash, redirect_uris, post_logout_redirect_uris: [`${app}/bye`] },
      { id: "post", secret_hash: SECRET.hash, redirect_uris, token_endpoint_auth_method: "client_secret_post", id_token_signed_response_alg: "ES256" },
      { id: "native", redirect_uris: ["http://127.0.0.1/cb", "com.example.app:/cb"] },
      { id: "own", secret_hash: SECRET.hash, redirect_uris, first_party: true },
      { id: "own-native", redirect_uris: ["http://127.0.0.1/cb"], first_party: true },
      { id: "machine", secret_hash: SECRET.hash, grants: ["client_credentials"], scopes: ["mcp:read"] },
      { id: "resource-server", secret_hash: SECRET.hash, grants: [], introspects: [MCP] },
    ],
    scopes: [{ name: "mcp:read", description: "Read by way of MCP" }, { name: "mcp:write" }],
    resources: [MCP, "https://gateway.example.com/plugins/other"],
  };
}

/** A running provider. */
export class Provider {
  static async start(changes = {}, options = {}) {
    const gateway = await Gateway.start();
    const app = await application();
    const provider = new Provider(gateway, app);
    const config = { ...configuration(app), ...changes };
    provider.plugin = await gateway.api.addPlugin({
      name: "oidc",
      slug: "oidc",
      command: pluginCommand("oidc"),
      config,
      options,
      service_scopes: ["kv.readwrite"],
    });
    try {
      await provider.serves();
    } catch (error) {
      await gateway.stop();
      throw error;
    }
    return provider;
  }

  constructor(gateway, app) {
    this.gateway = gateway;
    this.app = app;
    this.changes = 0;
    this.issuer = `${gateway.clients}/plugins/oidc`;
  }

  /** Waits until it answers. */
  async serves() {
    await eventually("the provider answers", async () => {
      const answer = await fetch(this.at(".well-known/openid-configuration"));
      if (answer.ok) return true;
      throw new Error(`${answer.status} ${await answer.text()} ${this.gateway.process.said()}`);
    });
  }

  at(path) {
    return `${this.issuer}/${path}`;
  }

  /** Changes the configuration; waits until it counts, which a scope that nobody else has tells. */
  async change(config) {
    const mark = `change-${++this.changes}`;
    const all = { slug: "oidc", ...configuration(this.app), ...config };
    all.scopes = [...all.scopes, { name: mark }];
    await this.gateway.api.done("PATCH", `/plugins/${this.plugin.id}`, { config: all });
    await eventually("the change counts", async () => {
      const answer = await fetch(this.at(".well-known/openid-configuration"));
      return (await answer.json()).scopes_supported.includes(mark);
    });
  }

  async stop() {
    await this.gateway.stop();
  }
}
