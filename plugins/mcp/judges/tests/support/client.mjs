// Clients: the SDK's own, and plain requests for what no SDK would send.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

export const VERSION = "2025-11-25";

/** The SDK's client, connected. */
export async function connected(url, token, capabilities = {}) {
  const client = new Client({ name: "judge", version: "1.0.0" }, { capabilities });
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  client.transport_ = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
  await client.connect(client.transport_);
  return client;
}

/** One request. `session` and `token` go into headers. */
export async function send(url, body, { session, token, method = "POST", headers = {}, signal } = {}) {
  const answer = await fetch(url, {
    method,
    headers: {
      accept: method === "GET" ? "text/event-stream" : "application/json, text/event-stream",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(session ? { "mcp-session-id": session, "mcp-protocol-version": VERSION } : {}),
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...headers,
    },
    body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
    signal: signal ?? AbortSignal.timeout(20_000),
  });
  return answer;
}

export const request = (method, params = {}, id = 1) => ({ jsonrpc: "2.0", id, method, params });
export const call = (name, args = {}, id = 1) => request("tools/call", { name, arguments: args }, id);
export const initialize = request("initialize", { protocolVersion: VERSION, capabilities: {}, clientInfo: { name: "judge", version: "1" } });

/** Begins a session; gives its id. */
export async function begin(url, token) {
  const answer = await send(url, initialize, { token });
  await answer.text();
  const session = answer.headers.get("mcp-session-id");
  await (await send(url, { jsonrpc: "2.0", method: "notifications/initialized" }, { session, token })).text();
  return session;
}

/** Messages of an answer, be it one or a stream. */
export async function* messages(answer) {
  if (!answer.headers.get("content-type")?.startsWith("text/event-stream")) {
    yield await answer.json();
    return;
  }
  let text = "";
  for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
    text += piece;
    const events = text.split("\n\n");
    text = events.pop();
    for (const event of events) {
      const data = event.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n");
      if (data) yield JSON.parse(data);
    }
  }
}

/** The last message of an answer. */
export async function last(answer) {
  let message;
  for await (message of messages(answer));
  return message;
}
