// The plugin as operators run it: served by a real gateway, before servers of the tests.

import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { eventually } from "../../../../../ui/tests/support/eventually.mjs";
import { Gateway, pluginCommand } from "../../../../../ui/tests/support/gateway.mjs";

/** A port that is free, and stays so during a restart: not of those that the system gives to whoever asks for any. */
export async function lastingPort() {
  for (let tries = 0; tries < 20; tries++) {
    const port = randomInt(20_000, 30_000);
    const server = createServer();
    const isFree = await new Promise((resolve) => server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true)));
    await new Promise((resolve) => server.close(resolve));
    if (isFree) return port;
  }
  throw new Error("no port between 20000 and 30000 is free");
}

/** A gateway with the plugin. */
export class Served {
  static async start(config = {}, options = {}, settings = {}) {
    const gateway = await Gateway.start(settings);
    try {
      return await Served.on(gateway, config, options);
    } catch (error) {
      await gateway.stop();
      throw error;
    }
  }

  /** The plugin at a gateway that is there already. */
  static async on(gateway, config = {}, options = {}) {
    const served = new Served(gateway);
    served.plugin = await gateway.api.addPlugin({
      name: "mcp",
      slug: "mcp",
      command: pluginCommand("mcp"),
      config,
      options,
      service_scopes: ["kv.readwrite"],
    });
    await eventually("the plugin answers", async () => {
      const answer = await fetch(served.url(), { method: "DELETE" });
      if (answer.status !== 503) return true;
      throw new Error(`${answer.status} ${await answer.text()} ${gateway.process.said()}`);
    });
    return served;
  }

  constructor(gateway) {
    this.gateway = gateway;
  }

  /** The address of all servers, or of one. */
  url(server) {
    return `${this.gateway.clients}/plugins/mcp/${server ? `${server}/` : ""}mcp`;
  }

  /** A token of an app with this metadata. */
  async token(app, metadata = {}, scopes = []) {
    const api = this.gateway.api;
    const made = await api.done("POST", "/apps", { name: app, owner_email: "ops@example.com", metadata });
    const token = await api.done("POST", "/tokens", { app_id: Number(made.id), name: `of-${app}`, scopes });
    return token.attributes.token;
  }

  async stop() {
    await this.gateway.stop();
  }
}
