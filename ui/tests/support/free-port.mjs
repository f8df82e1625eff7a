// Ports for programs that are told at which one to listen.

import { randomInt } from "node:crypto";
import { createServer } from "node:net";

const given = new Set();

/** A port of this machine that nobody has, and that stays so, also while its program starts anew: not of those that the system gives to whoever asks for any or connects. */
export async function freePort() {
  for (let tries = 0; tries < 100; tries++) {
    const port = randomInt(20_000, 30_000);
    if (given.has(port)) continue;
    const server = createServer();
    const isFree = await new Promise((resolve) => server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true)));
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    given.add(port);
    return port;
  }
  throw new Error("no port between 20000 and 30000 is free");
}
