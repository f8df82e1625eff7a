// Requests as no library of clients would write them.

import { request } from "node:http";
import { VERSION } from "./client.mjs";

/** One request to exactly this path, with exactly these headers besides the usual ones. */
export function raw(origin, path, { method = "POST", headers = {}, body, token, session } = {}) {
  const { hostname, port } = new URL(origin);
  const usual = {
    accept: "application/json, text/event-stream",
    ...(body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
    ...(token ? { authorization: `Bearer ${token}` } : {}),
    ...(session ? { "mcp-session-id": session, "mcp-protocol-version": VERSION } : {}),
  };
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(20_000);
    const outgoing = request({ hostname, port, path, method, headers: { ...usual, ...headers }, agent: false, signal }, (incoming) => {
      const parts = [];
      const end = () => resolve({ status: incoming.statusCode, headers: incoming.headers, text: Buffer.concat(parts).toString() });
      incoming.on("error", reject).on("data", (part) => parts.push(part)).on("end", end);
    });
    outgoing.on("error", reject).end(body);
  });
}
