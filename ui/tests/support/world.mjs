// What there is to see while pages are looked at: a gateway with plugins, apps, tokens and traffic, and a control plane with edges.

import { eventually } from "./eventually.mjs";
import { Gateway, pluginCommand, startEdgeBy } from "./gateway.mjs";

async function call(gateway, path, token) {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const answer = await fetch(gateway.clients + path, { headers, signal: AbortSignal.timeout(10_000) });
  await answer.text();
  return answer.status;
}

/** Waits until a plugin is in this state. */
export async function pluginIs(api, id, state) {
  return eventually(`plugin ${id} is ${state}`, async () => {
    const status = await api.done("GET", `/plugins/${id}/status`);
    return status.attributes.state === state && status;
  });
}

/** A gateway that serves alone, with something on each of its pages. */
export async function populatedGateway(settings = {}) {
  const gateway = await Gateway.start(settings);
  const { api } = gateway;
  const add = (name, fields = {}) => api.addPlugin({ name, slug: name, command: pluginCommand(name), ...fields });
  const echo = await add("echo", { options: { optional_auth: "true" }, config: { custom_content: "Hello" } });
  const lab = await add("lab", { config: { require_auth: "false" }, service_scopes: ["kv.readwrite"] });
  await add("webhook", { config: { webhook_secret: "not-much-of-a-secret" } });
  const broken = await api.addPlugin({ name: "broken", slug: "broken", command: gateway.script("broken", "echo no license for this machine >&2; exit 3") });
  const app = await api.done("POST", "/apps", { name: "billing", owner_email: "billing-team@example.com", rate_limit: 600, metadata: { mcp_access: "allowed", tier: 2 } });
  const token = await api.done("POST", "/tokens", { app_id: Number(app.id), name: "ci", scopes: ["read", "write"], expires_in: "24h" });
  await api.done("POST", "/tokens", { app_id: Number(app.id), name: "deploy" });
  await api.done("POST", "/issuers", { name: "corp", url: "https://id.example.com", audiences: ["https://gw.example.com/plugins/{slug}/*"], clients: { "billing-service": "billing" } });
  await api.done("PATCH", `/plugins/${echo.id}`, { config: { slug: "echo", custom_content: "Good morning" } });
  await api.adminToken("pipeline", "operator");
  await pluginIs(api, echo.id, "ready");
  await pluginIs(api, lab.id, "ready");
  await eventually("requests are answered", async () => (await call(gateway, "/plugins/echo/hello", token.attributes.token)) === 200);
  for (const path of ["/plugins/lab/status/500", "/plugins/lab/status/404", "/plugins/none/at-all"]) await call(gateway, path);
  for (const [method, path, body] of [["PUT", "/kv/user-7", '{"theme": "dark"}'], ["PUT", "/kv/user-8", "plain"], ["POST", "/publish/orders", '{"order": 42}'], ["POST", "/publish/orders", '{"order": 43}']]) {
    await eventually(`${path} is taken`, async () => (await fetch(`${gateway.clients}/plugins/lab${path}`, { method, body })).ok);
  }
  const revisions = await api.ask("GET", "/revisions?limit=1");
  const revision = revisions.body.data[0].id;
  return { gateway, echo: echo.id, lab: lab.id, broken: broken.id, app: app.id, revision };
}

/** A control plane with an edge that is connected and one that has not come yet. */
export async function populatedControlPlane() {
  const control = await Gateway.startControlPlane();
  const { api } = control;
  await api.done("POST", "/namespaces", { name: "berlin", description: "What serves Berlin only" });
  await api.addPlugin({ name: "echo", slug: "echo", command: pluginCommand("echo"), options: { optional_auth: "true" } });
  const made = await api.done("POST", "/edges", { name: "berlin-1", namespace: "berlin" });
  await api.done("POST", "/edges", { name: "paris-1" });
  const edge = await startEdgeBy(made.attributes.join_command);
  await eventually("the edge is connected and serves", async () => {
    const { attributes } = await api.done("GET", `/edges/${made.id}`);
    return attributes.state === "connected" && attributes.plugins.some(({ state }) => state === "ready");
  });
  return { control, edge, edgeId: made.id };
}

/** Waits until a page that follows what happens is told of it: the word in the sidebar, which is on every page, says less. */
export async function isLive(page) {
  await page.locator("[role=status].live-dot.on").waitFor();
}
