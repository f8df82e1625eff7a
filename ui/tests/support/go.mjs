// Plugins in Go, compiled as an author would: a module of their own beside the SDK of this repository.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const SDK = resolve(dirname(fileURLToPath(import.meta.url)), "../../../sdks/go");
/** What an author changes to take this SDK for that of the existing system. */
const IMPORTS = [
  ["github.com/TykTechnologies/midsommar/v2/pkg/", "sidegate.dev/sdk/"],
  ["github.com/TykTechnologies/midsommar/v2/proto", "sidegate.dev/sdk/proto"],
];

/** Why tests that need Go are skipped, or false; where `SIDEGATE_REQUIRE_GO` is set they are not. */
export const withoutGo =
  process.env.SIDEGATE_REQUIRE_GO === undefined && spawnSync("go", ["version"]).status !== 0 && "there is no Go; with SIDEGATE_REQUIRE_GO=1 this is a failure";

/** A file of the Go SDK's tests. */
export function ofSdk(path) {
  return readFileSync(join(SDK, path), "utf8");
}

/** Compiles a program below this folder; gives the command of the plugin. */
export function goPlugin(folder, name, source) {
  const module = join(folder, `go-${name}`);
  mkdirSync(module);
  // The versions are the SDK's own, so that nothing has to be resolved.
  const mod = ofSdk("go.mod").replace("module sidegate.dev/sdk", `module ${name}`);
  writeFileSync(join(module, "go.mod"), `${mod}\nrequire sidegate.dev/sdk v0.0.0\n\nreplace sidegate.dev/sdk => ${SDK}\n`);
  writeFileSync(join(module, "go.sum"), ofSdk("go.sum"));
  writeFileSync(join(module, "main.go"), IMPORTS.reduce((text, [from, to]) => text.replaceAll(from, to), source));
  const program = join(module, name);
  // As all other programs in Go are built, so that what they share is built once.
  const args = ["build", "-mod=mod", "-trimpath", "-buildvcs=false", "-o", program, "."];
  const built = spawnSync("go", args, { cwd: module, encoding: "utf8", timeout: 100_000, env: { ...process.env, CGO_ENABLED: "0" } });
  if (built.status !== 0 || !existsSync(program)) throw new Error(`it does not compile: ${built.stderr} ${built.error ?? ""}`);
  return `file://${program}`;
}
