// Plugins' own pages in the console: honest ones work as they were written, hostile ones get nothing.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { eventually } from "./support/eventually.mjs";
import { pluginCommand, startEdgeBy } from "./support/gateway.mjs";
import { forger, grabber, honest, hostile, look, sender, served } from "./support/plugin_pages.mjs";
import { slowness } from "./support/slowness.mjs";
import { flows } from "./support/start.mjs";
import { pluginIs } from "./support/world.mjs";

const flow = flows();
const ADDRESS = "pages/page/own";

/** Registers the plugin whose page is this script, or this HTML where it has no tag. */
async function withPage({ gateway, api }, name, source, tag, more = {}) {
  const file = join(gateway.folder, `${name}.page`);
  writeFileSync(file, source);
  const command = pluginCommand("echo").replace("sidegate-plugin-echo", "e2e-plugin-page");
  const options = { "env.PAGE_FILE": file, ...(tag ? { "env.PAGE_TAG": tag } : {}) };
  const plugin = await api.addPlugin({ name, slug: name, command, options, service_scopes: ["plugins.write"], config: { content: "first", other: "kept" }, ...more });
  await pluginIs(api, plugin.id, "ready");
  return plugin.id;
}

/** Somewhere else in the network, which notes who comes. */
async function elsewhere() {
  const came = [];
  const server = createServer((request, answer) => {
    came.push(`${request.method} ${request.url}`);
    answer.setHeader("access-control-allow-origin", "*");
    answer.end("here");
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const stop = () => {
    server.closeAllConnections();
    return new Promise((done) => server.close(done));
  };
  return { at: `http://127.0.0.1:${server.address().port}`, came, stop };
}

flow("a component as authors write it loads, calls, saves, and what it saved is served at once", { expected: [/^\d+ POST .*\/rpc\/fail$/] }, async (world) => {
  const { gateway, api } = world;
  const id = await withPage(world, "notes", honest("my-notes"), "my-notes");
  const { visitor, page, frame } = await look(world, id);
  await frame.getByText('Notes of Jane, {"a":1}').waitFor();
  await frame.getByText("loaded after 0 tries").waitFor();
  assert.equal(await frame.locator("textarea").inputValue(), "first");
  await frame.locator("textarea").fill("second");
  await frame.locator("#save").click();
  await eventually("the page says that it is saved", async () => /^(?!saving|not saved|loaded)./.test(await frame.locator(".message").textContent()));
  assert.equal(await served(gateway, "notes"), "second");
  const { attributes } = await api.done("GET", `/plugins/${id}`);
  assert.deepEqual(attributes.config, { slug: "notes", content: "second", other: "kept" });

  // In the plugin's own words, in both places where components look for them.
  await frame.locator("#fail").click();
  await eventually("the page shows why it failed", async () => {
    const [isError, message, , detail] = (await frame.locator(".message").textContent()).split(" | ");
    return isError === "true" && message === "the disk is full" && detail.endsWith("the disk is full");
  });
  await frame.locator("#about").click();
  await frame.getByText("A page of a plugin.").waitFor();
  await frame.getByRole("button", { name: "Close" }).click();
  page.once("dialog", (dialog) => dialog.accept());
  await frame.locator("#remove").click();
  await eventually("the content is empty", async () => (await served(gateway, "notes")) === "");

  // It has a place in the navigation and among the tabs.
  assert.deepEqual(await visitor.axe(), []);
  await page.emulateMedia({ colorScheme: "dark" });
  await visitor.picture("page-of-notes-dark");
  assert.deepEqual(await visitor.axe(), []);
  await page.getByRole("link", { name: "The plugin" }).click();
  await page.getByRole("navigation", { name: "About this plugin" }).getByRole("link", { name: "Page" }).click();
  await frame.getByText("loaded after 0 tries").waitFor();
  await page.getByRole("navigation", { name: "Plugins’ pages" }).getByRole("link", { name: "Own" }).click();
  await frame.getByText("loaded after 0 tries").waitFor();
});

flow("the page saves also after its process was idle for a minute", { settings: { SIDEGATE_PLUGIN_PAGE_IDLE_TIMEOUT: "30s" } }, async (world) => {
  const { gateway, api } = world;
  const id = await withPage(world, "idle", honest("idle-notes"), "idle-notes");
  const { frame } = await look(world, id);
  await frame.getByText("loaded after 0 tries").waitFor();
  const asked = Date.now();
  await eventually("a minute is over", () => Date.now() - asked > 61_000, 70_000);
  await frame.locator("textarea").fill("after a minute");
  await frame.locator("#save").click();
  await eventually("it is saved", async () => /^(?!saving|not saved|loaded)./.test(await frame.locator(".message").textContent()));
  assert.equal(await served(gateway, "idle"), "after a minute");
  assert.equal((await api.done("GET", `/plugins/${id}`)).attributes.config.other, "kept");
});

flow("a page that saved what its own plugin refuses is opened, says what is so, and takes it back", { expected: [/^502 POST .*\/rpc\/save_config$/] }, async (world) => {
  const { gateway, api } = world;
  const id = await withPage(world, "notes", honest("my-notes"), "my-notes");
  const { visitor, page, frame, around } = await look(world, id);
  const save = async (content, answer) => {
    await frame.getByText("loaded after").waitFor();
    await frame.locator("textarea").fill(content);
    await frame.locator("#save").click();
    await eventually(`${content} is answered`, async () => answer.test(await frame.locator(".message").textContent()));
  };
  await save("no start", /does not serve by it: .*it starts with no such content/s);
  await visitor.open(`/plugins/${id}/${ADDRESS}`);
  await around.getByText("it starts with no such content").waitFor();
  await frame.getByText("loaded after").waitFor();
  assert.equal(await frame.locator("textarea").inputValue(), "first");
  assert.equal((await api.done("GET", `/plugins/${id}`)).attributes.config.content, "no start");
  assert.equal(await served(gateway, "notes"), "first");
  assert.deepEqual(await visitor.axe(), []);
  await visitor.picture("page-that-stands-in");
  await save("taken back", /^Configuration saved, and served/);
  assert.equal(await served(gateway, "notes"), "taken back");
  await page.reload();
  await frame.getByText("loaded after").waitFor();
  assert.equal(await around.getByText("it starts with no such content").count(), 0);
});

flow("the example echo is edited on its page", {}, async (world) => {
  const { gateway, api, come } = world;
  const { id } = await api.addPlugin({ name: "echo", slug: "echo", command: pluginCommand("echo"), service_scopes: ["plugins.write"] });
  await pluginIs(api, id, "ready");
  const visitor = await come();
  await visitor.signIn(api.token);
  await visitor.open(`/plugins/${id}/pages/echo/content`);
  const frame = visitor.page.frameLocator(".plugin-page iframe");
  await frame.getByLabel("Content").fill("Edited in the console");
  await frame.getByRole("button", { name: "Save" }).click();
  await frame.locator("#message.good").waitFor();
  const answer = await fetch(`${gateway.clients}/plugins/echo/x`).then((told) => told.json());
  assert.equal(answer.custom_content, "Edited in the console");
  await visitor.picture("page-of-echo");
});

flow("the example webhook shows its deliveries on its page", {}, async (world) => {
  const { gateway, api, come } = world;
  const { id } = await api.addPlugin({ name: "webhook", slug: "webhook", command: pluginCommand("webhook"), service_scopes: ["kv.readwrite"], config: { webhook_secret: "not-much-of-a-secret" } });
  await pluginIs(api, id, "ready");
  await fetch(`${gateway.clients}/plugins/webhook/payment`, { method: "POST", body: "{}" }).then((told) => told.text());
  const visitor = await come();
  await visitor.signIn(api.token);
  await visitor.open(`/plugins/${id}/pages/webhook/deliveries`);
  const row = visitor.page.frameLocator(".plugin-page iframe").getByRole("row").nth(1);
  await row.getByText("payment").waitFor();
  await row.getByText("401").waitFor();
  await visitor.picture("page-of-webhook");
});

flow("what is saved in the console of a control plane is served by its edge within two seconds", { control: true }, async (world) => {
  const { api } = world;
  const made = await api.done("POST", "/edges", { name: "berlin-1" });
  const edge = await startEdgeBy(made.attributes.join_command);
  try {
    const id = await withPage(world, "notes", honest("my-notes"), "my-notes");
    await eventually("the edge serves", async () => (await served(edge, "notes")) === "first");
    const { frame } = await look(world, id);
    await frame.getByText("loaded after").waitFor();
    await frame.locator("textarea").fill("for the edge");
    await frame.locator("#save").click();
    await eventually("it is saved", async () => /^(?!saving|not saved|loaded)./.test(await frame.locator(".message").textContent()));
    await eventually("the edge serves it", async () => (await served(edge, "notes")) === "for the edge", 2_000 * Math.max(slowness(), slowness()));
  } finally {
    await edge.stop();
  }
});

flow("two plugins with elements of one name are kept apart", {}, async (world) => {
  const first = await withPage(world, "first", honest("same-name"), "same-name", { config: { content: "of the first" } });
  const second = await withPage(world, "second", honest("same-name"), "same-name", { config: { content: "of the second" } });
  const { visitor, page, frame } = await look(world, first);
  await frame.getByText("loaded after").waitFor();
  assert.equal(await frame.locator("textarea").inputValue(), "of the first");
  // Within one visit of the console, as somebody goes from one to the other.
  await page.getByRole("link", { name: "Plugins", exact: true }).first().click();
  await page.getByRole("main").getByRole("link", { name: "second" }).first().click();
  await page.getByRole("navigation", { name: "About this plugin" }).getByRole("link", { name: "Page" }).click();
  await frame.getByText("loaded after").waitFor();
  assert.equal(await frame.locator("textarea").inputValue(), "of the second");
  await frame.locator("textarea").fill("changed");
  await frame.locator("#save").click();
  await eventually("the second serves it", async () => (await served(world.gateway, "second")) === "changed");
  assert.equal(await served(world.gateway, "first"), "of the first");
  await visitor.open(`/plugins/${second}/${ADDRESS}`);
});

flow("a page of HTML has its style and its script, and calls", {}, async (world) => {
  const html = '<!doctype html><html lang="en"><head><link rel="stylesheet" href="style.css"></head><body><h1>Own</h1><p></p>' +
    '<script src="./script.js"></script><script>pluginAPI.call("get_config").then(({ content }) => document.querySelector("p").append(content))</script></body></html>';
  const id = await withPage(world, "html", html);
  const { frame } = await look(world, id);
  await frame.getByText("Own by a script").waitFor();
  await frame.getByText("first").waitFor();
  assert.equal(await frame.locator("h1").evaluate((heading) => getComputedStyle(heading).color), "rgb(1, 2, 3)");
});

flow("a plugin that hangs, crashes or answers too much is told to its page, and the next call works", { expected: [/^\d+ POST .*\/rpc\//] }, async (world) => {
  const tag = "bad-plugin";
  const source = `customElements.define("${tag}", class extends HTMLElement {
    connectedCallback() { this.innerHTML = '<input aria-label="Method"><button onclick="this.parentNode.run()">Run</button><p></p>'; }
    async run() {
      const say = (text) => (this.querySelector("p").textContent = text);
      say("running");
      try { say("answered " + JSON.stringify(await this.pluginAPI.call(this.querySelector("input").value)).length); }
      catch (error) { say("refused: " + error.message); }
    }
  })`;
  const id = await withPage(world, "bad", source, tag);
  const { frame } = await look(world, id);
  const run = async (method, pattern, patience) => {
    await frame.getByLabel("Method").fill(method);
    await frame.getByRole("button", { name: "Run" }).click();
    await eventually(`${method} is answered`, async () => pattern.test(await frame.locator("p").textContent()), patience);
  };
  await run("get_config", /^answered/);
  await run("big", /^refused: ./);
  await run("get_config", /^answered/);
  await run("crash", /^refused: [\s\S]*the last words of the plugin/);
  await run("get_config", /^answered/);
  await run("hang", /^refused: ./, 45_000);
  await run("get_config", /^answered/);
});

/** Registers the plugin that does on demand what a page must survive, with this script as that of its element `e2e-page`. */
async function misbehaving({ gateway, api }, name, source, config = {}) {
  const file = join(gateway.folder, `${name}.page`);
  writeFileSync(file, source);
  const command = pluginCommand("echo").replace("sidegate-plugin-echo", "e2e-plugin-beside");
  const plugin = await api.addPlugin({ name, slug: name, command, options: { "env.PAGE_FILE": file }, config });
  await pluginIs(api, plugin.id, "ready");
  return plugin.id;
}

flow("what a plugin answers that is no JSON arrives as a text", {}, async (world) => {
  const source = `customElements.define("e2e-page", class extends HTMLElement {
    async connectedCallback() { const got = await this.pluginAPI.call("text"); this.append(typeof got + ": " + got); }
  })`;
  const id = await misbehaving(world, "texts", source);
  const { frame } = await look(world, id, { path: "page" });
  await frame.getByText("string: no json").waitFor();
});

flow("a page whose process crashes or hangs as it starts is closed with the reason, and closes no other", {}, async (world) => {
  const crashes = await misbehaving(world, "crashes", "", { beside: "crash" });
  const hangs = await misbehaving(world, "hangs", "", { beside: "hang" });
  const well = await withPage(world, "well", honest("my-notes"), "my-notes");
  const hanging = look(world, hangs, { path: "page" });
  const [closed, shown] = await Promise.all([look(world, crashes, { path: "page" }), look(world, well)]);
  await closed.page.getByText("This page is closed").waitFor();
  await closed.page.getByText("no page today").waitFor();
  await shown.frame.getByText("loaded after").waitFor();
  const { page } = await hanging;
  await page.getByText("its process is still being started").waitFor();
  await page.getByRole("link", { name: "Routes", exact: true }).first().click();
  await page.getByRole("heading", { name: "Routes" }).waitFor();
});

const POLICY = /^(policy: |console error: .*(violates|violated|Blocked|Unsafe attempt|Refused|sandboxed))/s;

flow("a hostile page gets nothing", { expected: [/^\d+ POST .*\/rpc\/\.\./, /^404 GET .*\/assets\/1\/assets\/page\.js$/] }, async (world) => {
  const other = await elsewhere();
  const id = await withPage(world, "hostile", hostile("not-nice", other.at), "not-nice");
  const { visitor, page, frame, around } = await look(world, id);
  await frame.getByText("done").waitFor({ timeout: 60_000 });
  const results = (await frame.locator("#results").textContent()).trim().split("\n");
  assert.deepEqual(results.filter((line) => /GOT/.test(line)), []);
  assert.ok(results.length >= 24, `${results.length} tries`);
  assert.ok(results.includes("origin: null"));
  assert.deepEqual(other.came, []);
  // Its form lies over all of the frame, and over nothing of what says whose frame that is.
  const title = around.getByText("Page of the plugin hostile");
  const isOnTop = await title.evaluate((node) => {
    const { x, y, width, height } = node.getBoundingClientRect();
    return node.contains(document.elementFromPoint(x + width / 2, y + height / 2));
  });
  assert.ok(isOnTop);
  const [box, outer] = [await page.locator(".plugin-page iframe").boundingBox(), await around.boundingBox()];
  assert.ok(box.x >= outer.x && box.y > outer.y + 20 && box.y + box.height <= outer.y + outer.height);
  assert.equal(page.url(), world.gateway.page(`/plugins/${id}/${ADDRESS}`));
  await visitor.picture("page-that-is-hostile");
  // The browser says of each try what it was refused for.
  visitor.complaints = visitor.complaints.filter((text) => !POLICY.test(text));
  await other.stop();
});

for (const [what, target] of [["elsewhere", "_self"], ["elsewhere", "_top"], ["the console", "_self"]]) {
  flow(`a form that is sent to ${what}, ${target}, does not get there`, {}, async (world) => {
    const other = await elsewhere();
    const action = what === "elsewhere" ? `${other.at}/form` : "/api/v1/session";
    const id = await withPage(world, "sender", sender("x-sender", action, target), "x-sender");
    const { visitor, page, around } = await look(world, id);
    await eventually("the browser refuses it", () => visitor.complaints.some((text) => POLICY.test(text)));
    if (what === "elsewhere" && target === "_self") await around.getByText("The page left its frame.").waitFor();
    assert.equal(page.url(), world.gateway.page(`/plugins/${id}/${ADDRESS}`));
    assert.deepEqual(other.came, []);
    visitor.complaints = visitor.complaints.filter((text) => !POLICY.test(text));
    await other.stop();
  });
}

flow("a message forged by another frame is not believed", {}, async (world) => {
  const id = await withPage(world, "notes", honest("my-notes"), "my-notes");
  const { visitor, page, frame } = await look(world, id);
  await frame.getByText("loaded after").waitFor();
  // A second frame of the same kind beside it, as no page can make one: it forges while the first begins anew.
  await page.evaluate((source) => new Promise((done) => {
    const evil = document.createElement("iframe");
    evil.setAttribute("sandbox", "allow-scripts");
    evil.src = "/console/frames/page";
    evil.title = "forger";
    evil.onload = () => {
      const channel = new MessageChannel();
      channel.port1.onmessage = ({ data }) => data.type === "mounted" && done();
      evil.contentWindow.postMessage("sidegate:page", "*", [channel.port2]);
      channel.port1.postMessage({ type: "start", kind: "webc", tag: "x-forger", props: {}, source });
    };
    document.body.append(evil);
  }), forger("x-forger"));
  for (let visit = 0; visit < 3; visit++) {
    await page.getByRole("button", { name: "Reload", exact: true }).click();
    await frame.getByText("loaded after").waitFor();
    assert.equal(await frame.getByText("forged").count(), 0);
  }
  assert.deepEqual(visitor.complaints, []);
});

for (const wants of ["input", "window"]) {
  flow(`a page that wants the keyboard for its ${wants} gets nothing of what is typed into a dialog of the console`, {}, async (world) => {
    const id = await withPage(world, "grabber", grabber("x-grabber", wants), "x-grabber");
    const { visitor, page, frame, around } = await look(world, id);
    const heard = [];
    page.on("console", (message) => message.text().startsWith("heard ") && heard.push(message.text().slice(6)));
    const hasKeyboard = () => page.evaluate(() => document.activeElement?.tagName === "IFRAME");
    await eventually("the page has the keyboard", hasKeyboard);
    await eventually("it is heard", async () => {
      // The browser gives the keyboard to the process of the page some time after it says so.
      await page.keyboard.press("x");
      return heard.includes("x");
    });
    await page.waitForTimeout(200);
    for (const text of ["not for plugins", "and not this"]) {
      heard.length = 0;
      await page.getByRole("button", { name: /Search|Find|Go to/ }).first().click();
      const dialog = page.locator("dialog[open] input");
      await dialog.waitFor();
      await page.keyboard.type(text, { delay: 30 });
      assert.equal(await dialog.inputValue(), text);
      // Whoever types looks up, and goes on.
      await page.keyboard.type("…", { delay: 1500 });
      await page.keyboard.type("!");
      assert.equal(await dialog.inputValue(), `${text}…!`);
      assert.deepEqual(heard, []);
      await page.keyboard.press("Escape");
      // It is there again, and says why it is as new.
      await frame.getByLabel("typed").waitFor();
      await around.getByText("It was loaded again").waitFor();
      await eventually("the page has the keyboard again", hasKeyboard);
    }
    assert.deepEqual(await visitor.axe(), []);
    assert.deepEqual(visitor.complaints, []);
  });
}

flow("a page that hangs, floods or is broken is stopped, and the console goes on", { expected: [/^\d+ POST .*\/rpc\/x\d+$/, /^502 GET .*\/assets\/ui\/page\.js$/] }, async (world) => {
  const pages = {
    hangs: ["for (;;);", /did not show itself within 10 s/],
    floods: ['customElements.define("x-bad", class extends HTMLElement { connectedCallback() { for (let i = 0; i < 3000; i++) this.pluginAPI.call("x" + i).catch(() => {}); } })', /more than 1000 messages within a second/],
    throws: ['throw new Error("no license")', /no license/],
    large: ["x".repeat(10 * 1024 * 1024), /too large/],
    lacks: ["1", /did not define the element <x-bad> within 5 s/],
  };
  const visitor = await world.come();
  await visitor.signIn(world.api.token);
  for (const [name, [source, why]] of Object.entries(pages)) {
    const id = await withPage(world, name, source, "x-bad");
    // Its first paint is the console's: what comes then may hold the frame up, and nothing else.
    await visitor.page.goto(world.gateway.page(`/plugins/${id}/${ADDRESS}`), { waitUntil: "commit" });
    await visitor.page.locator(".plugin-page").getByText(why).waitFor();
    await visitor.page.getByRole("link", { name: "Overview", exact: true }).first().click();
    await visitor.page.getByRole("heading", { name: "Overview" }).waitFor();
  }
  visitor.complaints = visitor.complaints.filter((text) => !/no license/.test(text));
});

flow("a viewer is told why a page is closed, and calls nothing", { expected: [/^403 /] }, async (world) => {
  const { api } = world;
  const id = await withPage(world, "notes", honest("my-notes"), "my-notes");
  const { visitor, page } = await look(world, id, { token: await api.adminToken("jane", "viewer") });
  await page.getByText("This page is closed").waitFor();
  assert.equal(await page.locator("iframe").count(), 0);
  const status = await page.evaluate(async (id) => {
    const answer = await fetch(`/api/v1/plugins/${id}/rpc/get_config`, { method: "POST", headers: { "content-type": "application/json", "x-sidegate-session": localStorage.getItem("sidegate.session") }, body: "{}" });
    return answer.status;
  }, id);
  assert.equal(status, 403);
  assert.deepEqual(await visitor.axe(), []);
});

flow("what a page is made of reaches nothing in a tab of its own", { expected: [/^\d+ /] }, async (world) => {
  const { gateway } = world;
  const html = "<script>document.title = 'ran ' + self.origin; fetch('/api/v1/plugins').then((answer) => (document.title = 'GOT ' + answer.status))</script>";
  const id = await withPage(world, "html", html);
  const { visitor, page } = await look(world, id);
  const policy = await page.evaluate(async (path) => {
    const { headers } = await fetch(path, { headers: { "x-sidegate-session": localStorage.getItem("sidegate.session") } });
    return ["content-security-policy", "x-content-type-options", "content-disposition"].map((name) => headers.get(name));
  }, `/api/v1/plugins/${id}/assets/ui/page.html`);
  assert.match(policy[0], /^sandbox; *default-src 'none'/);
  assert.equal(policy[1], "nosniff");
  assert.match(policy[2], /^attachment/);
  await page.goto(`${gateway.admin}/console/frames/page`);
  const got = await page.evaluate(() => {
    try {
      return localStorage.length;
    } catch (error) {
      return error.name;
    }
  });
  assert.equal(got, "SecurityError");
  visitor.complaints.length = 0;
});
