// A server of the revision 2026-07-28, written with the SDK of its authors: by HTTP, or as a program by stdin and stdout.

import { createServer } from "node:http";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { ProtocolError, ResourceNotFoundError, Server, createMcpHandler } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { prompts, resources, tools } from "./everything.mjs";
import { asking, askingPrompt } from "./input-required.mjs";

const TYPES = { region: { type: "string", "x-mcp-header": "Region" }, count: { type: "integer", "x-mcp-header": "Count" }, other: { type: "string" } };
const said = (words) => ({ content: [{ type: "text", text: words }] });

/** A server of its own for each request; `upstream` is what the tests look at, and `notify` tells of changes. */
export function modernServer(upstream) {
  const capabilities = { tools: { listChanged: true }, resources: { subscribe: true, listChanged: true }, prompts: { listChanged: true }, logging: {}, completions: {} };
  const server = new Server({ name: upstream.name, version: "2.0.0" }, { capabilities, instructions: upstream.instructions ?? `Use ${upstream.name} well.` });
  const own = {
    test_with_headers: { inputSchema: { type: "object", properties: TYPES }, call: async (args) => said(JSON.stringify(args)) },
    test_trigger_tool_change: { call: async () => (upstream.notify(server).toolsChanged(), said("changed")) },
    test_trigger_prompt_change: { call: async () => (upstream.notify(server).promptsChanged(), said("changed")) },
    test_touch: { call: async ({ uri }) => (upstream.notify(server).resourceUpdated(uri), said("touched")) },
    ...Object.fromEntries(Object.entries(asking).map(([name, call]) => [name, { call: (_, extra) => call(extra.ctx) }])),
    ...upstream.tools,
  };
  const all = { ...tools, ...own };
  server.setRequestHandler("tools/list", async (_, ctx) => ({
    tools: Object.entries({ ...all, ...upstream.shown?.(ctx.mcpReq.envelope?.["io.modelcontextprotocol/clientInfo"]?.name) }).map(([name, { description, inputSchema }]) => ({ name, description: description ?? name, inputSchema: inputSchema ?? { type: "object", properties: {} } })),
  }));
  server.setRequestHandler("tools/call", async ({ params }, ctx) => {
    upstream.calls.push(params.name);
    const tool = all[params.name];
    if (!tool) throw new ProtocolError(-32602, `Unknown tool: ${params.name}`);
    const extra = { ctx, _meta: ctx.mcpReq._meta, signal: ctx.mcpReq.signal, sendNotification: (note) => ctx.mcpReq.notify(note) };
    if (params.name === "test_tool_with_logging") extra.sendNotification = ({ params: { level, data } }) => ctx.mcpReq.log(level, data);
    return tool.call(params.arguments ?? {}, extra, upstream);
  });
  server.setRequestHandler("resources/list", async () => ({ resources: Object.entries(resources).map(([uri, { name, mimeType }]) => ({ uri, name, mimeType })) }));
  server.setRequestHandler("resources/templates/list", async () => ({ resourceTemplates: [{ uriTemplate: "test://template/{id}/data", name: "template", mimeType: "application/json" }] }));
  server.setRequestHandler("resources/read", async ({ params: { uri } }) => {
    const id = uri.match(/^test:\/\/template\/([^/]+)\/data$/)?.[1];
    if (id) return { contents: [{ uri, mimeType: "application/json", text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) }] };
    const { mimeType, text, blob } = resources[uri] ?? {};
    if (!mimeType) throw new ResourceNotFoundError(uri);
    return { contents: [{ uri, mimeType, ...(blob ? { blob } : { text }) }] };
  });
  server.setRequestHandler("prompts/list", async () => ({
    prompts: [
      ...Object.entries({ ...prompts, ...upstream.prompts }).map(([name, { args }]) => ({ name, description: name, arguments: args.map((one) => ({ name: one, description: one, required: true })) })),
      ...Object.keys(askingPrompt).map((name) => ({ name, description: name })),
    ],
  }));
  server.setRequestHandler("prompts/get", async ({ params }, ctx) => {
    if (askingPrompt[params.name]) return askingPrompt[params.name](ctx);
    const prompt = prompts[params.name];
    if (!prompt) throw new ProtocolError(-32602, `Unknown prompt: ${params.name}`);
    return { messages: prompt.get(params.arguments ?? {}).map((content) => ({ role: "user", content })) };
  });
  server.setRequestHandler("completion/complete", async () => ({ completion: { values: [], total: 0, hasMore: false } }));
  return server;
}

/** A server that listens, and what happened at it. `legacy` is whether it speaks to older clients, too. */
export class Modern {
  static async start({ name = "modern", tools = {}, legacy = "reject" } = {}) {
    const modern = new Modern();
    Object.assign(modern, { name, tools, calls: [], seen: [] });
    modern.handler = createMcpHandler(() => modernServer(modern), { legacy });
    modern.notify = () => modern.handler.notify;
    const answer = toNodeHandler(modern.handler);
    const isLocal = (name) => !name || /^(localhost|127\.0\.0\.1)(:\d+)?$/.test(name.replace(/^https?:\/\//, ""));
    modern.http = createServer((req, res) => {
      modern.seen.push({ method: req.method, headers: req.headers });
      if (isLocal(req.headers.host) && isLocal(req.headers.origin)) return answer(req, res);
      res.writeHead(403).end();
    });
    await new Promise((resolve) => modern.http.listen(0, "127.0.0.1", resolve));
    modern.url = `http://localhost:${modern.http.address().port}/mcp`;
    return modern;
  }

  async stop() {
    await this.handler.close();
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }
}

/** The same as a program. */
export function serveProgram({ name = "program", tools = {}, instructions, legacy = "reject" } = {}) {
  const notify = (server) => ({
    toolsChanged: () => server.sendToolListChanged(),
    promptsChanged: () => server.sendPromptListChanged(),
    resourceUpdated: (uri) => server.sendResourceUpdated({ uri }),
  });
  serveStdio(() => modernServer({ name, tools, instructions, calls: [], notify }), { legacy });
}
