// openid-client, as an application uses it, against the provider behind a real gateway.

import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import * as openid from "openid-client";
import { clientOf, header, payload, post, request, tokens } from "./support/clients.mjs";
import { MCP, Provider, SECRET } from "./support/provider.mjs";
import { Visitor } from "./support/visitor.mjs";

let provider;
before(async () => {
  provider = await Provider.start();
});
after(() => provider?.stop());

test("an application signs somebody in, and learns who it is", async () => {
  const config = await clientOf(provider, "web");
  const asked = await request(provider, config, { scope: "openid profile email" });
  const visitor = new Visitor(provider);
  const page = await visitor.go(asked.url);
  assert.equal(page.heading, "Sign in to The web shop");
  const consent = await visitor.signIn(page);
  assert.equal(consent.heading, "The web shop asks for access");
  const { location } = await visitor.send(consent, { decision: "allow" });
  assert.equal(location.searchParams.get("iss"), provider.issuer);
  const got = await openid.authorizationCodeGrant(config, location, asked.checks);
  assert.equal(got.claims().sub, "user-1");
  assert.ok(got.claims().auth_time);
  assert.equal(got.refresh_token, undefined, "nobody asked for it");
  const info = await openid.fetchUserInfo(config, got.access_token, "user-1");
  assert.deepEqual(info, { sub: "user-1", name: "Ann Example", preferred_username: "ann", email: "ann@example.com", email_verified: true });
});

test("each client gets ID tokens with its algorithm, and access tokens are of their own type", async () => {
  const web = await tokens(provider, await clientOf(provider, "web"));
  const metadata = { id_token_signed_response_alg: "ES256" };
  const config = await clientOf(provider, "post", metadata, openid.ClientSecretPost(SECRET.secret));
  const es = await tokens(provider, config);
  assert.deepEqual([header(web.id_token).alg, header(es.id_token).alg], ["RS256", "ES256"]);
  const { typ, alg } = header(web.access_token);
  assert.deepEqual({ typ, alg }, { typ: "at+jwt", alg: "ES256" });
  const claims = payload(web.access_token);
  assert.deepEqual([claims.aud, claims.client_id, claims.scope], [provider.issuer, "web", "openid"]);
});

test("a native application may listen on any port", async () => {
  const config = await clientOf(provider, "native");
  const got = await tokens(provider, config, { redirect_uri: `${provider.app}/cb` });
  assert.equal(got.claims().aud, "native");
});

test("consent is asked once, and again for more", async () => {
  const config = await clientOf(provider, "web");
  const visitor = new Visitor(provider);
  await tokens(provider, config, { scope: "openid mcp:read" }, visitor);
  const again = await visitor.go((await request(provider, config, { scope: "openid mcp:read" })).url);
  assert.ok(again.location?.searchParams.get("code"), "nobody is asked again");
  const more = await visitor.go((await request(provider, config, { scope: "openid mcp:write" })).url);
  assert.equal(more.action, "consent");
  const asked = await visitor.go((await request(provider, config, { scope: "openid", prompt: "consent" })).url);
  assert.equal(asked.action, "consent", "the application wants it");
  const native = await clientOf(provider, "native");
  await tokens(provider, native, {}, visitor);
  const unproved = await visitor.go((await request(provider, native)).url);
  assert.equal(unproved.action, "consent", "any program could be it");
  const own = await visitor.go((await request(provider, await clientOf(provider, "own"))).url);
  assert.ok(own.location?.searchParams.get("code"), "the operator's own");
});

test("refresh tokens rotate, and one that comes again ends them all", async () => {
  const config = await clientOf(provider, "web");
  const first = await tokens(provider, config, { scope: "openid offline_access" });
  const second = await openid.refreshTokenGrant(config, first.refresh_token);
  assert.notEqual(second.refresh_token, first.refresh_token);
  assert.equal(second.claims().sub, "user-1");
  const third = await openid.refreshTokenGrant(config, second.refresh_token, { scope: "openid" });
  assert.equal(payload(third.access_token).scope, "openid");
  await assert.rejects(openid.refreshTokenGrant(config, first.refresh_token), { error: "invalid_grant" });
  await assert.rejects(openid.refreshTokenGrant(config, third.refresh_token), { error: "invalid_grant" });
  const said = await openid.tokenIntrospection(config, third.access_token);
  assert.deepEqual(said, { active: false });
});

test("of ten who bring a refresh token at once at most one gets an answer, and the family is over", async () => {
  const config = await clientOf(provider, "web");
  const first = await tokens(provider, config, { scope: "openid offline_access" });
  const all = await Promise.all(Array.from({ length: 10 }, () => post(provider, "token", { grant_type: "refresh_token", refresh_token: first.refresh_token })));
  const good = all.filter(({ status }) => status === 200);
  assert.equal(good.length, 1);
  assert.ok(all.every(({ status, body }) => status === 200 || body.error === "invalid_grant"));
  const after = await post(provider, "token", { grant_type: "refresh_token", refresh_token: good[0].body.refresh_token });
  assert.equal(after.body.error, "invalid_grant");
});

test("a resource that is asked for is what the token is for, and nothing else", async () => {
  const config = await clientOf(provider, "web");
  const got = await tokens(provider, config, { scope: "openid mcp:read offline_access", resource: MCP });
  assert.equal(payload(got.access_token).aud, MCP);
  await assert.rejects(openid.fetchUserInfo(config, got.access_token, "user-1"), "userinfo is another resource");
  const refreshed = await openid.refreshTokenGrant(config, got.refresh_token, { resource: MCP });
  assert.equal(payload(refreshed.access_token).aud, MCP);
  const other = openid.refreshTokenGrant(config, refreshed.refresh_token, { resource: "https://gateway.example.com/plugins/other" });
  await assert.rejects(other, { error: "invalid_target" });
});

test("a client without people gets tokens for itself, of its own scopes", async () => {
  const config = await clientOf(provider, "machine");
  const got = await openid.clientCredentialsGrant(config, { scope: "mcp:read", resource: MCP });
  const claims = payload(got.access_token);
  assert.deepEqual([claims.sub, claims.aud, claims.scope], ["machine", MCP, "mcp:read"]);
  await assert.rejects(openid.clientCredentialsGrant(config, { scope: "openid" }), { error: "invalid_scope" });
  await assert.rejects(openid.clientCredentialsGrant(await clientOf(provider, "web")), { error: "unauthorized_client" });
});

test("whether a token counts is told to its client and to whoever serves what it is for", async () => {
  const config = await clientOf(provider, "web");
  const got = await tokens(provider, config, { scope: "openid mcp:read offline_access", resource: MCP });
  const server = await clientOf(provider, "resource-server");
  const told = await openid.tokenIntrospection(server, got.access_token);
  assert.deepEqual([told.active, told.username, told.client_id, told.scope], [true, "ann", "web", "openid mcp:read offline_access"]);
  assert.equal((await openid.tokenIntrospection(config, got.access_token)).active, true);
  assert.equal((await openid.tokenIntrospection(config, got.refresh_token)).active, true);
  assert.equal((await openid.tokenIntrospection(server, got.refresh_token)).active, false);
  const stranger = await clientOf(provider, "machine");
  assert.deepEqual(await openid.tokenIntrospection(stranger, got.access_token), { active: false });
});

test("a token that is given back counts no more, and a refresh token takes all along", async () => {
  const config = await clientOf(provider, "web");
  const got = await tokens(provider, config, { scope: "openid offline_access" });
  await openid.tokenRevocation(config, got.access_token);
  assert.equal((await openid.tokenIntrospection(config, got.access_token)).active, false);
  const next = await openid.refreshTokenGrant(config, got.refresh_token);
  await openid.tokenRevocation(config, next.refresh_token);
  assert.equal((await openid.tokenIntrospection(config, next.access_token)).active, false);
  await assert.rejects(openid.refreshTokenGrant(config, next.refresh_token), { error: "invalid_grant" });
  await openid.tokenRevocation(config, "nothing-that-is-known");
});

test("an application signs somebody out, and what was granted in the session ends", async () => {
  const config = await clientOf(provider, "web");
  const visitor = new Visitor(provider);
  const got = await tokens(provider, config, { scope: "openid" }, visitor);
  const lasting = await tokens(provider, config, { scope: "openid offline_access" }, visitor);
  const url = openid.buildEndSessionUrl(config, { id_token_hint: got.id_token, post_logout_redirect_uri: `${provider.app}/bye`, state: "s" });
  const { location } = await visitor.go(url);
  assert.equal(location.href, `${provider.app}/bye?state=s`);
  assert.equal((await openid.tokenIntrospection(config, got.access_token)).active, false);
  assert.equal((await openid.tokenIntrospection(config, lasting.access_token)).active, true, "it was allowed to stay");
  const page = await visitor.go((await request(provider, config)).url);
  assert.equal(page.action, "login");
});

test("`none` shows nothing, `login` asks again, and `max_age` is kept", async () => {
  const config = await clientOf(provider, "web");
  const visitor = new Visitor(provider);
  const silent = async () => (await visitor.go((await request(provider, config, { prompt: "none" })).url)).location.searchParams;
  assert.equal((await silent()).get("error"), "login_required");
  await tokens(provider, config, {}, visitor);
  assert.ok((await silent()).get("code"));
  const more = await visitor.go((await request(provider, config, { prompt: "none", scope: "openid email mcp:write" })).url);
  assert.equal(more.location.searchParams.get("error"), "consent_required");
  for (const parameters of [{ prompt: "login" }, { max_age: "0" }]) {
    const asked = await request(provider, config, { ...parameters, login_hint: "ann" });
    const page = await visitor.go(asked.url);
    assert.equal(page.action, "login", JSON.stringify(parameters));
    assert.match(page.html, /name="name" value="ann"/);
    const { location } = await visitor.signIn(page);
    const got = await openid.authorizationCodeGrant(config, location, { ...asked.checks, maxAge: 5 });
    assert.equal(got.claims().sub, "user-1");
  }
});
