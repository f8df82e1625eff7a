// Documents that are clients, where applications have them: at a server with TLS that only those trust who are told to.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A server with TLS, whose documents tests choose, and the file with what makes it trusted. */
export async function documents() {
  const folder = mkdtempSync(join(tmpdir(), "sgoidc"));
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"];
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-keyout", key, "-out", certificate, ...subject], { stdio: "ignore" });
  const answers = new Map();
  const asked = [];
  const held = [];
  const server = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (incoming, response) => {
    asked.push(incoming.url);
    if (incoming.url.startsWith("/slow")) return void held.push(response);
    const [status, headers, body] = answers.get(incoming.url) ?? [404, {}, ""];
    response.writeHead(status, headers).end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  const origin = `https://localhost:${server.address().port}`;
  const stop = () => {
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  };
  return { origin, answers, asked, held, certificate, stop };
}
