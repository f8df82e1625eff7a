// What is held back, beside what is not there: a client asks for both, to tell one from the other.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { attacks } from "./support/attacks.mjs";
import { begin, call, request } from "./support/client.mjs";
import { Modern } from "./support/modern.mjs";
import { STATELESS, alone } from "./support/modern-client.mjs";
import { raw } from "./support/raw.mjs";
import { Served } from "./support/served.mjs";
import { Upstream } from "./support/upstream.mjs";

const PROGRAM = fileURLToPath(new URL("support/stdio-server.mjs", import.meta.url));
const SERVERS = ["old", "new", "program"];

let [old, fresh, served] = [];
const tokens = {};
const scene = {
  async start() {
    const secret = { secret_1: { call: async () => assert.fail("it is held back") } };
    old = await Upstream.start({ name: "old", tools: secret });
    fresh = await Modern.start({ name: "new", tools: secret });
    const held = { tools: { deny: ["secret_*"] }, resources: { deny: ["test://secret*"] }, prompts: { deny: ["secret_*"] } };
    const servers = [{ name: "old", url: old.url, ...held }, { name: "new", url: fresh.url, ...held }, { name: "program", command: process.execPath, args: [PROGRAM], processes: 32, processes_per_app: 32, ...held }];
    served = await Served.start({ servers }, { "env.MCP_COMMANDS": process.execPath });
    tokens.ann = await served.token("ann");
    tokens.narrow = await served.token("narrow", { mcp_servers: "old" });
  },
  async stop() {
    await served?.stop();
    await old?.stop();
    await fresh?.stop();
  },
};

/** Each server by its own address and by that of all, for clients of both eras: how one asks there, and what names begin with. */
async function* ways(token) {
  for (const [server, path] of SERVERS.flatMap((server) => [[server, `/plugins/mcp/${server}/mcp`], [server, "/plugins/mcp/mcp"]])) {
    const isOfAll = path === "/plugins/mcp/mcp";
    const names = { name: (name) => (isOfAll ? `${server}__${name}` : name), uri: (uri) => (isOfAll ? `${server}+${uri}` : uri) };
    const session = await begin(`${served.gateway.clients}${path}`, token);
    const ofOld = (message) => raw(served.gateway.clients, path, { body: JSON.stringify(message), token, headers: { "mcp-session-id": session, "mcp-protocol-version": "2025-11-25" } });
    const ofNew = ({ method, params }) => {
      const message = alone(method, params);
      const headers = { "mcp-protocol-version": STATELESS, "mcp-method": method, "mcp-name": params.name ?? params.uri };
      return raw(served.gateway.clients, path, { body: JSON.stringify(message), token, headers });
    };
    yield { what: `a client of 2025 at ${path}, ${server}`, ask: ofOld, ...names };
    yield { what: `a client of 2026 at ${path}, ${server}`, ask: ofNew, ...names };
  }
}

/** An answer without what is different each time. */
function seen({ status, headers, text }, name) {
  const { date, "x-request-id": id, ...rest } = headers;
  assert.ok(text.includes(name), `the error names it as the client called it: ${text}`);
  return { status, headers: rest, text: text.replaceAll(name, "*") };
}

async function areAlike(what, ask, message, [one, other]) {
  const first = seen(await ask(message(one)), one);
  assert.match(first.text, /"error":/, what);
  assert.deepEqual(seen(await ask(message(other)), other), first, what);
}

attacks(import.meta.url, scene, [
  {
    id: "M-44",
    attack: "a client asks for a tool, a resource or a prompt that is held back, and for one that is not there, to tell one from the other",
    outcome: "the same answer but for the name, which is as the client called it: status, headers, form and words",
    async tries() {
      for await (const { what, ask, name, uri } of ways(tokens.ann)) {
        await areAlike(what, ask, (it) => call(it), [name("secret_1"), name("absent_1")]);
        await areAlike(what, ask, (it) => request("resources/read", { uri: it }), [uri("test://secret"), uri("test://absent")]);
        await areAlike(what, ask, (it) => request("prompts/get", { name: it }), [name("secret_1"), name("absent_1")]);
      }
    },
  },
  {
    id: "M-45",
    attack: "an app asks at the address of all servers for a tool of a server that it may not use, and of one that is not there",
    outcome: "the same answer but for the name",
    async tries() {
      for await (const { what, ask } of ways(tokens.narrow)) {
        if (!what.includes("/plugins/mcp/mcp, old")) continue;
        await areAlike(what, ask, (it) => call(it), ["new__test_simple_text", "nix__test_simple_text"]);
      }
    },
  },
]);
