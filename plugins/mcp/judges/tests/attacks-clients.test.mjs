// What clients and the pages of browsers try: sessions of others, DNS rebinding, JSON that is huge, deep or none.

import assert from "node:assert/strict";
import { attacks } from "./support/attacks.mjs";
import { begin, call, initialize, last, request, send } from "./support/client.mjs";
import { raw } from "./support/raw.mjs";
import { Served } from "./support/served.mjs";
import { Upstream } from "./support/upstream.mjs";

let [upstream, served, open, ann, bob] = [];
const scene = {
  async start() {
    upstream = await Upstream.start();
    const servers = [{ name: "one", url: upstream.url, headers: [{ name: "X-Api-Key", value: "the server's own" }] }, { name: "two", url: upstream.url }];
    const options = { allowed_origins: "same", query_token: "false" };
    served = await Served.start({ servers }, options);
    open = await Served.start({ servers, require_auth: false }, options);
    [ann, bob] = [await served.token("ann"), await served.token("bob")];
  },
  async stop() {
    await served?.stop();
    await open?.stop();
    await upstream?.stop();
  },
};

const simple = call("test_simple_text");
const unknown = { jsonrpc: "2.0", id: null, error: { code: -32001, message: "Session not found" } };

/** Each of these is answered as a session that never was. */
async function areNone(tries) {
  upstream.seen.length = 0;
  for (const [what, url, session, token] of tries) {
    for (const [method, body] of [["POST", simple], ["GET"], ["DELETE"]]) {
      const answer = await send(url, body, { session, token, method });
      assert.equal(answer.status, 404, `${what} ${method}`);
      assert.deepEqual(await answer.json(), unknown, `${what} ${method}`);
    }
  }
  assert.equal(upstream.seen.length, 0);
}

/** What is no message: status 400, and no server hears of it. */
async function areRefused(bodies) {
  const session = await begin(served.url("one"), ann);
  upstream.seen.length = 0;
  for (const url of [served.url("one"), served.url()]) {
    for (const body of bodies) {
      const answer = await send(url, body, url === served.url() ? { token: ann } : { session, token: ann });
      const said = String(body).slice(0, 80);
      assert.equal(answer.status, 400, said);
      assert.ok([-32600, -32700].includes((await answer.json()).error.code), said);
    }
  }
  assert.equal(upstream.seen.length, 0);
}

attacks(import.meta.url, scene, [
  {
    id: "M-11",
    attack: "the session of another app: to speak in it, to listen to it, to end it",
    outcome: "404, the words of a session that never was; the server hears nothing of it",
    async tries() {
      const [single, all] = [await begin(served.url("one"), ann), await begin(served.url(), ann)];
      await areNone([["one server", served.url("one"), single, bob], ["all servers", served.url(), all, bob]]);
      assert.equal((await last(await send(served.url("one"), simple, { session: single, token: ann }))).error, undefined, "and it goes on");
      assert.equal((await last(await send(served.url(), call("one__test_simple_text"), { session: all, token: ann }))).error, undefined);
    },
  },
  {
    id: "M-12",
    attack: "the id of a session that was changed, cut, made longer, is the server's own, or of another address",
    outcome: "404",
    async tries() {
      const [single, all] = [await begin(served.url("one"), ann), await begin(served.url(), ann)];
      const own = [...upstream.sessions.keys()];
      const url = served.url("one");
      const turned = Buffer.from(single, "base64url").reverse().toString("base64url");
      const changed = [`${single.slice(0, -4)}AAAA`, `${single[0] === "A" ? "B" : "A"}${single.slice(1)}`, single.slice(0, -1), single.slice(1), `${single}A`, `${single}=`, `${single}${single}`, turned, `${single}, ${single}`];
      await areNone([
        ...[...changed, ...own, "A".repeat(30_000), "../../etc/passwd", "0", "null", "a b"].map((id) => [id.slice(0, 40), url, id, ann]),
        ["of all at one", url, all, ann],
        ["of one at all", served.url(), single, ann],
        ["of one at another", served.url("two"), single, ann],
      ]);
    },
  },
  {
    id: "M-13",
    attack: "a token in the address, where it would be in logs and histories",
    outcome: "401",
    async tries() {
      const answer = await fetch(`${served.url("one")}?token=${ann}`, { method: "POST", body: JSON.stringify(initialize), headers: { "content-type": "application/json" } });
      assert.equal(answer.status, 401);
    },
  },
  {
    id: "M-14",
    attack: "what a client sends beside its message reaches the server: its token, cookies, an address of its own, a header in place of the server's",
    outcome: "none of it does",
    async tries() {
      const headers = { cookie: "a=secret", "x-forwarded-for": "10.1.2.3", forwarded: "for=10.1.2.3", "x-api-key": "the client's", "x-custom": "secret", "proxy-authorization": "Basic secret", traceparent: "not one" };
      const session = await begin(served.url("one"), ann);
      upstream.seen.length = 0;
      const answer = await raw(served.gateway.clients, "/plugins/mcp/one/mcp?secret=1", { body: JSON.stringify(simple), token: ann, session, headers });
      assert.equal(answer.status, 200);
      const [{ headers: seen }] = upstream.seen;
      assert.equal(seen["x-api-key"], "the server's own");
      const known = ["accept", "content-length", "content-type", "host", "mcp-protocol-version", "mcp-session-id", "traceparent", "x-api-key"];
      assert.deepEqual(Object.keys(seen).filter((name) => !known.includes(name)), []);
      assert.ok(!JSON.stringify(seen).includes("secret") && !JSON.stringify(seen).includes(ann) && seen["mcp-session-id"] !== session);
    },
  },
  {
    id: "M-15",
    attack: "DNS rebinding: a page whose name leads to the gateway asks a server that needs no token",
    outcome: "403 `origin_not_allowed`, also without a token, and for each method",
    async tries() {
      for (const gateway of [served.gateway, open.gateway]) {
        const { port } = new URL(gateway.clients);
        upstream.seen.length = 0;
        for (const [origin, host] of [
          [`http://evil.example:${port}`, `evil.example:${port}`],
          [`http://evil.example:${port}`, `localhost:${port}`],
          ["http://evil.example", `127.0.0.1:${port}`],
          [`http://localhost.evil.example:${port}`, `localhost.evil.example:${port}`],
          [`http://127.0.0.1.evil.example:${port}`, `127.0.0.1.evil.example:${port}`],
          [`http://localhost:${port}`, `evil.example:${port}`],
          ["http://localhost:1", `localhost:${port}`],
          [`http://localhost:${port}.evil.example`, `localhost:${port}`],
          ["null", `localhost:${port}`],
          ["", `localhost:${port}`],
          ["file://", `localhost:${port}`],
        ]) {
          for (const path of ["/plugins/mcp/mcp", "/plugins/mcp/one/mcp"]) {
            for (const [method, body] of [["POST", JSON.stringify(initialize)], ["GET"], ["DELETE"]]) {
              const answer = await raw(gateway.clients, path, { method, body, headers: { origin, host } });
              assert.equal(answer.status, 403, `${method} ${origin} at ${host}: ${answer.text}`);
              assert.equal(JSON.parse(answer.text).code, "origin_not_allowed");
            }
          }
        }
        assert.equal(upstream.seen.length, 0);
      }
      const origin = open.gateway.clients;
      const own = await raw(origin, "/plugins/mcp/one/mcp", { body: JSON.stringify(initialize), headers: { origin, host: new URL(origin).host } });
      assert.equal(own.status, 200, "a page of the gateway's own may");
    },
  },
  {
    id: "M-16",
    attack: "a page sends a message as a form or as text, for which browsers ask nobody before (CSRF)",
    outcome: "415, and no server hears of it",
    async tries() {
      upstream.seen.length = 0;
      const body = JSON.stringify(initialize);
      for (const kind of ["text/plain", "text/plain;application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=application/json", "application/jsonp", "text/json", ""]) {
        for (const path of ["/plugins/mcp/mcp", "/plugins/mcp/one/mcp"]) {
          const answer = await raw(open.gateway.clients, path, { body, headers: { "content-type": kind } });
          assert.equal(answer.status, 415, kind);
        }
      }
      assert.equal(upstream.seen.length, 0);
      const answer = await raw(open.gateway.clients, "/plugins/mcp/one/mcp", { body, headers: { "content-type": "Application/JSON; charset=utf-8" } });
      assert.equal(answer.status, 200);
    },
  },
  {
    id: "M-17",
    attack: "deep JSON: a hundred thousand lists in each other, closed or not, in every place",
    outcome: "400 at once; brackets in a text count for nothing",
    async tries() {
      const lists = (depth) => "[".repeat(depth) + "]".repeat(depth);
      const objects = (depth) => '{"a":'.repeat(depth) + "1" + "}".repeat(depth);
      const within = (value) => `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"test_simple_text","arguments":{"a":${value}}}}`;
      await areRefused([
        within(lists(100_000)),
        within("[".repeat(100_000)),
        within(objects(100_000)),
        within(lists(65)),
        `{"jsonrpc":"2.0","id":${lists(100_000)},"method":"ping"}`,
        `{"jsonrpc":"2.0","id":1,"method":${lists(100_000)}}`,
        `{"jsonrpc":"2.0","id":1,"result":${lists(100_000)}}`,
        `{"other":${lists(100_000)}}`,
        lists(100_000),
      ]);
      const session = await begin(served.url("one"), ann);
      for (const value of [lists(60), JSON.stringify(`"${"[{".repeat(10_000)}\\`)]) {
        assert.equal((await last(await send(served.url("one"), within(value), { session, token: ann }))).error, undefined);
      }
    },
  },
  {
    id: "M-18",
    attack: "huge JSON: more than a body may have, names without end in an object of the protocol, numbers of a hundred thousand digits",
    outcome: "413, 400; what nobody looks at passes as it is",
    async tries() {
      const session = await begin(served.url("one"), ann);
      upstream.seen.length = 0;
      const huge = await raw(served.gateway.clients, "/plugins/mcp/one/mcp", { token: ann, session, headers: { "content-length": 1 << 30 }, body: "{" }).catch((error) => error);
      assert.equal(huge.status, 413, String(huge));
      const members = (count) => `{${Array.from({ length: count }, (_, at) => `"n${at}":1`).join()}}`;
      await areRefused([
        `{"jsonrpc":"2.0","id":1,"method":"ping","params":${members(10_000)}}`,
        `{"jsonrpc":"2.0","id":${"9".repeat(100_000)},"method":"ping"}`,
      ]);
      const digits = "9".repeat(100_000);
      const passes = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"json_schema_2020_12_tool","arguments":{"a":${members(10_000)},"n":1e-400,"m":${digits.slice(0, 300)}}}}`;
      const { result } = await last(await send(served.url("one"), passes, { session, token: ann }));
      assert.match(result.content[0].text, /"n9999":1/);
    },
  },
  {
    id: "M-19",
    attack: "what is no JSON to some: comments, a comma too many, two documents, a byte order mark, bytes that are no UTF-8, half of a pair",
    outcome: "400, and no server hears of it",
    async tries() {
      const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
      await areRefused([
        "",
        " ",
        "{",
        "null",
        '"ping"',
        "1",
        `${ping}${ping}`,
        `${ping}\n${ping}`,
        `${ping},`,
        `\ufeff${ping}`,
        `/* a */${ping}`,
        `${ping}//`,
        `)]}'\n${ping}`,
        ping.replaceAll('"', "'"),
        ping.replace("1", "01"),
        ping.replace("1", "+1"),
        ping.replace("1", "0x1"),
        ping.replace("1", "NaN"),
        ping.replace("1", "1.5"),
        ping.replace("1", "true"),
        ping.replace("1", "[1]"),
        ping.replace("ping", "pi\u0000ng"),
        ping.replace("ping", "\\ud800"),
        ping.replace("2.0", "2.00"),
        ping.replace("}", ",}"),
      ]);
      const bytes = Buffer.concat([Buffer.from('{"jsonrpc":"2.0","id":1,"method":"ping'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')]);
      const answer = await raw(served.gateway.clients, "/plugins/mcp/one/mcp", { token: ann, body: bytes });
      assert.equal(answer.status, 400);
    },
  },
  {
    id: "M-20",
    attack: "answers to questions that no server asked, and cancelling what another client asked",
    outcome: "they reach the client's own session, at its server, and nothing else",
    async tries() {
      const [mine, theirs] = [await begin(served.url("one"), ann), await begin(served.url("one"), bob)];
      const body = call("test_tool_with_logging", {}, 77);
      const going = await send(served.url("one"), body, { session: theirs, token: bob });
      for (const message of [
        { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 77 } },
        { jsonrpc: "2.0", id: 77, result: { content: [] } },
        { jsonrpc: "2.0", id: 0, result: {} },
        { jsonrpc: "2.0", id: 77, error: { code: -1, message: "no" } },
      ]) {
        assert.equal((await send(served.url("one"), message, { session: mine, token: ann })).status, 202);
      }
      assert.match((await last(going)).result.content[0].text, /executed successfully/);
      const all = await begin(served.url(), ann);
      for (const id of ["one:", "one:x", "three:1", "one", "1", ":1", "one:\"0\"x"]) {
        const answer = await send(served.url(), { jsonrpc: "2.0", id, result: {} }, { session: all, token: ann });
        assert.ok(answer.status < 500, `${id} ${answer.status}`);
        await answer.text();
      }
      assert.equal((await last(await send(served.url(), request("ping"), { session: all, token: ann }))).error, undefined);
    },
  },
]);
