// The plugin as operators run it: served by a real gateway, before servers of the tests.

import { eventually } from "../../../../../ui/tests/support/eventually.mjs";
import { Gateway, pluginCommand } from "../../../../../ui/tests/support/gateway.mjs";

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
