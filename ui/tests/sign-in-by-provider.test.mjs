// Signing in by way of an OpenID Connect provider: in a browser with our own, which is a plugin of the same gateway, and
// everything that must not let anybody in, with one that does what a test tells it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { startBrowser, Visitor } from "./support/browser.mjs";
import { eventually } from "./support/eventually.mjs";
import { freePort } from "./support/free-port.mjs";
import { Gateway, pluginCommand } from "./support/gateway.mjs";
import { IdentityProvider } from "./support/identity_provider.mjs";

const PASSWORD = "correct horse battery staple";
const program = pluginCommand("oidc").replace("file://", "");
const run = (word, input) => execFileSync(program, [word], { input, encoding: "utf8" }).trim();
const hash = run("hash-password", PASSWORD);
const [secret, secretHash] = run("new-secret").split("\n").map((line) => line.split(": ")[1]);

const person = (name, groups, more = {}) => ({ name, password_hash: hash, groups, ...more });
const PEOPLE = [person("ann", ["ops"]), person("bob", ["guests"]), person("jane", ["admins"], { sub: "somebody-else" })];

/** A gateway whose console lets in by way of these providers, and the folder of its settings. */
async function gatewayWith(providers, settings = {}, port) {
  const folder = mkdtempSync(join(tmpdir(), "sgoidc"));
  port ??= await freePort();
  const text = providers.map(({ roles, ...fields }) => {
    const lines = Object.entries({ allow_private: true, ...fields }).map(([name, value]) => `${name} = ${JSON.stringify(value)}`);
    const rules = Object.entries(roles).map(([group, role]) => `${JSON.stringify(group)} = "${role}"`);
    return ["[[provider]]", ...lines, "[provider.roles]", ...rules].join("\n");
  });
  writeFileSync(join(folder, "providers.toml"), text.join("\n"));
  writeFileSync(join(folder, "secret"), `${secret}\n`, { mode: 0o600 });
  const gateway = await Gateway.start({
    ADMIN_PORT: String(port),
    SIDEGATE_CONSOLE_ORIGIN: `http://localhost:${port}`,
    SIDEGATE_CONSOLE_OIDC_FILE: join(folder, "providers.toml"),
    ...settings,
  });
  const stop = async () => {
    await gateway.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { gateway, stop };
}

/** The same with our own provider as a plugin there. */
async function withOwnProvider(settings = {}) {
  const [port, admin] = [await freePort(), await freePort()];
  const issuer = `http://localhost:${port}/plugins/oidc`;
  const corp = { name: "corp", title: "Corp", issuer, client_id: "console", client_secret_file: "secret", scopes: ["profile", "groups"], roles: { admins: "admin", ops: "operator" } };
  const world = await gatewayWith([corp], { PORT: String(port), ...settings }, admin);
  const config = (users = PEOPLE) => ({
    slug: "oidc", issuer, users,
    clients: [{ id: "console", name: "Sidegate", secret_hash: secretHash, redirect_uris: [`http://localhost:${admin}/console/sign-in/corp`], first_party: true }],
  });
  const { api } = world.gateway;
  const plugin = await api.addPlugin({ name: "oidc", slug: "oidc", command: pluginCommand("oidc"), config: config(), service_scopes: ["kv.readwrite"] });
  await eventually("the provider answers", async () => (await fetch(`${issuer}/.well-known/openid-configuration`)).ok);
  return { ...world, api, issuer, plugin, config };
}

let browser;
before(async () => {
  browser = await startBrowser();
});
after(() => browser?.close());

async function atProvider(page, name) {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
}

const byCorp = (page) => page.getByRole("button", { name: "Sign in with Corp" }).click();
const session = (page) => page.evaluate(async () => (await fetch("/api/v1/session", { headers: { "X-Sidegate-Session": localStorage.getItem("sidegate.session") } })).json());

test("people sign in by way of our own provider, as what their groups say, and come back to where they wanted to be", async () => {
  const world = await withOwnProvider();
  try {
    const visitor = await Visitor.come(browser, world.gateway);
    const { page } = visitor;
    await page.goto(world.gateway.page("/apps"));
    await page.waitForURL(/\/sign-in/);
    await byCorp(page);
    await page.waitForURL(/\/plugins\/oidc\/authorize/);
    await atProvider(page, "ann");
    await page.getByRole("heading", { level: 1, name: "Apps" }).waitFor();
    assert.equal(new URL(page.url()).pathname, "/console/apps");
    const { attributes } = (await session(page)).data;
    assert.deepEqual([attributes.user, attributes.role, attributes.via], ["ann@corp", "operator", "oidc"]);
    // It is a session like any other: with an idle end, in the list, and of a user whom the log names.
    const entries = (await world.api.ask("GET", "/audit?limit=50")).body.data;
    const begun = entries.find(({ attributes: it }) => it.operation === "sign_in" && it.detail?.includes("by oidc"));
    assert.equal(begun.attributes.actor, "user:ann@corp");
    const users = (await world.api.ask("GET", "/users")).body.data;
    assert.deepEqual(users.map(({ attributes: user }) => [user.name, user.issuer, user.has_password]), [["ann@corp", world.issuer, false]]);
    const refused = await world.api.ask("POST", `/users/${users[0].id}/password`, { password: "a password of twelve" });
    assert.equal(refused.status, 409);
    assert.deepEqual(visitor.leftOver([/^401 /]), []);
    await visitor.leave();
  } finally {
    await world.stop();
  }
});

test("who is in no group with a role is refused with words, and a group that is taken away ends sessions", async () => {
  const world = await withOwnProvider();
  try {
    const visitor = await Visitor.come(browser, world.gateway);
    const { page } = visitor;
    await page.goto(world.gateway.page("/sign-in"));
    await byCorp(page);
    await atProvider(page, "bob");
    await page.getByText("none of your groups may use this console").waitFor();
    assert.deepEqual((await world.api.ask("GET", "/users")).body.data, []);
    await eventually("the refusal is in the log", async () => JSON.stringify((await world.api.ask("GET", "/audit?limit=50")).body).includes("bob@corp is in no group"));

    const jane = await Visitor.come(browser, world.gateway);
    await jane.page.goto(world.gateway.page("/sign-in"));
    await byCorp(jane.page);
    await atProvider(jane.page, "jane");
    await jane.page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    assert.equal((await session(jane.page)).data.attributes.role, "admin");
    const changed = { ...world.config([person("jane", ["guests"], { sub: "somebody-else" })]), scopes: [{ name: "later" }] };
    await world.api.done("PATCH", `/plugins/${world.plugin.id}`, { config: changed });
    // The process before it answers until the new one does.
    await eventually("the change counts", async () => (await (await fetch(`${world.issuer}/.well-known/openid-configuration`)).json()).scopes_supported.includes("later"));
    // In another browser she is refused; the session of the first one ends with that.
    const again = await Visitor.come(browser, world.gateway);
    await again.page.goto(world.gateway.page("/sign-in"));
    await byCorp(again.page);
    await atProvider(again.page, "jane");
    await again.page.getByText("none of your groups may use this console").waitFor();
    assert.ok("error" in (await session(jane.page)));
    for (const one of [visitor, jane, again]) await one.leave();
  } finally {
    await world.stop();
  }
});

test("passwords can be switched off, and a link lets in all the same", async () => {
  const world = await withOwnProvider({ SIDEGATE_CONSOLE_PASSWORD_SIGN_IN: "false" });
  try {
    await world.api.done("POST", "/users", { name: "jane", role: "admin", password: "her long password" });
    const answer = await post(world.gateway, "/session", { name: "jane", password: "her long password" });
    assert.equal(answer.status, 401);
    assert.match(answer.body.error, /SIDEGATE_CONSOLE_PASSWORD_SIGN_IN/);
    const visitor = await Visitor.come(browser, world.gateway);
    const { page } = visitor;
    await page.goto(world.gateway.page("/sign-in"));
    await page.getByRole("button", { name: "Sign in with Corp" }).waitFor();
    assert.equal(await page.getByLabel("Password").count(), 0);
    assert.deepEqual(await visitor.axe(), []);
    const link = await world.api.done("POST", "/console-links");
    await page.goto(link.attributes.url);
    await page.getByRole("button", { name: "Sign in with this link" }).click();
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    await visitor.leave();
  } finally {
    await world.stop();
  }
});

/** A request as a page of the console makes it. */
function post(gateway, path, body, headers = {}) {
  const text = JSON.stringify(body);
  const all = { "content-type": "application/json", "sec-fetch-site": "same-origin", "content-length": Buffer.byteLength(text), ...headers };
  return new Promise((resolve, reject) => {
    const outgoing = request(`${gateway.admin}/api/v1${path}`, { method: "POST", headers: all, signal: AbortSignal.timeout(20_000) }, (incoming) => {
      let said = "";
      incoming.setEncoding("utf8").on("data", (part) => (said += part)).on("error", reject);
      incoming.on("end", () => resolve({ status: incoming.statusCode, headers: incoming.headers, body: JSON.parse(said) }));
    });
    outgoing.on("error", reject).end(text);
  });
}

test("nobody comes in by an answer, a token or an address that is not of the very sign-in", async (t) => {
  const [good, evil] = [await IdentityProvider.start(), await IdentityProvider.start()];
  const at = (name, { issuer }) => ({ name, issuer, client_id: "console", client_secret: "s3cret", scopes: ["profile"], algorithms: ["ES256"], roles: { staff: "viewer" } });
  const world = await gatewayWith([at("good", good), at("evil", evil)], { TRUSTED_PROXIES: "127.0.0.1,::1" });
  const { gateway } = world;
  const begin = async (provider = "good") => (await post(gateway, "/session/oidc", { provider })).body.data.attributes;
  // Each from an address of its own: what fails is counted, which has a test of its own.
  let visitors = 0;
  const finish = (answer) => post(gateway, "/session", { oidc: { provider: "good", ...answer } }, { "x-forwarded-for": `198.51.100.${++visitors}` });
  const back = async (changes = {}) => {
    const { url, flow } = await begin();
    return { flow, ...good.code(url), ...changes };
  };
  const refused = async (name, answer, why) =>
    t.test(name, async () => {
      const got = await finish(await answer());
      assert.equal(got.status, 401, JSON.stringify(got.body));
      assert.equal(got.headers["set-cookie"], undefined);
      await eventually(`the log says ${why}`, async () => JSON.stringify((await gateway.api.ask("GET", "/audit?limit=100")).body).includes(why));
      good.claims = {};
      good.head = {};
    });
  try {
    await t.test("C-00 the way it should be", async () => {
      const { url, flow } = await begin();
      const asked = new URL(url).searchParams;
      assert.equal(asked.get("tenant"), "7");
      assert.equal(asked.get("code_challenge_method"), "S256");
      assert.equal(asked.get("redirect_uri"), `${gateway.admin}/console/sign-in/good`);
      const answer = { flow, ...good.code(url) };
      const got = await finish(answer);
      assert.equal(got.status, 200, JSON.stringify(got.body));
      assert.equal(good.lastForm.redirect_uri, `${gateway.admin}/console/sign-in/good`);
      assert.equal(good.lastAuthorization, `Basic ${Buffer.from("console:s3cret").toString("base64")}`);
      assert.equal(got.body.data.attributes.user, "ann@good");
      const again = await finish({ ...answer, ...good.code(url) });
      assert.equal(again.status, 401, "C-01 what was begun is finished once");
    });
    await refused("C-02 a code that came before", async () => {
      const { code } = await back();
      const first = await begin();
      await finish({ flow: first.flow, code, state: new URL(first.url).searchParams.get("state"), iss: good.issuer });
      return back({ code });
    }, "invalid_grant");
    await refused("C-03 a wrong state", () => back({ state: "x".repeat(43) }), "of no sign-in that this browser began");
    await refused("C-04 an answer that somebody else began (login CSRF)", async () => {
      const theirs = await back();
      return { ...theirs, flow: (await begin()).flow };
    }, "of no sign-in that this browser began");
    await refused("C-05 a flow that was changed", async () => {
      const answer = await back();
      return { ...answer, flow: `${answer.flow.slice(0, -2)}AA` };
    }, "of no sign-in that this browser began");
    await refused("C-06 an answer of another provider (mix-up)", () => back({ iss: evil.issuer }), "iss of the answer is another");
    await refused("C-07 an answer without the iss that is promised", () => back({ iss: undefined }), "has no iss");
    await refused("C-08 an answer at the address of another provider", async () => ({ ...(await back()), provider: "evil" }), "address of another provider");
    for (const [name, claims, why] of [
      ["C-09 a wrong nonce", { nonce: "another" }, "nonce of the ID token"],
      ["C-10 an ID token of another client", { aud: "shop" }, "for another client"],
      ["C-11 one of several clients", { aud: ["console", "shop"], azp: "console" }, "for another client"],
      ["C-12 one of another issuer", { iss: evil.issuer }, "iss of the ID token"],
      ["C-13 one that has expired", { exp: 1_000_000 }, "has expired"],
    ]) {
      await refused(name, () => ((good.claims = claims), back()), why);
    }
    for (const [name, head, why] of [
      ["C-14 alg none", { alg: "none" }, "has not three parts"],
      ["C-15 a public key as a shared secret", { alg: "HS256" }, "alg of the ID token"],
      ["C-16 an access token", { typ: "at+jwt" }, "typ of the token"],
      ["C-17 a key that the provider has not", { kid: "another" }, "no key of the provider"],
    ]) {
      await refused(name, () => ((good.head = head), back()), why);
    }
  } finally {
    good.stop();
    evil.stop();
    await world.stop();
  }
});

test("guessing is limited, the address to come back to is the configured one, and a browser gets a new session", async () => {
  const good = await IdentityProvider.start();
  const world = await gatewayWith([{ name: "good", issuer: good.issuer, client_id: "console", client_secret: "s3cret", roles: { "*": "viewer" } }]);
  const { gateway } = world;
  try {
    const begin = async (headers) => (await post(gateway, "/session/oidc", { provider: "good" }, headers)).body.data.attributes;
    // C-18: whatever the request says of its host, people come back to where the operator said.
    const { url, flow } = await begin({ "x-forwarded-host": "evil.example", "x-forwarded-proto": "https" });
    assert.ok(new URL(url).searchParams.get("redirect_uri").startsWith(`${gateway.admin}/`));
    // C-19: nobody begins from another page, and nobody finishes there.
    for (const path of ["/session/oidc", "/session"]) {
      const cross = await post(gateway, path, { provider: "good" }, { "sec-fetch-site": "cross-site" });
      assert.equal(cross.status, 403);
    }
    // C-20: a session that somebody else chose is not the one that begins.
    const fixed = "__Host-sidegate_console=sgc_chosen-by-somebody-else";
    const got = await post(gateway, "/session", { oidc: { provider: "good", flow, ...good.code(url) } }, { cookie: fixed });
    assert.equal(got.status, 200, JSON.stringify(got.body));
    assert.ok(!got.headers["set-cookie"][0].includes("chosen-by-somebody-else"));
    // C-21: where one goes on is a path of the console, whatever the address says.
    const visitor = await Visitor.come(browser, gateway);
    await visitor.page.goto(gateway.page("/sign-in/good?code=theirs&state=theirs&to=https://evil.example"));
    await visitor.page.getByText("no sign-in that this tab began").waitFor();
    assert.equal(new URL(visitor.page.url()).search, "");
    await visitor.leave();
    // C-22: failing is counted, as it is for passwords.
    let status = 0;
    for (let times = 0; times < 12 && status !== 429; times += 1) {
      status = (await post(gateway, "/session", { oidc: { provider: "good", flow: "x", code: "y", state: "z" } })).status;
    }
    assert.equal(status, 429);
  } finally {
    good.stop();
    await world.stop();
  }
});
