// A client that knows one address and nobody's token ends with a tool's answer: it finds out where people sign in, and a person
// does so in a browser. Gateway, provider, plugin, server, application and browser are real.

import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { documents } from "../../../oidc/judges/tests/support/documents.mjs";
import { ANN, Provider } from "../../../oidc/judges/tests/support/provider.mjs";
import { parts as client2 } from "../clients/client.mjs";
import { parts as sdk1 } from "../clients/sdk.mjs";
import { initialize, send } from "./support/client.mjs";
import { Person, startBrowser } from "./support/person.mjs";
import { Served } from "./support/served.mjs";
import { Upstream } from "./support/upstream.mjs";

const DOCUMENT = "/editor.json";
const said = { call: async (_, { requestInfo }) => ({ content: [{ type: "text", text: requestInfo.headers.authorization ?? "no token" }] }) };

let [upstream, documentServer, provider, served, browser] = [];
before(async () => {
  upstream = await Upstream.start({ tools: { read_one: said, write_one: said } });
  documentServer = await documents();
  provider = await Provider.start({}, { "env.SSL_CERT_FILE": documentServer.certificate });
  const { gateway } = provider;
  await provider.change({
    issuer: gateway.clients,
    clients: [{ id: "desk", name: "The desk", redirect_uris: ["http://127.0.0.1/cb"] }],
    scopes: [{ name: "files.read", description: "Read your files" }, { name: "files.write", description: "Change your files" }],
    resources: [`${gateway.clients}/plugins/mcp/*`],
    client_id_metadata_documents: true,
    client_id_metadata_private_addresses: true,
  });
  const document = `${documentServer.origin}${DOCUMENT}`;
  const metadata = { client_id: document, client_name: "Editor", redirect_uris: [`${provider.app}/cb`], token_endpoint_auth_method: "none" };
  documentServer.answers.set(DOCUMENT, [200, { "content-type": "application/json" }, JSON.stringify(metadata)]);
  for (const name of ["desk", "editor"]) await gateway.api.done("POST", "/apps", { name, owner_email: "ops@example.com" });
  await gateway.api.done("POST", "/issuers", {
    name: "own",
    url: "plugin:oidc",
    audiences: [`${gateway.clients}/plugins/{slug}/*`],
    clients: { desk: "desk", [document]: "editor" },
  });
  const servers = [{ name: "everything", url: upstream.url, scopes: [{ tool: "write_*", scope: "files.write" }] }];
  const options = { issuers: "own", "oauth.authorization_servers": "plugin:oidc", scopes_required: "files.read", query_token: "false", allowed_origins: "same" };
  served = await Served.on(gateway, { servers }, options);
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await provider?.stop();
  documentServer?.stop();
  await upstream?.stop();
});

/** The way of every client: refused, led to who gives tokens, there and back, and in. */
const WAY = [
  "POST /plugins/mcp/mcp",
  "GET /.well-known/oauth-protected-resource/plugins/mcp/mcp",
  "GET /.well-known/oauth-authorization-server/plugins/oidc",
];

const DESK = ["that the provider knows beforehand", () => ({ client_id: "desk", issuer: provider.issuer }), "The desk"];
const EDITOR = ["that is a document", () => ({ clientMetadataUrl: `${documentServer.origin}${DOCUMENT}` }), "Editor (localhost)"];
for (const [sdk, parts, [kind, known, name]] of [
  ["sdk 1.x", sdk1, DESK],
  ["sdk 1.x", sdk1, EDITOR],
  ["client 2.x", client2, DESK],
  ["client 2.x", client2, EDITOR],
]) {
  test(`${sdk}: from the bare address to a tool's answer, with a client ${kind}, and on to a tool that needs more consent`, async () => {
    const person = await Person.come(browser, ANN, parts, provider.app, known());
    const { client, call } = await person.connect(served.url());
    assert.deepEqual(person.asked.slice(0, WAY.length), WAY);
    assert.equal(person.asked.filter((one) => one === "POST /plugins/oidc/token").length, 1);
    assert.deepEqual([person.kept.token_type.toLowerCase(), person.kept.scope], ["bearer", "files.read"]);
    assert.equal(await call("read_one"), "no token", "the server sees none");
    assert.equal(person.consents.length, 1);
    assert.ok(person.consents[0].includes(name) && person.consents[0].includes("Read your files"), person.consents[0]);
    assert.ok(!person.consents[0].includes("Change your files"), "nobody is asked for more than is needed");

    // The tool is listed; 403 says what it needs, and what the token had is not lost.
    assert.ok((await client.listTools()).tools.some((tool) => tool.name === "write_one"));
    const calls = upstream.calls.length;
    assert.equal(await call("write_one"), "no token");
    assert.equal(upstream.calls.length, calls + 1, "the server heard of the call that was let through, and of no other");
    assert.equal(person.consents.length, 2);
    assert.ok(person.consents[1].includes("Change your files"), person.consents[1]);
    assert.deepEqual(person.kept.scope.split(" ").sort(), ["files.read", "files.write"]);
    assert.equal(await call("read_one"), "no token");
    assert.equal(person.consents.length, 2);
    await client.close();
    await person.leave();
  });
}

test("a client that is nobody's app gets a token, which opens nothing", async () => {
  const [issuer] = await provider.gateway.api.done("GET", "/issuers");
  await provider.gateway.api.done("PATCH", `/issuers/${issuer.id}`, { clients: {} });
  const person = await Person.come(browser, ANN, sdk1, provider.app, DESK[1]());
  await assert.rejects(person.connect(served.url()), /signed in, and still not let in/);
  const answer = await send(served.url(), initialize, { token: person.kept.access_token });
  assert.equal(answer.status, 401);
  assert.match(answer.headers.get("www-authenticate"), /error="invalid_token"/);
  await person.leave();
});
