// Processes of the tests: each is started with an environment of its own, logs into a file, and is ended by its id.

import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";

/** How long a process may take to end when it is asked, before it is killed. */
const GOODBYE_MS = 10_000;
const running = new Set();

/** What is left when the tests end by an error or by Ctrl-C is killed: nothing may outlive them. */
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

/** A process that was started, and the file it logs into. */
export class Process {
  constructor(program, args, env, log) {
    const file = openSync(log, "a");
    this.log = log;
    this.child = spawn(program, args, { env, stdio: ["ignore", file, file] });
    closeSync(file);
    // A test that failed to end it shall not wait for it: the end of the tests is its end, too.
    this.child.unref();
    running.add(this.child);
    this.ended = new Promise((resolve) => {
      const end = (how) => {
        running.delete(this.child);
        resolve(how);
      };
      this.child.once("exit", (code, signal) => end({ code, signal }));
      this.child.once("error", (error) => end({ error }));
    });
  }

  get pid() {
    return this.child.pid;
  }

  /** What it logged so far, the last of it. */
  said() {
    return readFileSync(this.log, "utf8").slice(-4000);
  }

  /** Asks it to end, and kills it when it does not. */
  async stop() {
    this.child.kill("SIGTERM");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), GOODBYE_MS);
    await this.ended;
    clearTimeout(timer);
  }
}
