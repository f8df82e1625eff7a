// A program that breaks the rules of servers, in the way that its argument names, once its session has begun.

import { createInterface } from "node:readline";

const way = process.argv[2];
const say = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);

/** Writes as fast as it is read. */
function flood(to, piece) {
  const more = () => {
    while (to.write(piece()));
    to.once("drain", more);
  };
  more();
}

const ways = {
  hang: () => {},
  endless: () => flood(process.stdout, () => "x".repeat(50_000)),
  garbage: () => flood(process.stdout, () => "no message\n".repeat(1000)),
  stderr: (id) => {
    for (let at = 0; at < 2000; at++) process.stderr.write(`${at} ${"x".repeat(2000)}\n`);
    say({ id, result: { content: [] } });
  },
  other: (id) => {
    for (const one of [99, String(id), null]) say({ id: one, result: { content: [] } });
    say({ id, result: { of: id } });
  },
  chat: () => setInterval(() => say({ method: "notifications/message", params: { level: "info", data: "x" } }), 50),
  loop: () => setInterval(() => say({ id: `q${Math.random()}`, method: "sampling/createMessage", params: { messages: [], maxTokens: 1 } }), 20),
  pid: (id) => say({ id, result: { of: process.pid } }),
};
if (way === "stays") {
  process.stdin.resume();
  process.on("SIGTERM", () => {});
  setInterval(() => {}, 1000);
}
createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  if (method === "initialize") say({ id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: way, version: "1" } } });
  else if (method === "tools/call") (ways[way] ?? ways.pid)(id);
});
