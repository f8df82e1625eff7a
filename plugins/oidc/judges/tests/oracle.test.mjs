// The same wrong requests, here and at oidc-provider: both refuse them in the same words of OAuth.

import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { plain } from "./support/clients.mjs";
import { oracle } from "./support/oracle.mjs";
import { MCP, Provider, SECRET } from "./support/provider.mjs";
import { navigate } from "./support/visitor.mjs";

let provider, other;
before(async () => {
  provider = await Provider.start();
  other = await oracle(provider.app);
});
after(async () => {
  other?.stop();
  await provider?.stop();
});

/** What a browser is told: where the refusal goes, and its code. */
async function authorized(at, changes) {
  const answer = await navigate(new URL(`${at("authorize")}${plain(provider, changes).url.search}`));
  const location = answer.headers.get("location");
  if (!location) return answer.status >= 400 ? "shown here" : "asked";
  const url = new URL(location, at(""));
  if (url.pathname.startsWith("/interaction")) return "asked";
  // It answers some in the fragment, which here is not known.
  const said = url.hash ? new URLSearchParams(url.hash.slice(1)) : url.searchParams;
  assert.ok(said.get("iss"), "each answer names who gives it");
  return said.get("error") ?? "a code";
}

/** What a program is told. */
async function told(at, path, fields, headers = {}) {
  const answer = await fetch(at(path), { method: "POST", headers, body: new URLSearchParams(fields) });
  const text = await answer.text();
  const body = text.startsWith("{") ? JSON.parse(text) : {};
  return `${answer.status} ${body.error ?? (body.active === undefined ? "" : `active: ${body.active}`)}`.trim();
}

test("wrong requests of applications are refused as oidc-provider refuses them", async () => {
  const redirect_uri = `${provider.app}/cb`;
  for (const changes of [
    {},
    { client_id: "nobody" },
    { client_id: undefined },
    { redirect_uri: "https://evil.example/cb" },
    { redirect_uri: `${redirect_uri}/` },
    { client_id: "native", redirect_uri },
    { response_type: undefined },
    { response_type: "token" },
    { code_challenge: undefined, code_challenge_method: undefined },
    { code_challenge_method: undefined },
    { code_challenge_method: "plain" },
    { code_challenge: "short" },
    { prompt: "none" },
    { prompt: "none login" },
    { prompt: "unknown" },
    { max_age: "x" },
    { request: "x" },
    { request_uri: "https://evil.example/" },
    { registration: "{}" },
    { resource: "https://evil.example/" },
    { resource: MCP, scope: "openid mcp:read" },
    { scope: "openid unknown" },
    { login_hint: "ann" },
  ]) {
    const [own, theirs] = [await authorized(provider.at.bind(provider), changes), await authorized(other.at, changes)];
    assert.equal(own, theirs, JSON.stringify(changes));
  }
});

test("wrong requests of programs are refused as oidc-provider refuses them", async () => {
  const basic = (id, secret = SECRET.secret) => ({ authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}` });
  const redirect_uri = `${provider.app}/cb`;
  const code = { grant_type: "authorization_code", code: "x", code_verifier: "v".repeat(43), redirect_uri };
  // RFC 6749 has a code of its own for a client that may not use a grant, RFC 7636 for a verifier that is missing; a
  // client has one method here.
  const [notAllowed, missing, method] = ["400 unauthorized_client", "400 invalid_request", "401 invalid_client"];
  for (const [path, fields, headers, differs] of [
    ["token", code, basic("web")],
    ["token", { ...code, code_verifier: undefined }, basic("web"), missing],
    ["token", code, basic("web", "wrong")],
    ["token", code, basic("nobody")],
    ["token", code, basic("machine"), notAllowed],
    ["token", { ...code, client_id: "native" }],
    ["token", { ...code, client_id: "web" }],
    ["token", { ...code, client_id: "web", client_secret: SECRET.secret }, undefined, method],
    ["token", { ...code, client_id: "post", client_secret: SECRET.secret }],
    ["token", code, basic("post"), method],
    ["token", { ...code, client_secret: SECRET.secret }, basic("web")],
    ["token", {}, basic("web")],
    ["token", { grant_type: "password", username: "ann", password: "x" }, basic("web")],
    ["token", { grant_type: "refresh_token", refresh_token: "x" }, basic("web")],
    ["token", { grant_type: "refresh_token" }, basic("web")],
    ["token", { grant_type: "client_credentials" }, basic("web"), notAllowed],
    ["token", { grant_type: "client_credentials", scope: "mcp:write" }, basic("machine")],
    ["token", { grant_type: "client_credentials", resource: "https://evil.example/" }, basic("machine")],
    ["token", { grant_type: "client_credentials", scope: "mcp:read", resource: MCP }, basic("machine")],
    ["introspect", { token: "x" }, basic("web")],
    ["introspect", {}, basic("web")],
    ["introspect", { token: "x" }, basic("web", "wrong")],
    ["revoke", { token: "x" }, basic("web")],
    ["revoke", {}, basic("web")],
    ["revoke", { token: "x" }, basic("web", "wrong")],
  ]) {
    const sent = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
    const [own, theirs] = [await told(provider.at.bind(provider), path, sent, headers), await told(other.at, path, sent, headers)];
    assert.equal(own, differs ?? theirs, `${path} ${JSON.stringify(fields)} ${JSON.stringify(headers)}`);
    if (differs) assert.notEqual(differs, theirs, "no difference any more");
  }
});
