// Authlib, which is Python: the program beside it is started with the address of the provider.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { dirname, resolve } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { ANN, Provider, SECRET } from "./support/provider.mjs";

const judges = resolve(dirname(fileURLToPath(import.meta.url)), "..");

test("Authlib signs somebody in, refreshes, introspects and revokes", { timeout: 180_000 }, async () => {
  const provider = await Provider.start();
  try {
    const env = { ...process.env, ISSUER: provider.issuer, CLIENT_SECRET: SECRET.secret, APPLICATION: provider.app, USER_NAME: ANN.name, USER_PASSWORD: ANN.password };
    const child = spawn(resolve(judges, "../../../scripts/authlib.sh"), [resolve(judges, "authlib_judge.py")], { env, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (said += text));
    const code = await new Promise((resolve) => child.once("close", resolve));
    assert.equal(code, 0, said);
    assert.equal(said.match(/^ok: /gm)?.length, 5, said);
  } finally {
    await provider.stop();
  }
});
