// What is written for authors of pages runs: the guide in both languages, and the plugin that the page about custom endpoint plugins describes.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { eventually } from "./support/eventually.mjs";
import { pluginCommand } from "./support/gateway.mjs";
import { goPlugin, ofSdk, withoutGo } from "./support/go.mjs";
import { look, served } from "./support/plugin_pages.mjs";
import { flows } from "./support/start.mjs";
import { pluginIs } from "./support/world.mjs";

const flow = flows();
const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const guide = readFileSync(resolve(root, "docs/plugin-pages-authors.md"), "utf8");

/** The first listing of the guide in this language. */
function listing(language) {
  const found = guide.match(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``));
  assert.ok(found, `the guide has ${language}`);
  return found[1];
}

/** Registers a plugin that may change its configuration, as the guides say. */
async function registered({ api }, name, command, config) {
  const plugin = await api.addPlugin({ name, slug: name, command, config, service_scopes: ["plugins.write"] });
  await pluginIs(api, plugin.id, "ready");
  return plugin.id;
}

/** Reads, changes and saves the notes of the guide's page. */
async function isEdited(world, id, name) {
  const { frame } = await look(world, id, { path: "notes/edit" });
  const content = frame.getByLabel("What every answer says");
  await eventually("it has read the content", async () => (await content.inputValue()) === "first");
  await content.fill("by the guide");
  await frame.getByRole("button", { name: "Save" }).click();
  await frame.getByText("Configuration saved").waitFor();
  assert.equal(await served(world.gateway, name), "by the guide");
}

flow("the guide's plugin in Rust has its page", {}, async (world) => {
  const program = readFileSync(resolve(root, "e2e/src/bin/e2e-plugin-guide.rs"), "utf8");
  const words = listing("rust,no_run").replace('"…") // include_bytes!("../ui/notes.js")', "script())");
  assert.ok(program.includes(words), "e2e/src/bin/e2e-plugin-guide.rs has the plugin of the guide word by word");
  const id = await registered(world, "notes", pluginCommand("echo").replace("sidegate-plugin-echo", "e2e-plugin-guide"), { content: "first" });
  await isEdited(world, id, "notes");
});

flow("the guide's plugin in Go has its page", { skip: withoutGo }, async (world) => {
  const source = listing("go").replace('"…" // with go:embed, the bytes of ui/notes.js', JSON.stringify(listing("js")));
  const id = await registered(world, "notes", goPlugin(world.gateway.folder, "notes", source), { content: "first" });
  await isEdited(world, id, "notes");
});

flow("a Go plugin with endpoints, page and schema, as it is written for the existing system, is edited in the console", { skip: withoutGo }, async (world) => {
  const { gateway, api } = world;
  const command = goPlugin(gateway.folder, "echo", ofSdk("pagetest/testdata/echo/beside.go"));
  const id = await registered(world, "echo", command, { custom_content: "Hello World", other: "kept" });
  assert.equal(await served(gateway, "echo"), "GET Hello World");
  const { visitor, page, frame } = await look(world, id, { path: "echo/config" });
  await frame.getByText("Loaded echo in blue, 4000").waitFor();
  await frame.getByLabel("Content").fill("Edited in the console");
  const asked = [];
  page.on("dialog", (dialog) => {
    asked.push(dialog.message());
    return dialog.accept();
  });
  await frame.getByRole("button", { name: "Save" }).click();
  await frame.locator("#message.success").waitFor();
  assert.equal(await served(gateway, "echo"), "GET Edited in the console");
  assert.deepEqual(asked, ["Save the configuration?"]);
  const { attributes } = await api.done("GET", `/plugins/${id}`);
  assert.deepEqual(attributes.config, { slug: "echo", custom_content: "Edited in the console", other: "kept" });
  await visitor.picture("page-of-a-go-plugin");
  // Every key of its manifest is read, and what is no page of a plugin's own in this console is none.
  const pages = await api.done("GET", `/plugins/${id}/pages`);
  assert.deepEqual(pages.map((own) => [own.attributes.path, own.attributes.kind]), [["/admin/echo/config", "webc"], ["/admin/echo/framed", "iframe"]]);
  const log = gateway.process.said();
  assert.ok(!/manifest/i.test(log), log);
  const schema = await api.done("GET", `/plugins/${id}/config-schema`);
  assert.deepEqual(schema.attributes.schema.required, ["slug"]);
});
