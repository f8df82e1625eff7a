// An OpenID Connect provider that does what a test tells it, also what no provider should: metadata, keys, tokens, userinfo.

import { createHmac, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { createServer } from "node:http";

const coded = (value) => Buffer.from(typeof value === "string" || Buffer.isBuffer(value) ? value : JSON.stringify(value)).toString("base64url");

/** A running provider. What it says of whom is in `claims`, `head` and `userinfo`; codes are good once, as they are anywhere. */
export class IdentityProvider {
  static async start() {
    const provider = new IdentityProvider();
    provider.server = createServer((request, response) => provider.answer(request, response));
    await new Promise((resolve) => provider.server.listen(0, "127.0.0.1", resolve));
    provider.server.unref();
    provider.issuer = `http://127.0.0.1:${provider.server.address().port}`;
    return provider;
  }

  constructor() {
    this.key = generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.codes = new Map();
    this.claims = {};
    this.head = {};
    this.userinfo = { sub: "u1", groups: ["staff"] };
    this.metadata = {};
    this.asked = [];
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }

  /** What a browser brings back of an authorization request, for a new code. */
  code(url) {
    const asked = Object.fromEntries(new URL(url).searchParams);
    const code = randomBytes(8).toString("hex");
    this.codes.set(code, asked);
    return { code, state: asked.state, iss: this.issuer };
  }

  token(asked) {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: this.issuer, aud: asked.client_id, sub: "u1", nonce: asked.nonce, iat: now, exp: now + 60, preferred_username: "ann", ...this.claims };
    const head = { alg: "ES256", kid: "k", ...this.head };
    const signed = `${coded(head)}.${coded(claims)}`;
    if (head.alg === "none") return `${signed}.`;
    const jwk = this.key.publicKey.export({ format: "jwk" });
    if (head.alg === "HS256") return `${signed}.${coded(createHmac("sha256", JSON.stringify(jwk)).update(signed).digest())}`;
    return `${signed}.${coded(sign("sha256", Buffer.from(signed), { key: this.key.privateKey, dsaEncoding: "ieee-p1363" }))}`;
  }

  async answer(request, response) {
    const say = (status, body, headers = {}) => response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
    const { pathname } = new URL(request.url, this.issuer);
    this.asked.push(`${request.method} ${pathname}`);
    if (pathname === "/.well-known/openid-configuration") {
      const at = (path) => `${this.issuer}${path}`;
      return say(200, {
        issuer: this.issuer, jwks_uri: at("/jwks"), authorization_endpoint: at("/authorize?tenant=7"), token_endpoint: at("/token"),
        userinfo_endpoint: at("/userinfo"), authorization_response_iss_parameter_supported: true, ...this.metadata,
      });
    }
    if (pathname === "/jwks") return say(200, { keys: [{ ...this.key.publicKey.export({ format: "jwk" }), kid: "k", use: "sig" }] });
    if (pathname === "/userinfo") return say(200, this.userinfo);
    if (pathname !== "/token") return say(404, {});
    let body = "";
    for await (const part of request) body += part;
    const form = Object.fromEntries(new URLSearchParams(body));
    this.lastForm = form;
    this.lastAuthorization = request.headers.authorization;
    const asked = this.codes.get(form.code);
    this.codes.delete(form.code);
    if (!asked) return say(400, { error: "invalid_grant" });
    return say(200, { access_token: "an-access-token", token_type: "Bearer", id_token: this.token(asked) });
  }
}
