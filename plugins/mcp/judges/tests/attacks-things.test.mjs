// A denied tool, resource or prompt, by every path and in every spelling.

import assert from "node:assert/strict";
import { attacks } from "./support/attacks.mjs";
import { begin, call, connected, last, request, send } from "./support/client.mjs";
import { raw } from "./support/raw.mjs";
import { Served } from "./support/served.mjs";
import { Upstream } from "./support/upstream.mjs";

const done = { call: async (_, __, upstream) => ({ content: [{ type: "text", text: upstream.name }] }) };

let [one, two, served] = [];
const tokens = {};
const scene = {
  async start() {
    one = await Upstream.start({ name: "one", tools: { delete_all: done, write_one: done } });
    two = await Upstream.start({ name: "two", tools: { delete_all: done } });
    const strict = {
      name: "one",
      url: one.url,
      tools: { deny: ["delete_*"] },
      resources: { deny: ["test://watched-*"] },
      prompts: { allow: ["test_simple_*"] },
      scopes: [{ tool: "write_*", scope: "files.write" }],
    };
    const scoped = { name: "scoped", url: one.url, scopes: [{ tool: "write_*", scope: "files.write" }] };
    served = await Served.start({ servers: [strict, { name: "two", url: two.url }, scoped] });
    tokens.ann = await served.token("ann");
    tokens.narrow = await served.token("narrow", { mcp_tools: "test_simple_*", mcp_servers: "one" });
  },
  async stop() {
    await served?.stop();
    await one?.stop();
    await two?.stop();
  },
};

/** Both ways to the strict server, each with the name that a thing has there, and a session. */
async function ways(token = tokens.ann) {
  const all = [
    [served.url("one"), (name) => name, (uri) => uri],
    [served.url(), (name) => `one__${name}`, (uri) => `one+${uri}`],
  ];
  const begun = [];
  for (const [url, name, uri] of all) {
    const session = await begin(url, token);
    const ask = async (body, options = {}) => send(url, body, { session, token, ...options });
    begun.push({ url, session, name, uri, ask, code: async (body) => (await last(await ask(body))).error?.code });
  }
  one.calls.length = 0;
  return begun;
}

const spellings = (name) => [
  name,
  name.toUpperCase(),
  name[0].toUpperCase() + name.slice(1),
  name.replace("e", "E"),
  ` ${name}`,
  `${name} `,
  `${name}\t`,
  `${name}\n`,
  `${name}\u0000`,
  `${name.slice(0, 3)}\u200b${name.slice(3)}`,
  `${name}\ufeff`,
  `\u202e${name}`,
  String.fromCodePoint(name.codePointAt(0) + 0xfee0) + name.slice(1),
  `${name}\u0301`,
  name.replace("_", "\uff3f"),
  name.replace("_", "\u2010"),
];

attacks(import.meta.url, scene, [
  {
    id: "M-01",
    attack: "a denied tool by a name that somebody could take for its own: other case, blanks, control characters, letters of no or full width",
    outcome: "`Unknown tool`, and the server hears nothing of it",
    async tries() {
      for (const { name, ask } of await ways()) {
        for (const spelled of spellings("delete_all")) {
          const answer = await ask(call(name(spelled)));
          assert.equal(answer.status, 200);
          assert.deepEqual((await answer.json()).error, { code: -32602, message: `Unknown tool: ${name(spelled)}` });
        }
        const escaped = `{"jsonrpc":"2.0","id":1,"method":"tools\\u002fcall","params":{"n\\u0061me":${JSON.stringify(name("delete_"))}}}`;
        const { error } = await (await ask(escaped.replace('delete_"', 'delete_\\u0061ll"'))).json();
        assert.deepEqual(error, { code: -32602, message: `Unknown tool: ${name("delete_all")}` });
      }
      assert.deepEqual(one.calls, []);
    },
  },
  {
    id: "M-02",
    attack: "a denied tool by a message that two programs could read differently: in a batch, named twice, as a notification, by a method that only looks like the right one",
    outcome: "400, an error as answer, or none; the server hears nothing of it",
    async tries() {
      for (const { name, ask } of await ways()) {
        const it = JSON.stringify(name("delete_all"));
        const fine = JSON.stringify(name("test_simple_text"));
        for (const body of [
          `[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":${it}}}]`,
          `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":${fine},"name":${it}}}`,
          `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":${it},"n\\u0061me":${fine}}}`,
          `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":${fine}},"params":{"name":${it}}}`,
          `{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":${it}}}`,
          `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":${it}},"result":{}}`,
          `{"jsonrpc":"2.0","id":null,"method":"tools/call","params":{"name":${it}}}`,
          `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[${it}]}`,
          `{"id":1,"method":"tools/call","params":{"name":${it}}}`,
        ]) {
          assert.equal((await ask(body)).status, 400, body);
        }
        const told = await ask({ jsonrpc: "2.0", method: "tools/call", params: { name: name("delete_all") } });
        assert.equal(await told.text().then((text) => /"result"/.test(text)), false);
        for (const named of [`[${it}]`, `{"name":${it}}`, "null", "1", "true"]) {
          const answer = await ask(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":${named}}}`);
          assert.equal((await answer.json()).error.code, -32602, named);
        }
        for (const method of ["Tools/Call", "tools/call ", "tools/call/", "tools//call", "tools\\call", "tools/call\u0000", "tools.call", "tool/call"]) {
          assert.equal((await (await ask(request(method, { name: name("delete_all") }))).json()).error.code, -32601, method);
        }
        const task = { ...call(name("delete_all")).params, task: { ttl: 1000 }, _meta: { name: name("test_simple_text") } };
        assert.equal((await (await ask(request("tools/call", task))).json()).error.code, -32602);
      }
      assert.deepEqual(one.calls, []);
    },
  },
  {
    id: "M-03",
    attack: "a denied tool by an address or a method of HTTP that only looks like the right one",
    outcome: "no call, whatever the answer is",
    async tries() {
      const { clients } = served.gateway;
      const [{ session }] = await ways();
      const body = JSON.stringify(call("delete_all"));
      for (const path of ["one/mcp/", "one//mcp", "one/./mcp", "one/../one/mcp", "one/mcp/../mcp", "one%2Fmcp", "one/%6dcp", "One/mcp", "ONE/MCP", "one/mcp;a=b", "one/mcp?name=test_simple_text", "one/mcp%00", "mcp/one/mcp", "mcp/../one/mcp", "../mcp/one/mcp", "one", "one/"]) {
        const answer = await raw(clients, `/plugins/mcp/${path}`, { body, token: tokens.ann, session });
        assert.ok(answer.status >= 400 || JSON.parse(answer.text).error.code === -32602, `${path}: ${answer.status} ${answer.text}`);
      }
      for (const method of ["PUT", "PATCH", "GET", "HEAD"]) {
        const answer = await raw(clients, "/plugins/mcp/one/mcp", { method, body, token: tokens.ann, session, headers: { accept: "application/json" } });
        assert.ok(answer.status >= 400, `${method} ${answer.status}`);
      }
      for (const headers of [{ "x-http-method-override": "GET" }, { "mcp-method": "ping", "mcp-name": "test_simple_text" }, { "x-original-url": "/two/mcp" }]) {
        const answer = await raw(clients, "/plugins/mcp/one/mcp", { body, token: tokens.ann, session, headers });
        assert.ok(answer.status >= 400 || JSON.parse(answer.text).error.code === -32602, JSON.stringify(headers));
      }
      assert.deepEqual(one.calls, []);
    },
  },
  {
    id: "M-04",
    attack: "a denied tool at the address of all servers, by the name of another server, of two, or of none",
    outcome: "an error as answer, or the other server's tool",
    async tries() {
      const [, { ask, code }] = await ways();
      for (const name of ["delete_all", "__delete_all", "one_delete_all", "one____delete_all", "one__one__delete_all", "two__one__delete_all", "One__delete_all", "ONE__delete_all", "one __delete_all", "three__delete_all", "one:delete_all", "one/delete_all", "one.delete_all"]) {
        const { error, result } = await last(await ask(call(name)));
        assert.ok(error?.code === -32602 || result?.isError, `${name} ${JSON.stringify(result)}`);
      }
      assert.equal((await last(await ask(call("two__delete_all")))).result.content[0].text, "two");
      assert.equal(await code(call("one__test_simple_text")), undefined);
      assert.ok(one.calls.includes("test_simple_text") && !one.calls.includes("delete_all"), String(one.calls));
    },
  },
  {
    id: "M-05",
    attack: "a denied resource by another spelling of its address, and by reading, subscribing, completing",
    outcome: "`Resource not found`",
    async tries() {
      for (const { uri: at, code } of await ways()) {
        for (const uri of [
          "test://watched-resource",
          "TEST://Watched-resource",
          "test://WATCHED-RESOURCE",
          "test://%77atched-resource",
          "test://%2577atched-resource",
          "test://static-text/../watched-resource",
          "test://static-text/%2e%2e/watched-resource",
          "test://./watched-resource",
          "test://watched-resource#x",
          "test://watched-resource?x",
          "test://watched\u200b-resource",
          " test://watched-resource",
          "test:\\\\watched-resource",
        ]) {
          for (const method of ["resources/read", "resources/subscribe", "resources/unsubscribe"]) assert.equal(await code(request(method, { uri: at(uri) })), -32002, uri);
          assert.equal(await code(request("completion/complete", { ref: { type: "ref/resource", uri: at(uri) }, argument: { name: "a", value: "" } })), -32002, uri);
        }
        assert.equal(await code(request("resources/read", { uri: at("test://static-text") })), undefined);
      }
    },
  },
  {
    id: "M-06",
    attack: "a denied prompt by getting it, or by completing its arguments",
    outcome: "`Unknown prompt`",
    async tries() {
      for (const { name, code } of await ways()) {
        for (const spelled of spellings("test_prompt_with_image")) {
          assert.equal(await code(request("prompts/get", { name: name(spelled) })), -32602, spelled);
          assert.equal(await code(request("completion/complete", { ref: { type: "ref/prompt", name: name(spelled) }, argument: { name: "a", value: "" } })), -32602);
        }
        assert.equal(await code(request("completion/complete", { ref: { type: "ref/tool", name: name("delete_all") }, argument: { name: "a", value: "" } })), -32602);
        assert.equal(await code(request("prompts/get", { name: name("test_simple_prompt") })), undefined);
      }
    },
  },
  {
    id: "M-07",
    attack: "a tool whose scope the token lacks, by a name that somebody could take for its own, also where nothing is denied",
    outcome: "403 with the scope, or `Unknown tool`; the server hears nothing of it",
    async tries() {
      for (const url of [served.url("one"), served.url("scoped")]) {
        const session = await begin(url, tokens.ann);
        one.calls.length = 0;
        for (const spelled of spellings("write_one")) {
          const answer = await send(url, call(spelled), { session, token: tokens.ann });
          const { error } = await last(answer);
          assert.ok(answer.status === 403 || error?.message === `Unknown tool: ${spelled}`, `${url} ${JSON.stringify(spelled)}`);
        }
        assert.deepEqual(one.calls, []);
      }
    },
  },
  {
    id: "M-08",
    attack: "an app asks for what its metadata does not name: a tool in another case, another server, a list of what others have",
    outcome: "`Unknown tool`, 403, and lists without it",
    async tries() {
      two.calls.length = 0;
      for (const { name, ask } of await ways(tokens.narrow)) {
        for (const spelled of ["Test_simple_text", "TEST_SIMPLE_TEXT", "test_simple_text ", "test_image_content", "a test_simple_text", "test_simple_\u200b"]) {
          assert.equal((await (await ask(call(name(spelled)))).json()).error.code, -32602, spelled);
        }
        assert.equal((await last(await ask(call(name("test_simple_text"))))).error, undefined);
      }
      for (const message of [request("initialize"), request("tools/list"), call("delete_all")]) {
        assert.equal((await send(served.url("two"), message, { token: tokens.narrow })).status, 403);
      }
      const client = await connected(served.url(), tokens.narrow);
      assert.deepEqual((await client.listTools()).tools.map(({ name }) => name), ["one__test_simple_text"]);
      await assert.rejects(client.callTool({ name: "two__delete_all" }), /-32602/);
      await client.close();
      assert.deepEqual(two.calls, []);
    },
  },
]);
