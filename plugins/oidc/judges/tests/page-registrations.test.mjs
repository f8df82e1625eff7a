// The three registrations of the page of the plugin interface, as a plugin in Go: discovery, token and userinfo work with the
// clients that people have, as far as three endpoints go. Userinfo needs a token, which the gateway checks.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import test, { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import * as oauth from "oauth4webapi";
import * as openid from "openid-client";
import { eventually } from "../../../../ui/tests/support/eventually.mjs";
import { Gateway } from "../../../../ui/tests/support/gateway.mjs";

const source = resolve(dirname(fileURLToPath(import.meta.url)), "../page-registrations");
const CLIENT = { id: "robot", secret: "a secret: with + and %" };
const insecure = { [oauth.allowInsecureRequests]: true };

let folder, gateway, issuer, app;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "sgpage"));
  const program = join(folder, "page-registrations");
  execFileSync("go", ["build", "-trimpath", "-buildvcs=false", "-o", program, "."], { cwd: source, env: { ...process.env, CGO_ENABLED: "0" } });
  gateway = await Gateway.start();
  issuer = `${gateway.clients}/plugins/my-oauth`;
  app = await gateway.api.done("POST", "/apps", { name: "billing", owner_email: "ops@example.com" });
  const token = await gateway.api.done("POST", "/tokens", { app_id: Number(app.id), name: "robot" });
  const config = { slug: "my-oauth", issuer, client_id: CLIENT.id, client_secret: CLIENT.secret, access_token: token.attributes.token };
  await gateway.api.addPlugin({ name: "my-oauth", command: `file://${program}`, config });
  await eventually("the plugin answers", async () => (await fetch(`${issuer}/.well-known/openid-configuration`)).ok);
});
after(async () => {
  await gateway?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("openid-client discovers the page's three registrations, gets a token and asks who it is", async () => {
  for (const authentication of [openid.ClientSecretBasic(CLIENT.secret), openid.ClientSecretPost(CLIENT.secret)]) {
    const config = await openid.discovery(new URL(issuer), CLIENT.id, {}, authentication, { execute: [openid.allowInsecureRequests] });
    const got = await openid.clientCredentialsGrant(config);
    assert.deepEqual([got.token_type, got.expires_in], ["bearer", 300]);
    const who = await openid.fetchUserInfo(config, got.access_token, `app-${app.id}`);
    assert.deepEqual([who.name, who.email], ["billing", "ops@example.com"]);
    await assert.rejects(openid.fetchUserInfo(config, got.access_token, "app-0"), { code: "OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED" });
  }
});

test("oauth4webapi finds the same at all addresses where standards look, and takes every refusal for what it is", async () => {
  const client = { client_id: CLIENT.id };
  for (const [at, options] of [
    [new URL(issuer), { algorithm: "oidc" }],
    [new URL(issuer), { algorithm: "oauth2" }],
  ]) {
    const server = await oauth.processDiscoveryResponse(at, await oauth.discoveryRequest(at, { ...insecure, ...options }));
    const give = async (secret, params = {}) =>
      oauth.processClientCredentialsResponse(server, client, await oauth.clientCredentialsGrantRequest(server, client, oauth.ClientSecretBasic(secret), params, insecure));
    const { access_token } = await give(CLIENT.secret);
    const info = await oauth.userInfoRequest(server, client, access_token, insecure);
    assert.equal((await oauth.processUserInfoResponse(server, client, `app-${app.id}`, info)).name, "billing");
    // RFC 6749, 5.2: with a challenge.
    await assert.rejects(give("wrong"), (error) => error.status === 401);
    const other = await oauth.genericTokenEndpointRequest(server, client, oauth.ClientSecretBasic(CLIENT.secret), "password", {}, insecure);
    await assert.rejects(oauth.processGenericTokenEndpointResponse(server, client, other), (error) => error.error === "unsupported_grant_type");
    // That is the gateway's word, in the standard's.
    const refused = await oauth.userInfoRequest(server, client, "sgt_nobody", insecure);
    await assert.rejects(oauth.processUserInfoResponse(server, client, oauth.skipSubjectCheck, refused), (error) => {
      assert.ok(error instanceof oauth.WWWAuthenticateChallengeError, String(error));
      return error.cause.some(({ scheme, parameters }) => scheme === "bearer" && parameters.error === "invalid_token");
    });
  }
  const root = await fetch(`${gateway.clients}/.well-known/openid-configuration/plugins/my-oauth`);
  assert.equal((await root.json()).issuer, issuer);
});

test("what is not registered, and what is with another method, is not the plugin's", async () => {
  for (const [method, path, status] of [
    ["GET", "/token", 405],
    ["POST", "/userinfo", 405],
    ["GET", "/userinfo", 401],
    ["GET", "/authorize", 404],
  ]) {
    assert.equal((await fetch(`${issuer}${path}`, { method })).status, status, `${method} ${path}`);
  }
});
