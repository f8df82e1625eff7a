// What goes on when keys are replaced, and when the provider's storage is away: tokens that were given open other plugins.

import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { eventually } from "../../../../ui/tests/support/eventually.mjs";
import { pluginCommand } from "../../../../ui/tests/support/gateway.mjs";
import { header, plain, post } from "./support/clients.mjs";
import { configuration, Provider } from "./support/provider.mjs";
import { navigate } from "./support/visitor.mjs";

/** A provider whose tokens open the plugin `lab` beside it. */
async function world(changes) {
  const provider = await Provider.start();
  const { api } = provider.gateway;
  const resource = `${provider.gateway.clients}/plugins/lab/*`;
  await api.done("POST", "/apps", { name: "billing", owner_email: "ops@example.com" });
  await api.done("POST", "/issuers", { name: "own", url: provider.issuer, allow_private: true, audiences: [`${provider.gateway.clients}/plugins/{slug}/*`], clients: { machine: "billing" } });
  await api.addPlugin({ name: "lab", slug: "lab", command: pluginCommand("lab"), options: { issuers: "own" } });
  const usual = configuration(provider.app);
  await provider.change({ resources: [...usual.resources, resource], ...changes });
  const token = async () => {
    const answer = await post(provider, "token", { grant_type: "client_credentials", resource: `${provider.gateway.clients}/plugins/lab/x` }, { id: "machine" });
    return answer.status === 200 ? answer.body.access_token : Promise.reject(new Error(JSON.stringify(answer)));
  };
  const opens = async (token) => (await fetch(`${provider.gateway.clients}/plugins/lab/status/200`, { headers: { authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(20_000) })).status;
  const keys = async () => (await (await fetch(provider.at("jwks"))).json()).keys.filter(({ alg }) => alg === "ES256").map(({ kid }) => kid);
  return { provider, api, token, opens, keys };
}

let it;
before(async () => {
  it = await world({ key_lifetime: 12, key_overlap: 6, access_token_lifetime: 120 });
});
after(() => it?.provider.stop());

test("a key is replaced: the next one is published before it signs, and tokens of the one before go on", async () => {
  const first = await it.token();
  const kid = header(first).kid;
  assert.equal(await it.opens(first), 200);
  await eventually("the next key is published", async () => (await it.keys()).some((one) => one !== kid));
  // While both are published the one before signs: who has not looked for keys knows it.
  assert.equal(header(await it.token()).kid, kid);
  const next = await eventually("another one signs", async () => {
    const token = await it.token();
    return header(token).kid !== kid && token;
  });
  assert.ok((await it.keys()).includes(kid));
  assert.equal(await it.opens(first), 200);
  await eventually("the new one opens, too", async () => (await it.opens(next)) === 200);
});

test("without its storage nobody signs in, which is 503 and says why, and tokens that were given go on", async () => {
  const given = await it.token();
  await eventually("the key is known", async () => (await it.opens(given)) === 200);
  await it.api.done("POST", `/plugins/${it.provider.plugin.id}/revoke`, { scopes: ["kv.readwrite"] });
  await eventually("signing in is 503", async () => (await navigate(plain(it.provider).url, { headers: { cookie: "sidegate_oidc=some-session" } })).status === 503);
  assert.equal(await it.opens(given), 200);
  await eventually("the log says what to grant", () => it.provider.gateway.process.said().includes("kv.readwrite"));
  await it.api.done("POST", `/plugins/${it.provider.plugin.id}/grant`, { scopes: ["kv.readwrite"] });
  await eventually("it goes on", async () => (await it.opens(await it.token())) === 200);
});
