// Passes requests on with a token, for clients that cannot send one.

import { createServer, request } from "node:http";

/** A forwarder that listens. */
export class Forwarder {
  static async start(target, token) {
    const forwarder = new Forwarder();
    const { hostname, port, pathname } = new URL(target);
    /** How often a client came to go on with a stream. */
    forwarder.resumed = 0;
    forwarder.http = createServer((req, res) => {
      if (req.headers["last-event-id"]) forwarder.resumed++;
      const headers = { ...req.headers, authorization: `Bearer ${token}` };
      const onward = request({ hostname, port, path: pathname, method: req.method, headers }, (answer) => {
        res.writeHead(answer.statusCode, answer.headers);
        answer.pipe(res);
      });
      onward.on("error", () => res.destroy());
      res.on("close", () => onward.destroy());
      req.pipe(onward);
    });
    await new Promise((resolve) => forwarder.http.listen(0, "127.0.0.1", resolve));
    forwarder.url = `http://localhost:${forwarder.http.address().port}/mcp`;
    return forwarder;
  }

  /** Breaks all connections that are open now. */
  cut() {
    this.http.closeAllConnections();
  }

  async stop() {
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }
}
