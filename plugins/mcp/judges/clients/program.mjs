// Clients in other languages: programs that do what a test tells them by stdin and tell by stdout what came of it, a line of
// JSON each. What is said to stderr is shown where a program ends too early.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { SIDEGATE } from "../../../../ui/tests/support/gateway.mjs";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** A program that holds sessions. */
export class Program {
  constructor(command, args, env) {
    const { PATH, CARGO_TARGET_DIR } = process.env;
    const usual = { PATH, ...(CARGO_TARGET_DIR ? { CARGO_TARGET_DIR } : {}) };
    this.child = spawn(command, args, { env: { ...usual, ...env }, stdio: ["pipe", "pipe", "pipe"] });
    this.waiting = new Map();
    this.count = 0;
    this.errors = "";
    this.child.stderr.on("data", (text) => (this.errors = (this.errors + text).slice(-4000)));
    this.child.stdin.on("error", () => {});
    const ends = (why) => {
      for (const { reject } of this.waiting.values()) reject(new Error(`the client ended (${why}): ${this.errors}`));
      this.waiting.clear();
    };
    this.child.once("error", ends);
    this.child.once("close", (code, signal) => ends(code ?? signal));
    createInterface({ input: this.child.stdout }).on("line", (line) => this.heard(JSON.parse(line)));
  }

  heard({ id, progress, result, error }) {
    const waiting = this.waiting.get(id);
    if (progress !== undefined) return waiting?.onprogress(progress);
    this.waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error));
  }

  /** Tells it something; gives what comes of it, by which it is cancelled, too. */
  tell(order, onprogress = () => {}) {
    const id = ++this.count;
    const answer = new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject, onprogress }));
    // Whoever waits for it later hears of it all the same.
    answer.catch(() => {});
    this.write({ id, ...order });
    return { id, answer };
  }

  write(order) {
    this.child.stdin.write(`${JSON.stringify(order)}\n`);
  }

  /** As `open` of the other clients. */
  open = async (url, token) => {
    const opened = this.tell({ do: "open", url, token });
    await opened.answer;
    const session = opened.id;
    return {
      call: (tool, args = {}, onprogress) => {
        const { id, answer } = this.tell({ do: "call", session, tool, arguments: args }, onprogress);
        return { answer, cancel: () => this.write({ do: "cancel", id }) };
      },
      close: () => this.tell({ do: "close", session }).answer,
    };
  };

  /** Ends it. */
  async stop() {
    if (this.child.exitCode !== null) return;
    const closed = new Promise((resolve) => this.child.once("close", resolve));
    this.child.kill("SIGKILL");
    await closed;
  }
}

/** A program in Python, with this line of the SDK. */
export const python = (line, program, ...args) => new Program(here("python.sh"), [String(line), here(program), ...args]);

/** The program with the SDK for Rust, which is built beside the plugin. */
export function rmcp(mode) {
  const program = join(dirname(SIDEGATE), "examples/rmcp-judge");
  if (!existsSync(program)) throw new Error(`${program} is not built: cargo build -p sidegate-plugin-mcp --examples`);
  return new Program(program, [mode]);
}
