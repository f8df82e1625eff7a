// What attackers try, each attack by the id that docs/oidc.md knows it by.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test, { after, before } from "node:test";
import * as openid from "openid-client";
import { clientOf, header, payload, plain, post, request, tokens } from "./support/clients.mjs";
import { ANN, BOB, configuration, MCP, passwordHash, Provider, SECRET } from "./support/provider.mjs";
import { Visitor } from "./support/visitor.mjs";

let provider;
before(async () => {
  provider = await Provider.start();
});
after(() => provider?.stop());

/** A code of somebody who allowed everything, with its request. */
async function code(changes = {}) {
  const asked = plain(provider, changes);
  const location = await new Visitor(provider).through(asked.url);
  return { ...asked, code: location.searchParams.get("code"), location };
}

function redeem({ code, verifier }, changes = {}, as) {
  const fields = { grant_type: "authorization_code", code, code_verifier: verifier, redirect_uri: `${provider.app}/cb`, ...changes };
  return post(provider, "token", Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)), as);
}

const isActive = async (token) => (await post(provider, "introspect", { token })).body.active;

test("O-01 of ten who bring a code at once at most one gets tokens, and they end", async () => {
  const got = await code();
  const all = await Promise.all(Array.from({ length: 10 }, () => redeem(got)));
  const good = all.filter(({ status }) => status === 200);
  assert.equal(good.length, 1);
  assert.ok(all.every(({ status, body }) => status === 200 || (status === 400 && body.error === "invalid_grant")));
  assert.equal(await isActive(good[0].body.access_token), false);
});

test("O-02 a code that comes again is refused and ends the tokens of the first time", async () => {
  const got = await code({ scope: "openid offline_access" });
  const first = await redeem(got);
  assert.equal(await isActive(first.body.access_token), true);
  const again = await redeem(got);
  assert.deepEqual([again.status, again.body.error], [400, "invalid_grant"]);
  assert.equal(await isActive(first.body.access_token), false);
  const refreshed = await post(provider, "token", { grant_type: "refresh_token", refresh_token: first.body.refresh_token });
  assert.equal(refreshed.body.error, "invalid_grant");
});

test("O-03 a stolen code is worth nothing to another client or without the verifier", async () => {
  const got = await code();
  for (const [what, answer] of [
    ["another client", await redeem(got, {}, { id: "own" })],
    ["another verifier", await redeem(got, { code_verifier: "a".repeat(43) })],
    ["no verifier", await redeem(got, { code_verifier: undefined })],
    ["another address", await redeem(got, { redirect_uri: `${provider.app}/other` })],
    ["another secret", await redeem({ ...got, code: got.code.slice(0, -2) + "AA" })],
  ]) {
    assert.equal(answer.status, 400, what);
  }
  assert.equal((await redeem(got)).status, 200, "and the owner still gets it");
});

test("O-04 without PKCE by S256 there is no code", async () => {
  for (const changes of [
    { code_challenge: undefined },
    { code_challenge_method: undefined },
    { code_challenge_method: "plain" },
    { code_challenge: "short" },
  ]) {
    const { location } = await new Visitor(provider).go(plain(provider, changes).url);
    assert.equal(location.searchParams.get("error"), "invalid_request", JSON.stringify(changes));
    assert.equal(location.searchParams.get("iss"), provider.issuer);
  }
});

test("O-05 nothing is sent to an address that is not registered exactly", async () => {
  const { app } = provider;
  const port = new URL(app).port;
  for (const address of [
    "https://evil.example/cb",
    `${app}/cb/`,
    `${app}/cb?x=1`,
    `${app}/cb#x`,
    `${app}/CB`,
    `${app}/x/../cb`,
    `${app}/%63b`,
    `http://127.0.0.1.evil.example:${port}/cb`,
    `http://127.0.0.1:${port}@evil.example/cb`,
    `http://evil.example\\@127.0.0.1:${port}/cb`,
    `http://localhost:${port}/cb`,
    `//127.0.0.1:${port}/cb`,
    "javascript:alert(1)",
    "data:text/html,x",
  ]) {
    const page = await new Visitor(provider).ask(plain(provider, { redirect_uri: address, response_type: "x" }).url);
    assert.equal(page.status, 400, address);
    assert.match(page.problem, /not registered/);
  }
  const missing = await new Visitor(provider).ask(plain(provider, { redirect_uri: undefined }).url);
  assert.equal(missing.status, 400);
  const twice = plain(provider).url;
  twice.searchParams.append("redirect_uri", "https://evil.example/");
  assert.equal((await new Visitor(provider).ask(twice)).status, 400);
  const unknown = await new Visitor(provider).ask(plain(provider, { client_id: "nobody" }).url);
  assert.equal(unknown.status, 400);
});

test("O-06 an answer names who gives it, also where it refuses", async () => {
  const config = await clientOf(provider, "web");
  const asked = await request(provider, config);
  const location = await new Visitor(provider).through(asked.url);
  location.searchParams.set("iss", "https://evil.example");
  const refusal = await openid.authorizationCodeGrant(config, location, asked.checks).catch((error) => error);
  assert.match(refusal.cause.message, /unexpected "iss"/);
  const { location: refused } = await new Visitor(provider).go(plain(provider, { response_type: "token" }).url);
  assert.deepEqual([refused.searchParams.get("error"), refused.searchParams.get("iss"), refused.searchParams.get("state")], ["unsupported_response_type", provider.issuer, "a-state"]);
});

test("O-07 nobody learns which names there are, by words or by time", async () => {
  const took = { known: [], unknown: [] };
  const said = new Set();
  // The fastest of some: what else the machine does only makes it slower.
  for (let round = 0; round < 4; round++) {
    for (const [kind, name] of [["known", "ann"], ["unknown", `nobody-${round}`], ["known", "bob"], ["unknown", `somebody-${round}`]]) {
      const visitor = new Visitor(provider);
      const form = await visitor.go(plain(provider).url);
      const begun = performance.now();
      const answer = await visitor.send(form, { name, password: "wrong" });
      took[kind].push(performance.now() - begun);
      said.add(`${answer.status} ${answer.problem}`);
    }
  }
  assert.deepEqual([...said], ["401 Name or password is wrong."]);
  const [known, unknown] = [took.known, took.unknown].map((times) => Math.min(...times));
  assert.ok(unknown > known / 3 && known > unknown / 3, `${known} ms, ${unknown} ms`);
});

test("O-08 whoever tries one name again and again has to wait, and nobody else has", async () => {
  const visitor = new Visitor(provider);
  let answer = await visitor.go(plain(provider).url);
  for (let tries = 0; tries < 5; tries++) {
    answer = await visitor.send(answer, { name: "carol", password: "wrong" });
    assert.equal(answer.status, 401);
  }
  answer = await visitor.send(answer, { name: "carol", password: "wrong" });
  assert.equal(answer.status, 429);
  assert.ok(Number(answer.headers.get("retry-after")) <= 30);
  assert.ok(await new Visitor(provider).through(plain(provider).url), "others come in");
});

test("O-09 a form that this browser did not get is not taken", async () => {
  const [victim, attacker] = [new Visitor(provider), new Visitor(provider)];
  const theirs = await attacker.go(plain(provider).url);
  const own = await victim.go(plain(provider, { prompt: "consent" }).url);
  for (const csrf of [theirs.fields.csrf, "", "x"]) {
    const answer = await victim.send({ ...own, fields: { ...own.fields, csrf } }, ANN);
    assert.deepEqual([answer.status, answer.problem], [403, "This form is too old. Please try again."], csrf);
  }
  const consent = await victim.signIn(own);
  assert.equal(consent.action, "consent");
  const forged = await victim.send({ ...consent, fields: { ...consent.fields, csrf: theirs.fields.csrf } }, { decision: "allow" });
  assert.equal(forged.status, 403);
  const without = await new Visitor(provider).send(consent, { decision: "allow" });
  assert.equal(without.status, 403, "without the cookie");
});

test("O-10 a session gets a new cookie with the sign-in, and the old one is worth nothing", async () => {
  const visitor = new Visitor(provider);
  const page = await visitor.go(plain(provider).url);
  const [[name, fixed]] = visitor.cookies;
  await visitor.signIn(page);
  assert.notEqual(visitor.cookies.get(name), fixed);
  assert.match(visitor.lastCookie, /; Path=\/plugins\/oidc; HttpOnly; SameSite=Lax$/);
  const attacker = new Visitor(provider);
  attacker.cookies.set(name, fixed);
  assert.equal((await attacker.go(plain(provider).url)).action, "login");
  const chosen = new Visitor(provider);
  chosen.cookies.set(name, "chosen-by-an-attacker");
  await chosen.signIn(await chosen.go(plain(provider).url));
  assert.notEqual(chosen.cookies.get(name), "chosen-by-an-attacker");
});

test("O-11 no page can be framed, runs script or leads a form elsewhere", async () => {
  const visitor = new Visitor(provider);
  const login = await visitor.go(plain(provider, { prompt: "consent" }).url);
  const consent = await visitor.signIn(login);
  const signOut = await visitor.go(provider.at("end-session"));
  const error = await visitor.go(provider.at("authorize"));
  for (const [page, forms] of [[login, ` ${provider.app}`], [consent, ` ${provider.app}`], [signOut, " "], [error, " "]]) {
    const policy = page.headers.get("content-security-policy");
    assert.match(policy, /^default-src 'none'; style-src 'sha256-[^']+'; /);
    assert.ok(policy.includes(`form-action 'self'${forms};`) && policy.endsWith("frame-ancestors 'none'; base-uri 'none'"), policy);
    assert.equal(page.headers.get("x-frame-options"), "DENY");
    assert.equal(page.headers.get("cache-control"), "no-store");
    assert.ok(!/<script|javascript:| on\w+=/i.test(page.html), page.url);
  }
});

test("O-12 what is shown is text, whatever was sent", async () => {
  const evil = '"><script>alert(1)</script>';
  const page = await new Visitor(provider).go(plain(provider, { login_hint: evil, state: evil }).url);
  assert.equal(page.action, "login");
  assert.ok(!page.html.includes("<script"), page.html);
  assert.equal(new URLSearchParams(page.fields.request).get("state"), evil);
});

test("O-13 nobody is sent to an address after the sign-out that is not registered", async () => {
  const config = await clientOf(provider, "web");
  const visitor = new Visitor(provider);
  const got = await tokens(provider, config, {}, visitor);
  const end = (fields) => visitor.go(`${provider.at("end-session")}?${new URLSearchParams(fields)}`);
  for (const fields of [
    { id_token_hint: got.id_token, post_logout_redirect_uri: "https://evil.example/" },
    { post_logout_redirect_uri: `${provider.app}/bye` },
    { client_id: "own", id_token_hint: got.id_token, post_logout_redirect_uri: `${provider.app}/bye` },
    { client_id: "own", post_logout_redirect_uri: `${provider.app}/bye` },
    { id_token_hint: got.access_token },
    { id_token_hint: "x.y.z" },
  ]) {
    const page = await end(fields);
    assert.equal(page.status, 400, JSON.stringify(Object.keys(fields)));
  }
  const page = await end({ client_id: "web", post_logout_redirect_uri: `${provider.app}/bye` });
  assert.equal(page.heading, "Sign out?", "without proof whom it means, the user is asked");
  const forged = await new Visitor(provider).send(page, { decision: "sign-out" });
  assert.equal(forged.status, 403);
  const { location } = await visitor.send(page, { decision: "sign-out" });
  assert.equal(location.href, `${provider.app}/bye`);
});

test("O-14 a client is who it proves to be, in the one way that it is registered with", async () => {
  const ask = async (headers, fields) => {
    const body = new URLSearchParams({ grant_type: "client_credentials", ...fields });
    const answer = await fetch(provider.at("token"), { method: "POST", headers, body });
    return [answer.status, (await answer.json()).error];
  };
  const basic = (id, secret) => ({ authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}` });
  const wrong = [401, "invalid_client"];
  assert.deepEqual(await ask(basic("machine", "wrong"), {}), wrong);
  assert.deepEqual(await ask(basic("machine", ""), {}), wrong);
  assert.deepEqual(await ask(basic("nobody", SECRET.secret), {}), wrong);
  assert.deepEqual(await ask({}, { client_id: "machine" }), wrong);
  assert.deepEqual(await ask({}, {}), wrong);
  assert.deepEqual(await ask({}, { client_id: "machine", client_secret: SECRET.secret }), wrong);
  assert.deepEqual(await ask({}, { client_id: "native", client_secret: "x" }), wrong);
  assert.deepEqual(await ask({ authorization: "Bearer x" }, { client_id: "machine" }), wrong);
  assert.deepEqual(await ask(basic("machine", SECRET.secret), { client_secret: SECRET.secret }), [400, "invalid_request"]);
  assert.deepEqual(await ask(basic("machine", SECRET.secret), { client_id: "web" }), [400, "invalid_request"]);
  const code = await ask(basic("machine", SECRET.secret), { grant_type: "authorization_code", code: "x" });
  assert.deepEqual(code, [400, "unauthorized_client"]);
});

test("O-15 a token that was changed, unsigned, signed otherwise or of another kind is none", async () => {
  const config = await clientOf(provider, "web");
  const got = await tokens(provider, config, { scope: "openid offline_access" });
  const [head, body, signature] = got.access_token.split(".");
  const encode = (json) => Buffer.from(JSON.stringify(json)).toString("base64url");
  const changed = encode({ ...payload(got.access_token), sub: "bob", exp: 9999999999 });
  for (const [what, token] of [
    ["another body", [head, changed, signature].join(".")],
    ["no signature", [encode({ ...header(got.access_token), alg: "none" }), body, ""].join(".")],
    ["another algorithm", [encode({ ...header(got.access_token), alg: "HS256" }), body, signature].join(".")],
    ["another key", [encode({ ...header(got.access_token), kid: header(got.id_token).kid }), body, signature].join(".")],
    ["an ID token", got.id_token],
    ["a refresh token", got.refresh_token],
    ["nothing", "x"],
  ]) {
    const answer = await fetch(provider.at("userinfo"), { headers: { authorization: `Bearer ${token}` } });
    assert.equal(answer.status, 401, what);
    assert.match(answer.headers.get("www-authenticate"), /error="invalid_token"/);
  }
  const none = await fetch(provider.at("userinfo"));
  assert.deepEqual([none.status, none.headers.get("www-authenticate")], [401, 'Bearer realm="oidc"']);
});

test("O-16 a token for something else, or without openid, tells nothing of the user", async () => {
  const machine = await openid.clientCredentialsGrant(await clientOf(provider, "machine"), {});
  const plainOAuth = await tokens(provider, await clientOf(provider, "web"), { scope: "mcp:read", nonce: undefined });
  assert.equal(plainOAuth.id_token, undefined);
  for (const [token, status] of [[machine.access_token, 403], [plainOAuth.access_token, 403]]) {
    const answer = await fetch(provider.at("userinfo"), { headers: { authorization: `Bearer ${token}` } });
    assert.equal(answer.status, status);
    assert.match(answer.headers.get("www-authenticate"), /insufficient_scope/);
  }
});

test("O-17 a refresh token is worth nothing to another client, and no more after a change", async () => {
  const config = await clientOf(provider, "web");
  const got = await tokens(provider, config, { scope: "openid offline_access" });
  const ask = (refresh_token, as) => post(provider, "token", { grant_type: "refresh_token", refresh_token }, as);
  assert.equal((await ask(got.refresh_token, { id: "own" })).body.error, "invalid_grant");
  const [id, generation, mark] = got.refresh_token.split(".");
  for (const forged of [`${id}.1.${mark}`, `${id}.${generation}.${"A".repeat(43)}`, id, "", `${got.refresh_token}.x`]) {
    assert.notEqual((await ask(forged)).status, 200, forged);
  }
  const more = await post(provider, "token", { grant_type: "refresh_token", refresh_token: got.refresh_token, scope: "openid email" });
  assert.equal(more.body.error, "invalid_scope");
  assert.equal((await ask(got.refresh_token)).status, 200, "nothing of this ended it");
});

test("O-18 a resource or a scope that is not configured is refused", async () => {
  const of = async (changes) => (await new Visitor(provider).go(plain(provider, changes).url)).location?.searchParams.get("error");
  assert.equal(await of({ resource: "https://evil.example/" }), "invalid_target");
  assert.equal(await of({ scope: "unknown" }), "invalid_scope");
  assert.equal(await of({ request: "x" }), "request_not_supported");
  assert.equal(await of({ request_uri: "https://evil.example/" }), "request_uri_not_supported");
  assert.equal(await of({ response_mode: "fragment" }), "invalid_request");
  assert.equal(await of({ prompt: "none login" }), "invalid_request");
});

test("O-19 another password ends sessions and grants, and who is removed comes in no more", async () => {
  const own = await Provider.start();
  try {
    const config = await clientOf(own, "web");
    const visitor = new Visitor(own);
    const got = await tokens(own, config, { scope: "openid offline_access" }, visitor);
    const users = configuration(own.app).users.map((user) => (user.name === "ann" ? { ...user, password_hash: passwordHash("another one") } : user));
    await own.change({ users });
    assert.equal((await visitor.go((await request(own, config)).url)).action, "login");
    await assert.rejects(openid.refreshTokenGrant(config, got.refresh_token), { error: "invalid_grant" });
    const refused = await visitor.signIn(await visitor.go((await request(own, config)).url));
    assert.equal(refused.status, 401, "the old password is none");
    await own.change({ users: users.filter(({ name }) => name !== "bob") });
    const gone = await visitor.signIn(refused, BOB);
    assert.equal(gone.status, 401);
  } finally {
    await own.stop();
  }
});

test("O-22 scopes and resources that the operator took back are in no new token", async () => {
  const own = await Provider.start();
  try {
    const { clients } = configuration(own.app);
    const others = clients.filter(({ id }) => id !== "web" && id !== "resource-server");
    const web = clients.find(({ id }) => id === "web");
    const narrow = (scopes, more = {}) => own.change({ clients: [...others, { ...web, scopes }], ...more });
    const config = await clientOf(own, "web");
    const scope = "openid offline_access mcp:read mcp:write";
    const got = [];
    for (let count = 0; count < 3; count++) got.push(await tokens(own, config, { scope, resource: MCP }));
    const asked = plain(own, { scope });
    const code = (await new Visitor(own).through(asked.url)).searchParams.get("code");
    await narrow(["openid", "offline_access", "mcp:read"]);
    const redeemed = await post(own, "token", { grant_type: "authorization_code", code, code_verifier: asked.verifier, redirect_uri: `${own.app}/cb` });
    assert.equal(redeemed.body.scope, "openid offline_access mcp:read");
    const refresh = (token, more = {}) => post(own, "token", { grant_type: "refresh_token", refresh_token: token, ...more });
    const narrowed = await refresh(got[0].refresh_token);
    assert.deepEqual([narrowed.body.scope, payload(narrowed.body.access_token).aud], ["openid offline_access mcp:read", MCP]);
    assert.equal((await refresh(got[1].refresh_token, { scope: "mcp:write" })).body.error, "invalid_scope");
    // What it had is gone: its tokens end, also where all of it comes back.
    await narrow(["openid", "mcp:read"]);
    assert.equal((await refresh(got[1].refresh_token)).body.error, "invalid_grant", "no refresh without offline_access");
    await narrow(["openid", "offline_access"], { resources: ["https://gateway.example.com/plugins/other"] });
    assert.equal((await refresh(got[2].refresh_token)).body.error, "invalid_grant", "the resource is gone");
    await narrow(["profile"]);
    assert.equal((await refresh(redeemed.body.refresh_token)).body.error, "invalid_grant", "nothing is left");
    await own.change({});
    for (const token of [got[1].refresh_token, got[2].refresh_token, redeemed.body.refresh_token]) {
      assert.equal((await refresh(token)).body.error, "invalid_grant");
    }
    assert.equal((await refresh(narrowed.body.refresh_token)).status, 200, "others go on");
  } finally {
    await own.stop();
  }
});

test("O-20 keys and grants outlive the process", async () => {
  const own = await Provider.start();
  try {
    const config = await clientOf(own, "web");
    const got = await tokens(own, config, { scope: "openid offline_access", resource: MCP });
    const keys = await (await fetch(own.at("jwks"))).text();
    await own.gateway.api.done("POST", `/plugins/${own.plugin.id}/reload`, {});
    await own.serves();
    assert.equal(await (await fetch(own.at("jwks"))).text(), keys);
    assert.ok((await openid.refreshTokenGrant(config, got.refresh_token)).access_token);
  } finally {
    await own.stop();
  }
});

test("O-23 a program that says it is a native client of the operator's own gets no code without the user", async () => {
  const visitor = new Visitor(provider);
  const asked = (changes) => plain(provider, { client_id: "own-native", redirect_uri: "http://127.0.0.1:9/cb", ...changes }).url;
  for (let round = 0; round < 2; round++) {
    let page = await visitor.go(asked());
    if (page.action === "login") page = await visitor.signIn(page);
    assert.equal(page.action, "consent", "each time");
    assert.ok((await visitor.send(page, { decision: "allow" })).location.searchParams.get("code"));
  }
  assert.equal((await visitor.go(asked({ prompt: "none" }))).location.searchParams.get("error"), "consent_required");
  const own = await visitor.go(plain(provider, { client_id: "own" }).url);
  assert.ok(own.location.searchParams.get("code"), "where a secret proves who it is nobody is asked");
});

test("O-24 a code verifier that is short enough to guess, too long or of other characters is none", async () => {
  const challengeOf = (verifier) => createHash("sha256").update(verifier).digest("base64url");
  for (const verifier of ["a", "a".repeat(42), "a".repeat(129), `${"a".repeat(42)}+`, `${"a".repeat(42)} `, "ä".repeat(43)]) {
    const answer = await redeem(await code({ code_challenge: challengeOf(verifier) }), { code_verifier: verifier });
    assert.deepEqual([answer.status, answer.body.error], [400, "invalid_grant"], verifier);
  }
  for (const verifier of ["a".repeat(43), "aZ09-._~".repeat(16)]) {
    const answer = await redeem(await code({ code_challenge: challengeOf(verifier) }), { code_verifier: verifier });
    assert.equal(answer.status, 200, verifier);
  }
  const challenge = challengeOf("a".repeat(43));
  for (const code_challenge of [challenge.slice(1), `${challenge}A`, `${challenge}=`, `${challenge.slice(1)}+`, `${challenge.slice(1)} `]) {
    const { location } = await new Visitor(provider).go(plain(provider, { code_challenge }).url);
    assert.equal(location.searchParams.get("error"), "invalid_request", code_challenge);
  }
});

test("O-25 a script or a frame of another page of this host gets no form and sends none", async () => {
  const visitor = new Visitor(provider);
  await visitor.signIn(await visitor.go(plain(provider).url));
  const { url } = plain(provider, { prompt: "consent" });
  const consent = await visitor.go(url);
  const fields = new URLSearchParams({ ...consent.fields, decision: "allow" });
  const login = new URLSearchParams({ ...consent.fields, ...ANN });
  const fromOthers = [
    ...["cors", "no-cors", "same-origin", "websocket"].map((mode) => ({ "sec-fetch-mode": mode, "sec-fetch-dest": "empty" })),
    ...["iframe", "frame", "embed", "object"].map((dest) => ({ "sec-fetch-dest": dest })),
  ];
  for (const headers of fromOthers) {
    for (const [at, options] of [
      [url, {}],
      [url, { method: "HEAD" }],
      [provider.at("end-session"), {}],
      [provider.at("authorize"), { method: "POST", body: url.search.slice(1) }],
      [provider.at("login"), { method: "POST", body: login }],
      [provider.at("consent"), { method: "POST", body: fields }],
      [provider.at("end-session"), { method: "POST", body: fields }],
    ]) {
      const answer = await visitor.ask(at, { ...options, headers });
      assert.deepEqual([answer.status, answer.action], [403, undefined], `${options.method} ${at} ${JSON.stringify(headers)}`);
    }
  }
  assert.ok((await visitor.send(consent, { decision: "allow" })).location.searchParams.get("code"), "nobody was signed out");
});

test("O-26 who is told that too many sign in at once did not fail", async () => {
  const own = await Provider.start();
  try {
    const visitor = new Visitor(own);
    const form = await visitor.go(plain(own).url);
    const said = new Map();
    for (let round = 0; round < 3; round++) {
      // Less than an address has free, and more than there are places: whoever finds none did not fail.
      const size = Math.min(40, 48 - (said.get(401) ?? 0));
      if (size < 20) break;
      const names = Array.from({ length: size }, (_, at) => `user-${round}-${at}`);
      const answers = await Promise.all(names.map((name) => visitor.send(form, { name, password: "wrong" })));
      for (const { status } of answers) said.set(status, (said.get(status) ?? 0) + 1);
    }
    assert.ok(said.get(503) > 0 && said.get(401) < 50, JSON.stringify([...said]));
    assert.equal(said.get(429), undefined, JSON.stringify([...said]));
    assert.ok(await new Visitor(own).through(plain(own).url));
  } finally {
    await own.stop();
  }
});

test("O-27 another page signs nobody out with a form, which brings no cookie", async () => {
  const victim = new Visitor(provider);
  await victim.through(plain(provider).url);
  for (const [body, status] of [["", 303], [`client_id=web&state=x`, 303], ["decision=sign-out", 403]]) {
    const cookies = new Map(victim.cookies);
    // What a browser sends with the form of another page, and what it keeps of the answer.
    victim.cookies.clear();
    const answer = await victim.ask(provider.at("end-session"), { method: "POST", body, headers: { "sec-fetch-site": "cross-site" } });
    assert.deepEqual([answer.status, answer.headers.getSetCookie()], [status, []], body);
    victim.cookies = cookies;
    if (status === 303) assert.equal((await victim.ask(answer.location)).heading, "Sign out?");
  }
  const stranger = await new Visitor(provider).ask(provider.at("end-session"));
  assert.deepEqual(stranger.headers.getSetCookie(), [], "nor by a link");
  assert.ok((await victim.go(plain(provider, { prompt: "none" }).url)).location.searchParams.get("code"), "still signed in");
});

test("O-28 of ten who bring a refresh token at once at most one gets tokens, and they end", async () => {
  const first = await redeem(await code({ scope: "openid offline_access" }));
  const refresh = (refresh_token) => post(provider, "token", { grant_type: "refresh_token", refresh_token });
  const all = await Promise.all(Array.from({ length: 10 }, () => refresh(first.body.refresh_token)));
  const good = all.filter(({ status }) => status === 200);
  assert.ok(good.length <= 1 && all.every(({ status, body }) => status === 200 || body.error === "invalid_grant"), JSON.stringify(all.map(({ status }) => status)));
  for (const { body } of [first, ...good]) {
    assert.equal(await isActive(body.access_token), false);
    assert.equal((await refresh(body.refresh_token)).body.error, "invalid_grant");
  }
});

test("O-29 nobody learns of tokens of another client, or ends them", async () => {
  const { body } = await redeem(await code({ scope: "openid offline_access" }));
  const other = { id: "own" };
  for (const token of [body.access_token, body.refresh_token]) {
    for (const as of [other, { id: "machine" }, { id: "resource-server" }]) {
      assert.deepEqual((await post(provider, "introspect", { token }, as)).body, { active: false });
    }
    assert.equal((await post(provider, "introspect", { token }, { id: "native", secret: "" })).status, 401);
    assert.equal((await post(provider, "revoke", { token }, other)).body.error, "invalid_grant");
    assert.equal(await isActive(token), true);
  }
  assert.equal((await post(provider, "introspect", { token: body.id_token })).body.active, false, "an ID token is none for access");
});

test("O-30 a parameter that two readers take otherwise, or another way for the answer, gets no code", async () => {
  const challenge = "A".repeat(43);
  for (const more of [
    "code_challenge=" + challenge,
    "code_challenge_method=plain",
    "response_type=code",
    "scope=mcp:write",
    "state=another",
    "nonce=a&nonce=b",
    "prompt=none&prompt=login",
    "max_age=1&max_age=100000",
    "response_mode=fragment",
    "response_mode=form_post",
    "response_mode=query&response_mode=fragment",
    "request=e30.e30.",
    "request_uri=https://evil.example/",
  ]) {
    const visitor = new Visitor(provider);
    const answer = await visitor.go(`${plain(provider).url}&${more}`);
    assert.equal(answer.location?.searchParams.get("code") ?? undefined, undefined, more);
    assert.ok(answer.status === 400 || answer.location.searchParams.get("error"), more);
    assert.equal(answer.location?.hash ?? "", "", more);
  }
  for (const response_type of ["token", "id_token", "code token", "code id_token", "none", "CODE"]) {
    const { location } = await new Visitor(provider).go(plain(provider, { response_type }).url);
    assert.equal(location.searchParams.get("error"), "unsupported_response_type", response_type);
  }
  const twice = await redeem(await code(), { "client_id": "own" });
  assert.deepEqual([twice.status, twice.body.error], [400, "invalid_request"]);
});

test("O-31 whoever must sign in again does, and nobody is shown a form where none is wanted", async () => {
  const visitor = new Visitor(provider);
  await visitor.through(plain(provider).url);
  for (const changes of [{ prompt: "login" }, { max_age: "0" }, { prompt: "login consent" }]) {
    const asked = plain(provider, changes).url;
    for (let time = 0; time < 2; time++) assert.equal((await visitor.go(asked)).action, "login", JSON.stringify(changes));
  }
  for (const changes of [{ prompt: "none login" }, { prompt: "unknown" }, { max_age: "-1" }, { max_age: "1e9" }, { max_age: "99999999999999999999999" }]) {
    const answer = await visitor.go(plain(provider, changes).url);
    assert.equal(answer.location?.searchParams.get("error"), "invalid_request", JSON.stringify(changes));
  }
});

test("O-32 a token of one kind is none of another", async () => {
  const got = await code({ scope: "openid offline_access" });
  const { body } = await redeem(got);
  for (const refresh_token of [got.code, body.access_token, body.id_token, `${body.refresh_token}.x`, body.refresh_token.replace(/\.0\./, ".00."), body.refresh_token.replace(/\.0\./, ".+0.")]) {
    const answer = await post(provider, "token", { grant_type: "refresh_token", refresh_token });
    assert.deepEqual([answer.status, answer.body.error], [400, "invalid_grant"], refresh_token);
  }
  const fresh = await code();
  for (const wrong of [body.refresh_token, body.access_token, `${fresh.code}.x`, fresh.code.toUpperCase()]) {
    assert.equal((await redeem({ ...fresh, code: wrong })).body.error, "invalid_grant");
  }
  const told = (token) => fetch(provider.at("userinfo"), { headers: { authorization: `Bearer ${token}` } });
  for (const token of [body.id_token, body.refresh_token, got.code]) assert.equal((await told(token)).status, 401);
  assert.equal((await told(body.access_token)).status, 200, "and all of that ended nothing");
});
