// An MCP server of the SDK's own parts, with all that the protocol of 2025-11-25 has: what the suite of the protocol's
// authors wants to find, and some tools for tests of our own.

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import * as types from "@modelcontextprotocol/sdk/types.js";
import { prompts, resources, tools } from "./everything.mjs";

const PAGE = 1000;

/** Remembers what was sent, so that a client can go on where its stream ended. */
function eventStore() {
  const events = [];
  return {
    async storeEvent(stream, message) {
      events.push({ id: `${stream}::${events.length}`, stream, message });
      return events.at(-1).id;
    },
    async replayEventsAfter(last, { send }) {
      const [stream, number] = last.split("::");
      for (const event of events.slice(Number(number) + 1)) {
        if (event.stream === stream && Object.keys(event.message).length > 0) await send(event.id, event.message);
      }
      return stream;
    },
  };
}

/** What answers in one session. `upstream` is what the tests can look at. */
export function mcpServer(upstream) {
  const capabilities = {
    tools: { listChanged: true },
    resources: { subscribe: true, listChanged: true },
    prompts: { listChanged: true },
    logging: {},
    completions: {},
  };
  const server = new Server({ name: upstream.name, version: "1.0.0" }, { capabilities, instructions: upstream.instructions });
  const answers = (schema, handler) => server.setRequestHandler(schema, handler);
  answers(types.ListToolsRequestSchema, async () => {
    if (upstream.isTired) throw new types.McpError(types.ErrorCode.InternalError, "Not now");
    const all = { ...tools, ...upstream.tools, ...upstream.shown?.(server.getClientVersion()?.name) };
    const named = Object.entries(all).map(([name, { description, inputSchema }]) => ({
      name,
      description: description ?? name,
      inputSchema: inputSchema ?? { type: "object", properties: {} },
    }));
    return { tools: named.slice(0, PAGE) };
  });
  answers(types.CallToolRequestSchema, async ({ params }, extra) => {
    upstream.calls.push(params.name);
    const tool = { ...tools, ...upstream.tools }[params.name];
    if (!tool) throw new types.McpError(types.ErrorCode.InvalidParams, `Unknown tool: ${params.name}`);
    return tool.call(params.arguments ?? {}, extra, upstream);
  });
  answers(types.ListResourcesRequestSchema, async () => ({ resources: Object.entries(resources).map(([uri, { name, mimeType }]) => ({ uri, name, mimeType })) }));
  answers(types.ListResourceTemplatesRequestSchema, async () => ({ resourceTemplates: [{ uriTemplate: "test://template/{id}/data", name: "template", mimeType: "application/json" }] }));
  answers(types.ReadResourceRequestSchema, async ({ params: { uri } }) => {
    const id = uri.match(/^test:\/\/template\/([^/]+)\/data$/)?.[1];
    if (id) return { contents: [{ uri, mimeType: "application/json", text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) }] };
    const { mimeType, text, blob } = resources[uri] ?? {};
    if (!mimeType) throw new types.McpError(-32002, `Resource not found: ${uri}`);
    return { contents: [{ uri, mimeType, ...(blob ? { blob } : { text }) }] };
  });
  for (const schema of [types.SubscribeRequestSchema, types.UnsubscribeRequestSchema, types.SetLevelRequestSchema]) answers(schema, async () => ({}));
  const promptsNow = () => ({ ...prompts, ...upstream.prompts });
  answers(types.ListPromptsRequestSchema, async () => ({
    prompts: Object.entries(promptsNow()).map(([name, { args }]) => ({ name, description: name, arguments: args.map((one) => ({ name: one, description: one, required: true })) })),
  }));
  answers(types.GetPromptRequestSchema, async ({ params }) => {
    const prompt = promptsNow()[params.name];
    if (!prompt) throw new types.McpError(types.ErrorCode.InvalidParams, `Unknown prompt: ${params.name}`);
    return { messages: prompt.get(params.arguments ?? {}).map((content) => ({ role: "user", content })) };
  });
  answers(types.CompleteRequestSchema, async () => ({ completion: { values: [], total: 0, hasMore: false } }));
  return server;
}

/** A server that listens, and what happened at it. */
export class Upstream {
  static async start({ name = "everything", tools = {}, retryInterval = 500 } = {}) {
    const upstream = new Upstream();
    Object.assign(upstream, { name, tools, retryInterval });
    await new Promise((resolve) => upstream.http.listen(0, "127.0.0.1", resolve));
    upstream.url = `http://localhost:${upstream.http.address().port}/mcp`;
    return upstream;
  }

  constructor() {
    this.sessions = new Map();
    this.servers = new Map();
    this.calls = [];
    this.seen = [];
    /** How many requests are being answered. */
    this.open = 0;
    this.http = createServer((req, res) => {
      this.answer(req, res).catch((error) => {
        if (!res.headersSent) res.writeHead(500);
        res.end(String(error));
      });
    });
  }

  async answer(req, res) {
    this.seen.push({ method: req.method, headers: req.headers });
    this.open += 1;
    res.once("close", () => (this.open -= 1));
    const refuse = (status, message) => {
      res.writeHead(status, { "content-type": "application/json" });
      res.end(JSON.stringify({ jsonrpc: "2.0", id: null, error: { code: -32000, message } }));
    };
    const isLocal = (name) => !name || /^(localhost|127\.0\.0\.1)(:\d+)?$/.test(name.replace(/^https?:\/\//, ""));
    if (!isLocal(req.headers.host) || !isLocal(req.headers.origin)) return refuse(403, "Invalid Host or Origin");
    const pieces = [];
    for await (const piece of req) pieces.push(piece);
    const body = pieces.length ? JSON.parse(Buffer.concat(pieces)) : undefined;
    const id = req.headers["mcp-session-id"];
    let transport = this.sessions.get(id);
    if (id && !transport) return refuse(404, "Session not found");
    if (!transport) {
      if (body?.method !== "initialize") return refuse(400, "Bad Request: no session");
      const server = mcpServer(this);
      transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: () => randomUUID(),
        eventStore: eventStore(),
        retryInterval: this.retryInterval,
        onsessioninitialized: (made) => {
          this.sessions.set(made, transport);
          this.servers.set(made, server);
        },
        onsessionclosed: (made) => this.sessions.delete(made),
      });
      await server.connect(transport);
    }
    await transport.handleRequest(req, res, body);
  }

  async stop() {
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }
}
