// The server of the tests by "HTTP with SSE", the transport of 2024-11-05: all that it says comes on the stream of a GET.

import { createServer } from "node:http";
import { SSEServerTransport } from "@modelcontextprotocol/sdk/server/sse.js";
import { mcpServer } from "./upstream.mjs";

/** A server that listens, and what happened at it. */
export class SseServer {
  static async start({ name = "old", tools = {} } = {}) {
    const server = new SseServer();
    Object.assign(server, { name, tools });
    await new Promise((resolve) => server.http.listen(0, "127.0.0.1", resolve));
    server.origin = `http://127.0.0.1:${server.http.address().port}`;
    server.url = `${server.origin}/sse`;
    return server;
  }

  constructor() {
    /** The open streams, by the server's own ids of their sessions. */
    this.streams = new Map();
    this.calls = [];
    this.seen = [];
    /** Answers a request in place of the server, where it gives true. */
    this.instead = () => false;
    this.http = createServer((req, res) => {
      this.answer(req, res).catch((error) => {
        if (!res.headersSent) res.writeHead(500);
        res.end(String(error));
      });
    });
  }

  async answer(req, res) {
    this.seen.push({ method: req.method, url: req.url, headers: req.headers });
    if (await this.instead(req, res)) return;
    const { pathname, searchParams } = new URL(req.url, this.origin);
    if (req.method === "GET" && pathname === "/sse") {
      const transport = new SSEServerTransport("/messages", res);
      const id = transport.sessionId;
      this.streams.set(id, { transport, res });
      res.once("close", () => this.streams.delete(id));
      await mcpServer(this).connect(transport);
    } else if (req.method === "POST" && pathname === "/messages") {
      const stream = this.streams.get(searchParams.get("sessionId"));
      if (stream) await stream.transport.handlePostMessage(req, res);
      else res.writeHead(404).end("no such session");
    } else {
      res.writeHead(405).end();
    }
  }

  /** Breaks all streams, as a network does. */
  breakStreams() {
    for (const { res } of this.streams.values()) res.destroy();
  }

  async stop() {
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }
}
