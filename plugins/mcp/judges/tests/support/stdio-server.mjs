// The server of the tests as a program: it speaks by stdin and stdout.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { EmptyResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { mcpServer } from "./upstream.mjs";

const text = (words) => ({ content: [{ type: "text", text: words }] });
let count = 0;
const helpers = {
  polite: 'process.on("SIGTERM", () => { console.error("a helper was asked to end"); process.exit(); });',
  deaf: 'process.on("SIGTERM", () => {});',
};
/** Starts a process that outlives this one unless somebody ends it; gives its id once it is ready for signals. */
async function helper(kind) {
  const started = spawn(process.execPath, ["-e", `${helpers[kind]} setInterval(() => {}, 1000); console.log("ready")`], { stdio: ["ignore", "pipe", "inherit"] });
  await once(started.stdout, "data");
  started.stdout.destroy();
  started.unref();
  return started.pid;
}
const tools = {
  environment: { call: async () => text(JSON.stringify({ ...process.env, arguments: process.argv.slice(2) })) },
  counted: { call: async () => text(String(++count)) },
  pid: { call: async () => text(String(process.pid)) },
  slow: {
    async call(_, { _meta, sendNotification }) {
      const progressToken = _meta?.progressToken;
      if (progressToken !== undefined) await sendNotification({ method: "notifications/progress", params: { progressToken, progress: 0 } });
      await sleep(3000);
      return text(String(process.pid));
    },
  },
  later: {
    async call() {
      setTimeout(() => process.stdout.write('{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n'), 200);
      return text("soon");
    },
  },
  ping: {
    async call(_, { sendRequest }) {
      await sendRequest({ method: "ping" }, EmptyResultSchema, { timeout: 20_000 });
      return text("pong");
    },
  },
  helpers: { call: async () => text(JSON.stringify([await helper("polite"), await helper("deaf"), process.pid])) },
  crash: { call: async () => process.exit(1) },
  chat: {
    async call() {
      process.stdout.write("this is no message\n");
      process.stderr.write("a word to the operator\n");
      return text("said");
    },
  },
};
await mcpServer({ name: "program", tools, calls: [] }).connect(new StdioServerTransport());
