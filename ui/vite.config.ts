// Builds the console to `dist`: below /console/, under hashed names, each file also as .br and .gz,
// so that the gateway never compresses anything itself.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const COMPRESSED = /\.(html|js|css|svg|json)$/;

function compress(): Plugin {
  let folder = "dist";
  return {
    name: "compress",
    apply: "build",
    configResolved(config) {
      folder = config.build.outDir;
    },
    closeBundle() {
      for (const entry of readdirSync(folder, { recursive: true }) as string[]) {
        const path = join(folder, entry);
        if (!COMPRESSED.test(entry) || !statSync(path).isFile()) continue;
        const plain = readFileSync(path);
        writeFileSync(`${path}.gz`, gzipSync(plain, { level: 9 }));
        writeFileSync(
          `${path}.br`,
          brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }),
        );
      }
    },
  };
}

// Only for `npm run dev`: the token comes from the environment and is added on the way to the gateway.
const gateway = process.env.SIDEGATE_URL ?? "http://127.0.0.1:8080";
const token = process.env.SIDEGATE_ADMIN_TOKEN;

// The document that the gateway of this build serves: what is not in it, pages do not ask for.
const document = JSON.parse(readFileSync(process.env.SIDEGATE_OPENAPI ?? "../docs/openapi.json", "utf8"));

export default defineConfig({
  base: "/console/",
  define: { __OPERATIONS__: JSON.stringify(Object.keys(document.paths)) },
  plugins: [react(), compress()],
  resolve: { alias: { "@rjsf/validator-ajv8": fileURLToPath(new URL("src/forms/no-ajv.ts", import.meta.url)) } },
  build: {
    target: ["chrome123", "firefox120", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    port: Number(process.env.PORT ?? 5173),
    strictPort: true,
    proxy: {
      "/api": {
        target: gateway,
        headers: token ? { Authorization: `Bearer ${token}` } : {},
      },
    },
  },
});
