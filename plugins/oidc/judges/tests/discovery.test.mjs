// The document that says what the provider is: everything in it works.

import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import * as oauth from "oauth4webapi";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { clientOf, payload as read, plain, post, request, tokens } from "./support/clients.mjs";
import { Provider, SECRET } from "./support/provider.mjs";
import { navigate, Visitor } from "./support/visitor.mjs";

let provider;
before(async () => {
  provider = await Provider.start();
});
after(() => provider?.stop());

test("every address of the document answers, and says how it wants to be asked", async () => {
  const document = await (await fetch(provider.at(".well-known/openid-configuration"))).json();
  assert.equal(document.issuer, provider.issuer);
  const same = await (await fetch(provider.at(".well-known/oauth-authorization-server"))).json();
  assert.deepEqual(same, document);
  const asked = Object.entries(document).filter(([name]) => name.endsWith("_endpoint") || name === "jwks_uri");
  assert.equal(asked.length, 7);
  for (const [name, url] of asked) {
    const method = /token|introspection|revocation/.test(name) ? "POST" : "GET";
    const answer = await navigate(url, { method });
    const expected = { authorization_endpoint: 400, userinfo_endpoint: 401, jwks_uri: 200, end_session_endpoint: 200 }[name] ?? 400;
    assert.equal(answer.status, expected, name);
  }
});

test("oauth4webapi, which takes nothing on trust, goes all the way with both algorithms", async () => {
  const insecure = { [oauth.allowInsecureRequests]: true };
  const issuer = new URL(provider.issuer);
  const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure));
  for (const [id, alg, authentication] of [
    ["web", "RS256", oauth.ClientSecretBasic(SECRET.secret)],
    ["post", "ES256", oauth.ClientSecretPost(SECRET.secret)],
  ]) {
    const client = { client_id: id, id_token_signed_response_alg: alg };
    const asked = await request(provider, await clientOf(provider, "web"), { client_id: id, scope: "openid email offline_access" });
    const location = await new Visitor(provider).through(asked.url);
    const params = oauth.validateAuthResponse(server, client, location, asked.checks.expectedState);
    const answer = await oauth.authorizationCodeGrantRequest(server, client, authentication, params, `${provider.app}/cb`, asked.verifier, insecure);
    const got = await oauth.processAuthorizationCodeResponse(server, client, answer, { expectedNonce: asked.checks.expectedNonce, requireIdToken: true });
    await oauth.validateApplicationLevelSignature(server, answer, insecure);
    const info = await oauth.userInfoRequest(server, client, got.access_token, insecure);
    assert.equal((await oauth.processUserInfoResponse(server, client, "user-1", info)).email, "ann@example.com");
    const refreshed = await oauth.refreshTokenGrantRequest(server, client, authentication, got.refresh_token, insecure);
    assert.ok((await oauth.processRefreshTokenResponse(server, client, refreshed)).refresh_token);
    const request_ = new Request("https://api.example/", { headers: { authorization: `Bearer ${got.access_token}` } });
    const claims = await oauth.validateJwtAccessToken(server, request_, provider.issuer, insecure);
    assert.equal(claims.client_id, id);
  }
});

test("a resource server checks access tokens with the published keys alone", async () => {
  const got = await tokens(provider, await clientOf(provider, "web"));
  const keys = createRemoteJWKSet(new URL(provider.at("jwks")));
  const { payload } = await jwtVerify(got.access_token, keys, { issuer: provider.issuer, audience: provider.issuer, typ: "at+jwt", algorithms: ["ES256"] });
  assert.equal(payload.sub, "user-1");
});

test("pages of other origins may ask what is for programs, and nothing that looks at cookies", async () => {
  const origin = "https://app.example";
  const preflight = await fetch(provider.at("token"), { method: "OPTIONS", headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization" } });
  assert.equal(preflight.headers.get("access-control-allow-origin"), "*");
  assert.match(preflight.headers.get("access-control-allow-headers"), /authorization/i);
  for (const [path, expected] of [["jwks", "*"], [".well-known/openid-configuration", "*"], ["userinfo", "*"], ["authorize", null], ["end-session", null]]) {
    const answer = await fetch(provider.at(path), { headers: { origin } });
    assert.equal(answer.headers.get("access-control-allow-origin"), expected, path);
  }
});

test("O-21 a configured issuer is the issuer, whatever host is asked, and its cookie goes over TLS only", async () => {
  const own = await Provider.start({ issuer: "https://login.example.com" });
  try {
    const headers = { "x-forwarded-host": "evil.example", "x-forwarded-proto": "http", forwarded: "host=evil.example" };
    const document = await (await fetch(own.at(".well-known/openid-configuration"), { headers })).json();
    assert.equal(document.issuer, "https://login.example.com/plugins/oidc");
    assert.equal(document.token_endpoint, "https://login.example.com/plugins/oidc/token");
    const visitor = new Visitor(own);
    const { url, verifier } = plain(own);
    const location = await visitor.through(url);
    assert.match(visitor.lastCookie, /^__Secure-sidegate_oidc=[^;]+; Path=\/plugins\/oidc; HttpOnly; SameSite=Lax; Secure$/);
    assert.equal(location.searchParams.get("iss"), document.issuer);
    const fields = { grant_type: "authorization_code", code: location.searchParams.get("code"), code_verifier: verifier, redirect_uri: `${own.app}/cb` };
    const { body } = await post(own, "token", fields);
    assert.equal(read(body.access_token).iss, document.issuer);
    assert.equal(read(body.id_token).iss, document.issuer);
  } finally {
    await own.stop();
  }
});

test("O-21 without a configured issuer no forwarded header of a client changes it", async () => {
  const headers = { "x-forwarded-host": "evil.example", "x-forwarded-proto": "https", forwarded: "host=evil.example;proto=https" };
  const document = await (await fetch(provider.at(".well-known/openid-configuration"), { headers })).json();
  assert.equal(document.issuer, provider.issuer);
});
