// Clients of the revision 2026-07-28: the SDK's own, and plain requests for what no SDK would send.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { send } from "./client.mjs";

export const STATELESS = "2026-07-28";
const meta = "io.modelcontextprotocol/";

/** The SDK's client, which speaks nothing older. */
export async function modern(url, token, { capabilities = {}, ...handlers } = {}) {
  const client = new Client({ name: "judge", version: "2.0.0" }, { capabilities, versionNegotiation: { mode: { pin: STATELESS } } });
  for (const [method, handler] of Object.entries(handlers)) client.setRequestHandler(method, handler);
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
  return client;
}

/** A request that stands alone. */
export function alone(method, params = {}, { id = 1, capabilities = {}, level } = {}) {
  const _meta = { ...params._meta, [`${meta}protocolVersion`]: STATELESS, [`${meta}clientInfo`]: { name: "plain", version: "1" }, [`${meta}clientCapabilities`]: capabilities };
  if (level) _meta[`${meta}logLevel`] = level;
  return { jsonrpc: "2.0", id, method, params: { ...params, _meta } };
}

/** Sends it with the headers that it needs. */
export function sendAlone(url, message, { token, headers = {}, signal } = {}) {
  const name = message.params.name ?? message.params.uri;
  return send(url, message, { token, signal, headers: { "mcp-protocol-version": STATELESS, "mcp-method": message.method, ...(name ? { "mcp-name": name } : {}), ...headers } });
}
