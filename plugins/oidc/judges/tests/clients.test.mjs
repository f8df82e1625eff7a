// Clients that the operator does not know: those that register themselves, and those that are a document.

import assert from "node:assert/strict";
import { createServer as createPlainServer } from "node:http";
import test from "node:test";
import * as openid from "openid-client";
import { eventually } from "../../../../ui/tests/support/eventually.mjs";
import { plain, request, tokens } from "./support/clients.mjs";
import { documents } from "./support/documents.mjs";
import { Provider } from "./support/provider.mjs";
import { Visitor } from "./support/visitor.mjs";

const insecure = { execute: [openid.allowInsecureRequests] };

async function withProvider(changes, body, options) {
  const provider = await Provider.start(changes, options);
  try {
    await body(provider);
  } finally {
    await provider.stop();
  }
}

test("R-01 nobody registers unless the operator wants it", () =>
  withProvider({}, async (provider) => {
    const answer = await fetch(provider.at("register"), { method: "POST", body: JSON.stringify({ redirect_uris: [`${provider.app}/cb`] }) });
    assert.equal(answer.status, 404);
    const document = await (await fetch(provider.at(".well-known/openid-configuration"))).json();
    assert.equal(document.registration_endpoint, undefined);
    assert.equal(document.client_id_metadata_document_supported, undefined);
    const page = await new Visitor(provider).ask(plain(provider, { client_id: "https://localhost:1/client.json" }).url);
    assert.equal(page.status, 400);
  }));

test("an application registers itself, and signs somebody in", () =>
  withProvider({ registration: true }, async (provider) => {
    const metadata = { client_name: "A new shop", redirect_uris: [`${provider.app}/cb`], grant_types: ["authorization_code", "refresh_token"], token_endpoint_auth_method: "client_secret_post" };
    const config = await openid.dynamicClientRegistration(new URL(provider.issuer), metadata, undefined, insecure);
    assert.match(config.clientMetadata().client_id, /^dyn\./);
    const page = await new Visitor(provider).go((await request(provider, config)).url);
    assert.equal(page.heading, "Sign in to A new shop");
    const got = await tokens(provider, config, { scope: "openid offline_access" });
    assert.ok((await openid.refreshTokenGrant(config, got.refresh_token)).access_token);
    const alone = openid.clientCredentialsGrant(config);
    await assert.rejects(alone, { error: "unauthorized_client" });
    await provider.change({ registration: false });
    assert.equal((await new Visitor(provider).ask((await request(provider, config)).url)).status, 400, "no more");
  }));

test("R-02 what an application says of itself must be sound, and its token the operator's", () =>
  withProvider({ registration: true, registration_token: "let-me-in" }, async (provider) => {
    const register = async (metadata, token = "let-me-in") => {
      const answer = await fetch(provider.at("register"), { method: "POST", headers: { authorization: `Bearer ${token}` }, body: JSON.stringify(metadata) });
      return [answer.status, (await answer.json()).error];
    };
    const redirect_uris = [`${provider.app}/cb`];
    assert.deepEqual(await register({ redirect_uris }, "x"), [401, "invalid_token"]);
    for (const [metadata, code] of [
      [{}, "invalid_client_metadata"],
      [{ redirect_uris: [] }, "invalid_redirect_uri"],
      [{ redirect_uris: ["javascript:alert(1)"] }, "invalid_redirect_uri"],
      [{ redirect_uris: ["http://evil.example/"] }, "invalid_redirect_uri"],
    ]) {
      assert.deepEqual(await register(metadata), [400, code], JSON.stringify(metadata));
    }
    // Five at an address are free.
    assert.equal((await register({ redirect_uris }))[0], 201);
    assert.deepEqual(await register({ redirect_uris }), [429, "temporarily_unavailable"]);
  }));

test("R-05 registrations and sign-ins that fail are counted apart", () =>
  withProvider({ registration: true }, async (provider) => {
    const visitor = new Visitor(provider);
    const form = await visitor.go(plain(provider).url);
    const fail = async () => (await visitor.send(form, { name: "registration", password: "wrong" })).status;
    const register = async () => (await fetch(provider.at("register"), { method: "POST", body: JSON.stringify({ redirect_uris: [`${provider.app}/cb`] }) })).status;
    for (let count = 0; count < 5; count++) assert.equal(await fail(), 401);
    assert.equal(await fail(), 429);
    for (let count = 0; count < 5; count++) assert.equal(await register(), 201);
    assert.equal(await register(), 429);
    assert.ok(await new Visitor(provider).through(plain(provider).url), "others come in");
  }));

test("R-06 a name that nobody sees is refused, and people read where they go on to", () =>
  withProvider({ registration: true }, async (provider) => {
    const register = async (client_name) => {
      const metadata = { client_name, redirect_uris: [`${provider.app}/cb`], token_endpoint_auth_method: "none" };
      const answer = await fetch(provider.at("register"), { method: "POST", body: JSON.stringify(metadata) });
      return [answer.status, await answer.json()];
    };
    for (const name of ["The bank\u0000", "The \u202eknab", "The\u200b bank", "\u2067The bank"]) {
      const [status, { error }] = await register(name);
      assert.deepEqual([status, error], [400, "invalid_client_metadata"], JSON.stringify(name));
    }
    const [, { client_id }] = await register("The bank");
    const visitor = new Visitor(provider);
    const where = `<p>You go on to ${provider.app}.</p>`;
    const login = await visitor.go(plain(provider, { client_id }).url);
    assert.ok(login.action === "login" && login.html.includes(where), login.html);
    const again = await visitor.send(login, { name: "ann", password: "wrong" });
    assert.ok(again.status === 401 && again.html.includes(where), again.html);
    const consent = await visitor.signIn(again);
    assert.ok(consent.action === "consent" && consent.html.includes(where), consent.html);
  }));

test("R-07 a stranger's link leads nobody from here to its address before they signed in", () =>
  withProvider({ registration: true }, async (provider) => {
    const bye = "https://evil.example/bye";
    const metadata = { redirect_uris: [`${provider.app}/cb`], post_logout_redirect_uris: [bye], token_endpoint_auth_method: "none" };
    const registered = await fetch(provider.at("register"), { method: "POST", body: JSON.stringify(metadata) });
    const { client_id } = await registered.json();
    const signOut = `${provider.at("end-session")}?${new URLSearchParams({ client_id, post_logout_redirect_uri: bye })}`;
    const [stranger, visitor] = [new Visitor(provider), new Visitor(provider)];
    const wrong = [{ response_type: "token" }, { scope: "unknown" }, { prompt: "none" }, { code_challenge: undefined }];
    for (const changes of wrong) {
      const page = await stranger.go(plain(provider, { client_id, ...changes }).url);
      assert.deepEqual([page.status, page.location], [400, undefined], JSON.stringify(changes));
      const { location } = await stranger.go(plain(provider, changes).url);
      assert.ok(location.searchParams.get("error"), "configured ones are told");
    }
    assert.equal((await stranger.go(signOut)).heading, "You are signed out");
    await visitor.signIn(await visitor.go(plain(provider, { client_id }).url));
    for (const changes of wrong) {
      const { location } = await visitor.go(plain(provider, { client_id, ...changes }).url);
      assert.ok(location.searchParams.get("error"), JSON.stringify(changes));
    }
    const { location } = await visitor.send(await visitor.go(signOut), { decision: "sign-out" });
    assert.equal(location.href, bye);
    assert.equal((await visitor.go(signOut)).heading, "You are signed out", "once");
  }));

test("a document is a client, read once; R-03 what is wrong, too long or leads elsewhere is none", async () => {
  const served = await documents();
  const { origin, answers, asked } = served;
  const changes = { client_id_metadata_documents: true, client_id_metadata_private_addresses: true };
  try {
    await withProvider(changes, async (provider) => {
      const document = (path, more = {}) => JSON.stringify({ client_id: `${origin}${path}`, client_name: "Editor", redirect_uris: [`${provider.app}/cb`], ...more });
      const json = { "content-type": "application/json" };
      answers.set("/good.json", [200, json, document("/good.json")]);
      answers.set("/long.json", [200, json, document("/long.json", { padding: "x".repeat(6000) })]);
      answers.set("/other.json", [200, json, document("/good.json")]);
      answers.set("/secret.json", [200, json, document("/secret.json", { token_endpoint_auth_method: "client_secret_basic" })]);
      answers.set("/evil.json", [200, json, document("/evil.json", { redirect_uris: ["javascript:alert(1)"] })]);
      answers.set("/elsewhere.json", [302, { location: `${origin}/good.json` }, ""]);
      answers.set("/unseen.json", [200, json, document("/unseen.json", { client_name: "\u202erotidE" })]);
      answers.set("/html.json", [200, json, "<html>"]);
      const config = await openid.discovery(new URL(provider.issuer), `${origin}/good.json`, {}, openid.None(), insecure);
      assert.equal(config.serverMetadata().client_id_metadata_document_supported, true);
      const page = await new Visitor(provider).go((await request(provider, config)).url);
      assert.equal(page.heading, "Sign in to Editor (localhost)");
      assert.ok(page.html.includes(`You go on to ${provider.app}.`), page.html);
      const got = await tokens(provider, config);
      assert.equal(got.claims().aud, `${origin}/good.json`);
      assert.deepEqual(asked, ["/good.json"], "remembered");
      for (const path of ["/long.json", "/other.json", "/secret.json", "/evil.json", "/unseen.json", "/elsewhere.json", "/html.json", "/missing.json"]) {
        const answer = await new Visitor(provider).ask(plain(provider, { client_id: `${origin}${path}` }).url);
        assert.deepEqual([answer.status, answer.problem], [400, "the application is not known here"], path);
      }
      assert.equal(asked.filter((path) => path === "/good.json").length, 1, "no redirect is followed");
    }, { "env.SSL_CERT_FILE": served.certificate });
  } finally {
    served.stop();
  }
});

test("R-04 documents within private networks, of other hosts or without TLS are not asked for", async () => {
  const served = await documents();
  try {
    const changes = { client_id_metadata_documents: true };
    await withProvider(changes, async (provider) => {
      for (const id of [`${served.origin}/c.json`, served.origin.replace("localhost", "127.0.0.1") + "/c.json", served.origin.replace("https", "http") + "/c.json"]) {
        assert.equal((await new Visitor(provider).ask(plain(provider, { client_id: id }).url)).status, 400, id);
      }
      await provider.change({ ...changes, client_id_metadata_private_addresses: true, client_id_metadata_hosts: ["a.example"] });
      assert.equal((await new Visitor(provider).ask(plain(provider, { client_id: `${served.origin}/c.json` }).url)).status, 400);
      assert.deepEqual(served.asked, []);
    }, { "env.SSL_CERT_FILE": served.certificate });
  } finally {
    served.stop();
  }
});

test("R-09 no redirect of a document is followed: by no status, into no network, without TLS, with nobody's credentials", async () => {
  const served = await documents();
  const { origin, answers, asked } = served;
  // What a redirect could lead to within: each would be a good document.
  const within = createPlainServer((incoming, response) => {
    asked.push(`within ${incoming.url}`);
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ client_id: `${origin}/r0.json`, redirect_uris: ["https://evil.example/"] }));
  });
  await new Promise((resolve) => within.listen(0, "127.0.0.1", resolve));
  within.unref();
  const port = within.address().port;
  const changes = { client_id_metadata_documents: true, client_id_metadata_private_addresses: true };
  try {
    await withProvider(changes, async (provider) => {
      const good = JSON.stringify({ client_id: `${origin}/good.json`, redirect_uris: [`${provider.app}/cb`] });
      answers.set("/good.json", [200, { "content-type": "application/json" }, good]);
      answers.set("/chain.json", [302, { location: `http://127.0.0.1:${port}/chain` }, ""]);
      const host = new URL(origin).host;
      const locations = [
        [301, `${origin}/good.json`],
        [302, `${origin}/chain.json`],
        [303, `http://127.0.0.1:${port}/loopback`],
        [307, `http://localhost:${port}/down`],
        [308, `http://[::ffff:127.0.0.1]:${port}/mapped`],
        [302, `https://user:password@${host}/good.json`],
        [302, `//user@${host}/good.json`],
        [302, "/good.json"],
        [300, `${origin}/good.json`],
        [304, `${origin}/good.json`],
        [302, "file:///etc/passwd"],
        [302, `http://169.254.169.254/latest`],
      ];
      for (const [at, [status, location]] of locations.entries()) answers.set(`/r${at}.json`, [status, { location, refresh: `0; url=${location}` }, ""]);
      // A good status with a place in it is no redirect either, and a document that is none.
      answers.set("/refresh.json", [200, { "content-type": "application/json", refresh: `0; url=${origin}/good.json`, location: `${origin}/good.json` }, "{}"]);
      const paths = [...locations.keys()].map((at) => `/r${at}.json`).concat("/refresh.json");
      for (const path of paths) {
        const answer = await new Visitor(provider).ask(plain(provider, { client_id: `${origin}${path}` }).url);
        assert.deepEqual([answer.status, answer.problem], [400, "the application is not known here"], path);
      }
      assert.deepEqual(asked, paths, "each was asked for once, and nothing else");
      for (const id of [`https://user:password@${host}/good.json`, `https://user@${host}/good.json`]) {
        assert.equal((await new Visitor(provider).ask(plain(provider, { client_id: id }).url)).status, 400, id);
      }
      assert.deepEqual(asked, paths, "an id with credentials is none");
      assert.equal((await new Visitor(provider).go(plain(provider, { client_id: `${origin}/good.json` }).url)).action, "login", "where it is itself it is good");
    }, { "env.SSL_CERT_FILE": served.certificate });
  } finally {
    within.closeAllConnections();
    within.close();
    served.stop();
  }
});

test("R-08 a host that never answers takes two places of its own, and nobody else's", async () => {
  const served = await documents();
  const { origin, answers, asked, held } = served;
  const changes = { client_id_metadata_documents: true, client_id_metadata_private_addresses: true };
  try {
    await withProvider(changes, async (provider) => {
      const ask = (path) => new Visitor(provider).ask(plain(provider, { client_id: `${origin}${path}` }).url);
      const slow = [1, 2].map((number) => ask(`/slow-${number}.json`));
      await eventually("both are asked for", () => held.length === 2);
      for (const path of ["/slow-3.json", "/good.json"]) {
        const begun = performance.now();
        const answer = await ask(path);
        assert.equal(answer.status, 503, `${path}: ${answer.html}`);
        assert.ok(performance.now() - begun < 2000, "it is told at once");
      }
      assert.equal(asked.length, 2, "and not asked for");
      const page = await new Visitor(provider).go(plain(provider).url);
      assert.equal(page.action, "login", "clients that are known go on");
      for (const response of held) response.writeHead(404).end();
      for (const answer of await Promise.all(slow)) assert.equal(answer.status, 400);
      answers.set("/good.json", [200, { "content-type": "application/json" }, JSON.stringify({ client_id: `${origin}/good.json`, redirect_uris: [`${provider.app}/cb`] })]);
      assert.equal((await new Visitor(provider).go(plain(provider, { client_id: `${origin}/good.json` }).url)).action, "login", "the places are free again");
      // One address asks for many: 30 within ten minutes, of which it had three.
      let many = 0;
      while ((await ask(`/many-${many}.json`)).status === 400) many++;
      assert.equal(many, 27);
      assert.equal((await new Visitor(provider).go(plain(provider, { client_id: `${origin}/good.json` }).url)).action, "login", "what is known is not asked for");
    }, { "env.SSL_CERT_FILE": served.certificate });
  } finally {
    served.stop();
  }
});
