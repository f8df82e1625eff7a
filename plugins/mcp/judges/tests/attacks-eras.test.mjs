// What clients of the protocol of 2026-07-28 try: headers that tell another story than the body.

import assert from "node:assert/strict";
import { attacks } from "./support/attacks.mjs";
import { begin, call, initialize, last, send } from "./support/client.mjs";
import { Modern } from "./support/modern.mjs";
import { STATELESS, alone } from "./support/modern-client.mjs";
import { raw } from "./support/raw.mjs";
import { Served } from "./support/served.mjs";
import { Upstream } from "./support/upstream.mjs";

let [old, fresh, served, ann] = [];
const scene = {
  async start() {
    old = await Upstream.start({ name: "old", tools: { test_with_headers: { call: async (args) => ({ content: [{ type: "text", text: JSON.stringify(args) }] }) } } });
    fresh = await Modern.start({ name: "fresh" });
    const servers = [{ name: "old", url: old.url, tools: { deny: ["test_error_handling"] } }, { name: "new", url: fresh.url, tools: { deny: ["test_error_handling"] } }];
    served = await Served.start({ servers });
    ann = await served.token("ann");
    // Each era is known, and each session is there.
    for (const place of PLACES) assert.equal((await ask(place, called("test_simple_text", place))).status, 200, place.path);
  },
  async stop() {
    await served?.stop();
    await old?.stop();
    await fresh?.stop();
  },
};

/** Both servers, each by both addresses: the path, and what names of tools begin with. */
const PLACES = [["old/", ""], ["new/", ""], ["", "old__"], ["", "new__"]].map(([path, prefix]) => ({ path: `/plugins/mcp/${path}mcp`, prefix }));
const called = (name, { prefix }, args = {}) => alone("tools/call", { name: `${prefix}${name}`, arguments: args });
const base64 = (text) => `=?base64?${Buffer.from(text).toString("base64")}?=`;

/** Asks with these headers in place of those that belong to the message; `undefined` leaves one out. */
async function ask({ path }, message, headers = {}) {
  const name = message.params?.name ?? message.params?.uri;
  const own = { "mcp-protocol-version": STATELESS, "mcp-method": message.method, ...(name ? { "mcp-name": name } : {}), ...headers };
  const sent = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  const answer = await raw(served.gateway.clients, path, { body: JSON.stringify(message), token: ann, headers: sent });
  const last = answer.text.startsWith("{") ? answer.text : answer.text.split("\n").findLast((line) => line.startsWith("data: {"))?.slice(6);
  return { status: answer.status, ...JSON.parse(last ?? "{}") };
}

function hear() {
  for (const server of [old, fresh]) [server.calls.length, server.seen.length] = [0, 0];
}

/** Each of these is refused by both addresses of both servers, and none of them hears of it. */
async function differ(tries, codes = [-32020]) {
  hear();
  for (const place of PLACES) {
    for (const [headers, message = called("test_simple_text", place)] of tries(place)) {
      const answer = await ask(place, message, headers);
      const what = `${place.path} ${place.prefix} ${JSON.stringify(headers)} ${JSON.stringify(answer)}`;
      assert.equal(answer.status, 400, what);
      assert.ok(codes.includes(answer.error.code), what);
    }
  }
  assert.deepEqual([old.calls, fresh.calls, fresh.seen], [[], [], []]);
}

attacks(import.meta.url, scene, [
  {
    id: "M-21",
    attack: "`Mcp-Method` or `Mcp-Name` tells another story than the body: another method or tool, other case, another encoding, none, half of one",
    outcome: "400 `-32020`, and no server hears of it; an encoding of the same name is the same",
    async tries() {
      await differ(({ prefix }) => {
        const name = `${prefix}test_simple_text`;
        const methods = ["tools/list", "Tools/Call", "TOOLS/CALL", "tools/call/", "tools/call,tools/list", base64("tools/call"), "server/discover", "initialize", "", undefined];
        const names = [
          ...["test_error_handling", name.toUpperCase(), `${name}s`, name.slice(0, -1), `${name}, ${name}`, `"${name}"`, encodeURIComponent(`${name} `), "", undefined],
          ...[base64(`${prefix}test_error_handling`), base64(`${name} `), base64(name.toUpperCase()), base64(base64(name)), `=?BASE64?${base64(name).slice(9)}`, `=?base64?${name}?=`, base64(name).slice(0, -2), "=?base64??=", "=?base64?%%?="],
        ];
        return [...methods.map((method) => [{ "mcp-method": method }]), ...names.map((named) => [{ "mcp-name": named }])];
      });
      for (const place of PLACES) {
        const name = `${place.prefix}test_simple_text`;
        assert.equal((await ask(place, called("test_simple_text", place), { "mcp-name": base64(name) })).result?.content[0].type, "text", place.path);
        const denied = await ask(place, called("test_error_handling", place), { "mcp-name": base64(`${place.prefix}test_error_handling`) });
        assert.equal(denied.error.code, -32602);
      }
    },
  },
  {
    id: "M-22",
    attack: "`MCP-Protocol-Version` tells another story than the body: the other era, a version that is none, none, one on one side only",
    outcome: "400 `-32020`, or `-32022` and `-32602` where the body itself is not as it has to be; no server hears of it",
    async tries() {
      const meta = "io.modelcontextprotocol/protocolVersion";
      const claiming = (place, version) => {
        const message = called("test_simple_text", place);
        if (version === undefined) delete message.params._meta[meta];
        else message.params._meta[meta] = version;
        return message;
      };
      await differ(() => ["2025-11-25", "2024-11-05", "2026-07-27", "2026-07-29", "2026-07-28x", "v2026-07-28", "2026-7-28", "DRAFT-2026-07-28", base64(STATELESS), "", undefined].map((version) => [{ "mcp-protocol-version": version }]));
      await differ((place) => ["2025-11-25", "2026-07-29", "", "2026-07-28 "].map((version) => [{}, claiming(place, version)]));
      await differ((place) => [undefined, 20260728, null, [STATELESS], {}].map((version) => [{}, claiming(place, version)]), [-32602]);
      await differ((place) => ["2025-11-25", "2027-01-01", "v999"].map((version) => [{ "mcp-protocol-version": version }, claiming(place, version)]), [-32022]);
      await differ(() => [[{}, initialize], [{ "mcp-method": undefined }, initialize]]);
      await differ((place) => [[{ "mcp-name": undefined }, call(`${place.prefix}test_simple_text`)]], [-32602]);
    },
  },
  {
    id: "M-23",
    attack: "a header is there twice, alike or not, so that two programs could read different ones",
    outcome: "400 `-32020`, and no server hears of it",
    async tries() {
      await differ(({ prefix }) => {
        const name = `${prefix}test_simple_text`;
        return [
          ...[["tools/call", "tools/list"], ["tools/list", "tools/call"], ["tools/call", "tools/call"], ["tools/call", ""]].map((value) => [{ "mcp-method": value }]),
          ...[[name, "test_error_handling"], ["test_error_handling", name], [name, name], [name, base64(name)]].map((value) => [{ "mcp-name": value }]),
          ...[[STATELESS, "2025-11-25"], ["2025-11-25", STATELESS], [STATELESS, STATELESS]].map((value) => [{ "mcp-protocol-version": value }]),
          ...[["eu", "us"], ["eu", "eu"]].map((value) => [{ "mcp-param-region": value }]),
        ];
      });
    },
  },
  {
    id: "M-24",
    attack: "`Mcp-Param-*` tells another story than the arguments: another value, other case, another encoding, none, one that no tool has",
    outcome: "a newer server gets them as they came, and has to compare them; by the address of all servers they are made of the arguments, and an older server gets none",
    async tries() {
      const args = { region: "eu", count: 7 };
      const own = { "mcp-param-region": "eu", "mcp-param-count": "7" };
      const wrong = ["us", "EU", "eu,us", base64("us"), base64("EU"), "=?base64?%%?=", undefined].map((region) => ({ ...own, "mcp-param-region": region }));
      for (const place of PLACES) {
        const message = called("test_with_headers", place, args);
        const isNative = place.path.includes("/new/");
        for (const headers of [...wrong, { ...own, "mcp-param-count": "8" }]) {
          hear();
          const answer = await ask(place, message, headers);
          const what = `${place.path} ${JSON.stringify(headers)} ${JSON.stringify(answer)}`;
          assert.equal(answer.result?.content[0].text, JSON.stringify(args), what);
          const { headers: seen } = [...old.seen, ...fresh.seen].at(-1);
          const made = place.prefix === "new__" ? ["eu", "7"] : [undefined, undefined];
          const told = isNative ? [headers["mcp-param-region"], headers["mcp-param-count"]] : made;
          assert.deepEqual([seen["mcp-param-region"], seen["mcp-param-count"]], told, what);
        }
        const more = await ask(place, message, { ...own, "mcp-param-region": base64("eu"), "mcp-param-other-one": "x" });
        assert.equal(more.result?.content[0].text, JSON.stringify(args), `${place.path} ${JSON.stringify(more)}`);
      }
    },
  },
  {
    id: "M-25",
    attack: "headers of the newer era beside a message of the older one, in a session",
    outcome: "they say nothing and reach no server; the body alone is judged",
    async tries() {
      const headers = { "mcp-method": "ping", "mcp-name": "test_simple_text", "mcp-param-region": "us" };
      for (const place of PLACES) {
        const url = `${served.gateway.clients}${place.path}`;
        const session = await begin(url, ann);
        hear();
        const denied = await last(await send(url, call(`${place.prefix}test_error_handling`), { session, token: ann, headers }));
        assert.equal(denied.error.code, -32602, place.path);
        assert.deepEqual([old.calls, fresh.calls], [[], []]);
        const { result } = await last(await send(url, call(`${place.prefix}test_with_headers`, { region: "eu" }), { session, token: ann, headers }));
        assert.equal(result.content[0].text, '{"region":"eu"}');
        const { headers: seen } = [...old.seen, ...fresh.seen].at(-1);
        const isNew = place.path.includes("/new/") || place.prefix === "new__";
        const own = isNew ? ["tools/call", "test_with_headers", "eu"] : [undefined, undefined, undefined];
        assert.deepEqual([seen["mcp-method"], seen["mcp-name"], seen["mcp-param-region"]], own, place.path);
      }
    },
  },
]);
