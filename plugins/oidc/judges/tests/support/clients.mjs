// Applications, as openid-client makes them, and the parts of a request that tests change.

import { createHash, randomBytes } from "node:crypto";
import * as openid from "openid-client";
import { SECRET } from "./provider.mjs";
import { Visitor } from "./visitor.mjs";

/** An application that has read what the provider is. */
export async function clientOf(provider, id, metadata = {}, authentication) {
  const own = authentication ?? (id === "native" ? openid.None() : openid.ClientSecretBasic(SECRET.secret));
  return openid.discovery(new URL(provider.issuer), id, metadata, own, { execute: [openid.allowInsecureRequests] });
}

/** A request of an application: where it leads, and what its answer is held against. */
export async function request(provider, config, parameters = {}) {
  const verifier = openid.randomPKCECodeVerifier();
  const [state, nonce] = [openid.randomState(), openid.randomNonce()];
  const url = openid.buildAuthorizationUrl(config, {
    redirect_uri: `${provider.app}/cb`,
    scope: "openid",
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
    nonce,
    ...parameters,
  });
  return { url, verifier, checks: { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true } };
}

/** The tokens of somebody who goes all the way. */
export async function tokens(provider, config, parameters, visitor = new Visitor(provider)) {
  const asked = await request(provider, config, parameters);
  const answer = await visitor.through(asked.url);
  const idTokenExpected = asked.url.searchParams.get("scope").split(" ").includes("openid");
  return openid.authorizationCodeGrant(config, answer, { ...asked.checks, ...(idTokenExpected ? {} : { idTokenExpected, expectedNonce: undefined }) });
}

/** The plain form of a request, for what no library would send. */
export function plain(provider, changes = {}) {
  const verifier = randomBytes(32).toString("base64url");
  const params = new URLSearchParams({
    client_id: "web",
    redirect_uri: `${provider.app}/cb`,
    response_type: "code",
    scope: "openid",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    state: "a-state",
  });
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) params.delete(name);
    else params.set(name, value);
  }
  return { url: new URL(`${provider.at("authorize")}?${params}`), verifier };
}

/** A form to an endpoint for programs, as a client with a secret. */
export async function post(provider, path, fields, { id = "web", secret = SECRET.secret } = {}) {
  const headers = secret ? { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}` } : {};
  const body = new URLSearchParams(secret ? fields : { client_id: id, ...fields });
  const answer = await fetch(provider.at(path), { method: "POST", headers, body, signal: AbortSignal.timeout(20_000) });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: text.startsWith("{") ? JSON.parse(text) : text };
}

/** The payload of a token, unchecked. */
export function payload(token) {
  return JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
}

export function header(token) {
  return JSON.parse(Buffer.from(token.split(".")[0], "base64url"));
}
