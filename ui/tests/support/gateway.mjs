// A real gateway, control plane or edge: the real program with a folder, ports and an environment of its own.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Api } from "./api.mjs";
import { eventually } from "./eventually.mjs";
import { freePort } from "./free-port.mjs";
import { Process } from "./processes.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");
/** The program under test. */
export const SIDEGATE = resolve(process.env.SIDEGATE_BIN ?? join(root, "target/debug/sidegate"));
const ADMIN_TOKEN = "sga_the-browser-tests-own-admin-token";
// 32 bytes that are no secret.
const SECRETS_KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/** The command of an example plugin, which is built beside the gateway. */
export function pluginCommand(name) {
  const program = join(dirname(SIDEGATE), `sidegate-plugin-${name}`);
  if (!existsSync(program)) throw new Error(`${program} is not built: cargo build --workspace --bins`);
  return `file://${program}`;
}

function usual(folder) {
  return {
    PATH: process.env.PATH,
    HOST: "127.0.0.1",
    PORT: "0",
    ADMIN_PORT: "0",
    DATA_DIR: join(folder, "data"),
    SIDEGATE_ADMIN_TOKEN: ADMIN_TOKEN,
    SHUTDOWN_TIMEOUT: "1s",
    LOG_LEVEL: "debug",
  };
}

/** A running process of Sidegate. */
export class Gateway {
  /** Starts it and waits until it listens. */
  static async start(settings = {}, args = []) {
    if (!existsSync(SIDEGATE)) throw new Error(`${SIDEGATE} is not built, and SIDEGATE_BIN names no other`);
    const folder = mkdtempSync(join(tmpdir(), "sgui"));
    const gateway = new Gateway(folder, { ...usual(folder), ...settings }, args);
    await gateway.startAgain();
    return gateway;
  }

  /** A control plane, with a port for edges. */
  static async startControlPlane(settings = {}) {
    const folder = mkdtempSync(join(tmpdir(), "sgui"));
    const key = join(folder, "key-of-secrets");
    writeFileSync(key, SECRETS_KEY, { mode: 0o600 });
    const port = await freePort();
    const env = {
      ...usual(folder),
      SIDEGATE_SECRETS_KEY_FILE: key,
      SIDEGATE_ROLE: "control",
      SIDEGATE_SYNC_HOST: "127.0.0.1",
      SIDEGATE_SYNC_PORT: String(port),
      SIDEGATE_SYNC_URL: `https://127.0.0.1:${port}`,
      ...settings,
    };
    delete env.PORT;
    const gateway = new Gateway(folder, env, []);
    await gateway.startAgain();
    return gateway;
  }

  constructor(folder, env, args) {
    this.folder = folder;
    this.env = env;
    this.args = args;
  }

  /** Starts it, on the same folder when it ran before. */
  async startAgain() {
    const ready = join(this.folder, "ready.json");
    rmSync(ready, { force: true });
    this.process = new Process(
      SIDEGATE,
      ["serve", "--ready-file", ready, ...this.args],
      this.env,
      join(this.folder, "log"),
    );
    let ended;
    this.process.ended.then((how) => (ended = how));
    const said = await eventually("the gateway is ready", () => {
      if (ended) throw new Error(`it ended: ${JSON.stringify(ended)}\n${this.process.said()}`);
      return existsSync(ready) && JSON.parse(readFileSync(ready, "utf8"));
    });
    const port = (key) => said[key]?.split(":").at(-1);
    // A name and not a number: browsers keep secure cookies for it without TLS.
    this.admin = `http://localhost:${port("admin_addr")}`;
    this.clients = said.gateway_addr && `http://localhost:${port("gateway_addr")}`;
    this.api = new Api(this.admin, this.env.SIDEGATE_ADMIN_TOKEN);
  }

  /** The address of a page of the console. */
  page(path) {
    return `${this.admin}/console${path}`;
  }

  /** Writes a shell script into its folder; gives the command that runs it as a plugin. */
  script(name, text) {
    const path = join(this.folder, name);
    writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return `file://${path}`;
  }

  /** Ends it and removes all it kept. */
  async stop() {
    await this.process.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Starts an edge by the command that the console printed. */
export async function startEdgeBy(joinCommand) {
  const words = joinCommand.trim().split(/\s+/);
  const flags = words.slice(words.indexOf("edge") + 1);
  const folder = mkdtempSync(join(tmpdir(), "sgui"));
  const env = { ...usual(folder), SIDEGATE_ROLE: "edge" };
  delete env.SIDEGATE_ADMIN_TOKEN;
  const edge = new Gateway(folder, env, flags);
  await edge.startAgain();
  return edge;
}
