// oidc-provider, the reference in JavaScript, with the same clients, scopes and resources, to compare refusals with.

import { createServer } from "node:http";
import * as oidc from "oidc-provider";
import { configuration, MCP, SECRET } from "./provider.mjs";

const METHODS = { none: "none", post: "client_secret_post", basic: "client_secret_basic" };

function clientOf({ id, secret_hash, redirect_uris = [], post_logout_redirect_uris = [], grants, scopes, token_endpoint_auth_method }) {
  const method = token_endpoint_auth_method ?? (secret_hash ? METHODS.basic : METHODS.none);
  const grant_types = grants ?? ["authorization_code", "refresh_token"];
  return {
    client_id: id,
    client_secret: secret_hash ? SECRET.secret : undefined,
    application_type: secret_hash ? "web" : "native",
    redirect_uris,
    post_logout_redirect_uris,
    grant_types,
    response_types: grant_types.includes("authorization_code") ? ["code"] : [],
    token_endpoint_auth_method: method,
    ...(scopes ? { scope: scopes.join(" ") } : {}),
  };
}

/** A running oidc-provider, for an application at this address. */
export async function oracle(app) {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const { clients, resources } = configuration(app);
  const provider = new oidc.Provider(issuer, {
    // It takes addresses of this machine for native applications only.
    clients: clients.map(clientOf).map((client) => ({ ...client, application_type: "native" })),
    scopes: ["openid", "offline_access", "profile", "email", "mcp:read", "mcp:write"],
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => {
          if (!resources.includes(resource)) throw new oidc.errors.InvalidTarget();
          return { scope: "mcp:read mcp:write", audience: MCP, accessTokenFormat: "jwt" };
        },
      },
    },
    cookies: { keys: ["a-key-of-a-test"] },
    interactions: { url: () => "/interaction" },
    renderError: (context, out) => {
      context.type = "json";
      context.body = out;
    },
  });
  server.on("request", provider.callback());
  return { issuer, at: (path) => `${issuer}/${PATHS[path] ?? path}`, stop: () => server.close() };
}

const PATHS = { authorize: "auth", introspect: "token/introspection", revoke: "token/revocation", userinfo: "me", "end-session": "session/end" };
