// The page of the MCP plugin: how servers do, what they offer and to whom, trying a tool, definitions that are held, and
// how clients are connected. All that servers say is put in as text, never as markup.
(() => {
  const { STYLE, make, table, state, ago, visible, lines, differences, excerpt, snippets } = SidegateMcpParts;
  const TABS = [["servers", "Servers"], ["tools", "Tools"], ["access", "Who may use what"], ["pinned", "Pinned definitions"], ["connect", "Connect a client"]];
  const kinds = { tool: "tool", prompt: "prompt", instructions: "its instructions" };
  const titleOf = (kind, name) => `${kinds[kind] ?? kind} ${visible(name)}`.trim();
  const verdicts = { passes: ["good", "May be used"], denied: ["", "Not to be seen"], held: ["waits", "Held"] };
  const verdict = (said) => state(...(verdicts[said] ?? ["waits", `Needs the ${said}`]));

  class SidegateMcp extends HTMLElement {
    connectedCallback() {
      this.attachShadow({ mode: "open" });
      this.panels = {};
      const tabs = TABS.map(([id, label], at) =>
        make("button", { type: "button", role: "tab", id: `tab-${id}`, "aria-controls": id, "aria-selected": String(at === 0), tabindex: at ? "-1" : "0", click: () => this.open(id), keydown: (event) => this.move(event, at) }, label));
      const panels = TABS.map(([id], at) => (this.panels[id] = make("div", { role: "tabpanel", id, "aria-labelledby": `tab-${id}`, hidden: at > 0 })));
      this.status = make("p", { role: "status" }, "Reading…");
      this.alert = make("p", { role: "alert" });
      this.shadowRoot.append(make("style", {}, STYLE), make("div", { role: "tablist", "aria-label": "MCP servers" }, tabs), this.status, this.alert, ...panels);
      this.does(async () => {
        await this.read();
        this.showTools();
        this.showAccess();
      });
    }

    open(id) {
      for (const [known] of TABS) {
        const tab = this.shadowRoot.getElementById(`tab-${known}`);
        tab.setAttribute("aria-selected", String(known === id));
        tab.tabIndex = known === id ? 0 : -1;
        this.panels[known].hidden = known !== id;
      }
      this.say("");
      if (id === "tools" && !this.looked) this.look();
    }

    move(event, at) {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const [id] = TABS[(at + step + TABS.length) % TABS.length];
      this.open(id);
      this.shadowRoot.getElementById(`tab-${id}`).focus();
    }

    say(text, problem = "") {
      this.status.textContent = text;
      this.alert.textContent = problem;
    }

    /** Does one thing, and says what became of it. */
    async does(what, told = "", doing = "") {
      const buttons = [...this.shadowRoot.querySelectorAll("[role=tabpanel] button")].filter((button) => !button.disabled);
      for (const button of buttons) button.disabled = true;
      this.say(doing);
      try {
        await what();
        this.say(told);
      } catch (error) {
        this.say("", `Not done: ${visible(error.message)}`);
      } finally {
        for (const button of buttons) button.disabled = false;
      }
    }

    async read() {
      const [overview, pins] = await Promise.all([this.pluginAPI.call("overview"), this.pluginAPI.call("pins").catch((error) => ({ failure: error.message }))]);
      Object.assign(this, { overview, pins });
      this.showServers();
      this.showPinned();
      if (!this.isEdited) this.showConnect();
    }

    held(name) {
      return (this.pins.servers ?? []).find(({ server }) => server === name)?.held;
    }

    showServers() {
      const { servers, require_auth, slug } = this.overview;
      const rows = servers.map(({ name, target, is_program, is_pinned, health }) => {
        const { answered, failed, processes } = health ?? {};
        const how = failed && failed[0] >= (answered ?? 0) ? ["bad", `Failed ${ago(failed[0])}`] : answered ? ["good", `Answered ${ago(answered)}`] : ["", "Not asked yet"];
        const words = failed ? make("div", {}, make("small", {}, how[0] === "bad" ? visible(failed[1]) : `failed ${ago(failed[0])}: ${visible(failed[1])}`)) : undefined;
        const pinned = this.held(name) ? state("waits", "Held") : is_pinned ? "Pinned" : "No";
        return make("tr", {},
          make("td", {}, make("strong", {}, name), make("div", {}, make("code", {}, `/plugins/${slug}/${name}/mcp`))),
          make("td", {}, make("code", {}, target ?? "")),
          make("td", { class: "says" }, state(...how), words),
          make("td", {}, is_program ? (processes ? `${processes[0]} of ${processes[1]}` : "–") : "–"),
          make("td", {}, pinned),
          make("td", {}, make("button", { type: "button", "aria-label": `Look at the tools of ${name}`, click: () => this.lookAt(name) }, "Tools")));
      });
      this.panels.servers.replaceChildren(
        servers.length ? table("Servers", ["Server", "Where", "How it does", "Processes", "Definitions", "What to do"], rows) : make("p", {}, "No server is configured: add one to the plugin's configuration."),
        make("p", { class: "muted" }, `How servers do is what those who serve found at the last messages. Callers ${require_auth ? "need" : "do not need"} a token.`),
        make("div", { class: "row" }, make("button", { type: "button", click: () => this.does(() => this.read(), "Read again.") }, "Read again")));
    }

    lookAt(name) {
      this.looked = true;
      this.open("tools");
      this.server.value = name;
      this.look();
    }

    showTools() {
      this.server = make("select", { change: () => this.look() }, this.overview.servers.map(({ name }) => make("option", { value: name }, name)));
      this.found = make("div");
      this.panels.tools.replaceChildren(
        make("div", { class: "row" }, make("label", {}, "Server", this.server), make("button", { type: "button", click: () => this.look() }, "Ask again")),
        this.found);
    }

    look() {
      this.looked = true;
      const server = this.server.value;
      if (!server) return;
      this.found.replaceChildren();
      this.does(async () => {
        const found = await this.pluginAPI.call("look", { server });
        if (this.server.value === server) this.showFound(server, found);
      }, "", `${server} is asked what it offers…`);
    }

    showFound(server, { introduction, version, tools, prompts, resources }) {
      const about = introduction ? `${introduction.name ?? "?"} ${introduction.version ?? ""}` : "?";
      const rows = tools.map(({ name, verdict: said, item }) =>
        make("tr", {},
          make("td", {}, make("code", {}, visible(name))),
          make("td", { class: "says" }, visible(String(item.description ?? ""))),
          make("td", {}, verdict(said)),
          make("td", {}, make("button", { type: "button", disabled: said === "denied" || said === "held", "aria-label": `Try ${visible(name)}`, click: () => this.try(server, item) }, "Try"))));
      const others = [...prompts.map((one) => ["Prompt", one]), ...resources.map((one) => ["Resource", one])].map(([kind, { name, verdict: said, item }]) =>
        make("tr", {}, make("td", {}, kind), make("td", {}, make("code", {}, visible(name))), make("td", { class: "says" }, visible(String(item.description ?? item.name ?? ""))), make("td", {}, verdict(said))));
      this.tried = make("div");
      this.found.replaceChildren(
        make("p", { class: "muted" }, `${visible(about)}, protocol ${version ?? "?"}. What an operator sees here is what the configuration lets through, whatever an app may use of it.`),
        tools.length ? table("Tools", ["Tool", "What it says", "State", "What to do"], rows) : make("p", {}, "It has no tools."),
        this.tried,
        ...(others.length ? [make("h2", {}, "Prompts and resources"), table("Prompts and resources", ["Kind", "Name", "What it says", "State"], others)] : []));
    }

    try(server, tool) {
      const required = tool.inputSchema?.required ?? [];
      const properties = Object.entries(tool.inputSchema?.properties ?? {}).sort(([one], [other]) => required.includes(other) - required.includes(one));
      const fields = properties.map(([name, schema]) => this.field(name, schema ?? {}, required.includes(name)));
      const json = make("textarea", { spellcheck: "false", "aria-label": "Arguments in JSON" });
      json.value = "{}";
      const asJson = make("input", { type: "checkbox", change: () => choose() });
      const byFields = make("fieldset", { "aria-label": "Arguments" }, fields.map(({ label }) => label));
      const choose = () => {
        if (asJson.checked) json.value = this.argumentsOf(fields, true) ?? json.value;
        [byFields.hidden, json.hidden] = [asJson.checked, !asJson.checked];
        for (const { input } of fields) input.disabled = asJson.checked;
      };
      if (fields.length === 0) asJson.checked = true;
      choose();
      const answer = make("div");
      const send = async () => {
        answer.replaceChildren();
        const text = asJson.checked ? json.value : this.argumentsOf(fields);
        const said = await this.pluginAPI.call("call", { server, tool: tool.name, arguments: text });
        answer.replaceChildren(make("h3", {}, said.error ? "The server refuses" : said.result?.isError ? "The tool failed" : "Answer"), this.answer(said));
      };
      const form = make("form", { class: "card", submit: (event) => {
        event.preventDefault();
        this.does(send, "", `${visible(tool.name)} is called…`);
      } },
        make("h3", { tabindex: "-1" }, `Try ${visible(tool.name)}`),
        make("p", { class: "muted" }, "It is really called. The gateway's audit log has who tried a tool, the plugin's log which one."),
        byFields, json,
        make("div", { class: "row" }, make("button", { class: "primary" }, "Call"), ...(fields.length ? [make("label", { class: "check" }, asJson, "Write JSON")] : [])),
        answer);
      this.tried.replaceChildren(form);
      form.querySelector("h3").focus();
    }

    answer({ result, error }) {
      const texts = (result?.content ?? []).filter(({ type }) => type === "text").map(({ text }) => make("pre", { tabindex: "0", "aria-label": "Text of the answer" }, visible(String(text))));
      const whole = make("details", { open: texts.length === 0 }, make("summary", {}, "All of it"), make("pre", { tabindex: "0", "aria-label": "The answer in JSON" }, visible(JSON.stringify(error ?? result, null, 2))));
      return make("div", {}, texts, whole);
    }

    field(name, schema, required) {
      const is = (...types) => types.includes(schema.type);
      const about = schema.description ? make("small", {}, visible(String(schema.description))) : undefined;
      const title = [`${visible(name)}${required ? "" : " (optional)"}`];
      let input;
      if (Array.isArray(schema.enum)) input = make("select", { required }, ...(required ? [] : [make("option", { value: "" }, "–")]), schema.enum.map((one) => make("option", { value: JSON.stringify(one) }, visible(String(one)))));
      else if (is("boolean")) input = make("select", { required }, ...(required ? [] : [make("option", { value: "" }, "–")]), ["true", "false"].map((one) => make("option", { value: one }, one)));
      else if (is("string")) input = make("input", { required, autocomplete: "off" });
      else if (is("number", "integer")) input = make("input", { required, inputmode: "decimal", pattern: "-?[0-9]+(\\.[0-9]+)?([eE][+\\-]?[0-9]+)?", autocomplete: "off", title: "A number" });
      else {
        input = make("textarea", { required, spellcheck: "false" });
        title.push(", in JSON");
      }
      return { name, input, required, isText: is("string") && !schema.enum, label: make("label", {}, make("span", {}, title), about, input) };
    }

    /** The arguments as JSON; numbers stay as they were typed. */
    argumentsOf(fields, lenient = false) {
      const members = fields.filter(({ input, required, isText }) => input.value !== "" || (required && isText)).map(({ name, input, isText }) => {
        const value = isText ? JSON.stringify(input.value) : input.value.trim();
        return `${JSON.stringify(name)}: ${value}`;
      });
      return lenient && members.length === 0 ? undefined : `{${members.join(", ")}}`;
    }

    showAccess() {
      const metadata = make("textarea", { spellcheck: "false", placeholder: "mcp_servers=files\nmcp_tools=read_*, list" });
      const scopes = make("input", { autocomplete: "off", spellcheck: "false", placeholder: "files.write" });
      const found = make("div");
      const evaluate = async () => {
        const pairs = metadata.value.split("\n").filter((line) => line.includes("=")).map((line) => [line.slice(0, line.indexOf("=")).trim(), line.slice(line.indexOf("=") + 1).trim()]);
        const { servers } = await this.pluginAPI.call("access", { metadata: Object.fromEntries(pairs), scopes: scopes.value.split(/[\s,]+/).filter(Boolean) });
        found.replaceChildren(...servers.flatMap((server) => this.accessTo(server)));
      };
      this.panels.access.replaceChildren(
        make("p", {}, "What an app may use follows from the configuration and from its metadata. Type metadata in, a line each, and see what an app that has them may use now."),
        make("form", { submit: (event) => {
          event.preventDefault();
          this.does(evaluate, "", "Servers are asked what they offer…");
        } },
          make("fieldset", {}, make("label", {}, "Metadata of the app", metadata), make("label", {}, "Scopes of its token", scopes)),
          make("div", { class: "row" }, make("button", { class: "primary" }, "Evaluate"))),
        found,
        make("h2", {}, "What the configuration says"),
        ...this.overview.servers.flatMap(({ name, rules }) => [make("h3", {}, name), this.rules(rules)]),
        make("p", { class: "muted" }, this.overview.open ? "What an app's metadata say nothing of, it may use." : "What an app's metadata say nothing of, it may not use."));
    }

    rules({ tools, resources, prompts, scopes, limits, timeouts }) {
      const all = [];
      for (const [kind, { allow, deny }] of Object.entries({ Tools: tools, Resources: resources, Prompts: prompts })) {
        const parts = [allow ? `only ${allow.join(", ") || "none"}` : "all", ...(deny.length ? [`but not ${deny.join(", ")}`] : [])];
        all.push([kind, parts.join(", ")]);
      }
      if (scopes.length) all.push(["Scopes", scopes.map(({ tool, scope }) => `${tool} needs ${scope}`).join("; ")]);
      if (limits.length) all.push(["Limits", limits.map(({ tool, per_minute, at_once }) => `${tool}: ${[per_minute && `${per_minute} a minute`, at_once && `${at_once} at once`].filter(Boolean).join(", ")}`).join("; ")]);
      if (timeouts.length) all.push(["Timeouts", timeouts.map(({ tool, seconds }) => `${tool}: ${seconds} s`).join("; ")]);
      return make("dl", {}, all.flatMap(([term, text]) => [make("dt", {}, term), make("dd", {}, text)]));
    }

    accessTo({ server, is_admitted, failure, tools = [], prompts = [], resources = [] }) {
      const title = make("h2", {}, server);
      if (!is_admitted) return [title, make("p", {}, state("", "This app may not use this server."))];
      if (failure) return [title, make("p", {}, state("bad", visible(failure)))];
      const all = [["Tool", tools], ["Prompt", prompts], ["Resource", resources]].flatMap(([kind, list]) => list.map(({ name, verdict: said }) => make("tr", {}, make("td", {}, kind), make("td", { class: "says" }, make("code", {}, visible(name))), make("td", {}, verdict(said)))));
      return [title, table(`Access to ${server}`, ["Kind", "Name", "This app"], all)];
    }

    showPinned() {
      const { servers = [], failure } = this.pins;
      const parts = servers.map((one) => this.pinnedOf(one));
      const none = make("p", {}, "Nothing is pinned. With ", make("code", {}, '"pin": true'), " in the configuration what servers say of their tools and prompts is kept as it is first seen, and what changes is held until somebody approves it here.");
      this.panels.pinned.replaceChildren(...(failure ? [make("p", {}, state("bad", `What is pinned cannot be read: ${visible(failure)}`))] : servers.length ? parts : [none]));
    }

    pinnedOf({ server, approved, held }) {
      const check = make("button", { type: "button", "aria-label": `Check ${server} now`, click: () => this.does(async () => {
        await this.pluginAPI.call("check", { server });
        await this.read();
      }, `${server} was asked.`, `${server} is asked what it offers…`) }, "Check now");
      const count = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;
      const by = approved && { "first seen": "as first seen", "an operator": "approved by an operator", "the configuration": "approved by the configuration" }[approved.by];
      return make("section", { class: "card", "aria-label": server },
        make("h3", {}, server),
        approved ? make("p", {}, `${count(approved.tools, "tool")} and ${count(approved.prompts, "prompt")}, ${by ?? approved.by}, ${ago(approved.since)}. `, make("small", {}, make("code", {}, approved.digest))) : make("p", {}, "Nothing is approved yet."),
        ...(held ? this.heldOf(server, held) : [make("p", {}, state("good", "Nothing is held."))]),
        make("div", { class: "row" }, ...(held ? [make("button", { type: "button", class: "primary", "aria-label": `Approve what ${server} says now`, click: () => this.approve(server, held) }, "Approve this set")] : []), check));
    }

    heldOf(server, { digest, since, differences: all }) {
      const shown = all.map(({ kind, name, before, after }) => {
        const what = before === null ? "new" : after === null ? "gone" : "changed";
        const rows = excerpt(differences(before ? lines(before) : [], after ? lines(after) : []));
        const signs = { "-": "less", "+": "more", " ": "", "⋯": "same" };
        return make("div", {},
          make("h3", { class: "title" }, `${titleOf(kind, name)}: ${what}`),
          make("pre", { class: "diff", tabindex: "0", "aria-label": `What is different of ${titleOf(kind, name)}` }, rows.map(([sign, text]) => make("span", { class: signs[sign] }, `${sign} ${visible(text)}`))));
      });
      return [make("p", {}, state("waits", `Held, seen ${ago(since)}: what is new or changed is neither listed nor called.`)), ...shown, make("p", {}, make("small", {}, "This set is ", make("code", {}, digest)))];
    }

    approve(server, { digest, differences: all }) {
      if (!confirm(`Approve what ${server} says of ${all.map(({ kind, name }) => titleOf(kind, name)).join(", ")}?`)) return;
      this.does(async () => {
        await this.pluginAPI.call("approve", { server, digest }).finally(() => this.read());
      }, `What ${server} says is approved.`);
    }

    showConnect() {
      const { address, slug, servers } = this.overview;
      // What a client wrote counts only where it names the host that shows this page.
      const here = `${location.protocol}//${location.hostname}`;
      const known = address && URL.canParse(address) && new URL(address).hostname === location.hostname ? address : here;
      const base = make("input", { type: "url", size: "36", autocomplete: "off", spellcheck: "false", input: () => {
        this.isEdited = true;
        show();
      } });
      base.value = known;
      const which = make("select", { change: () => show() }, make("option", { value: "" }, "All servers"), servers.map(({ name }) => make("option", { value: name }, name)));
      const shown = make("div");
      const show = () => {
        const url = `${base.value.replace(/\/+$/, "")}/plugins/${slug}/${which.value ? `${which.value}/` : ""}mcp`;
        const plain = /^https?:\/\/[a-z0-9.:[\]-]+\/[a-z0-9._/-]*$/i.test(url);
        shown.replaceChildren(...(plain ? snippets(url, which.value || slug).flatMap(([title, text]) => [make("h3", {}, title), make("pre", { tabindex: "0", "aria-label": title }, text)]) : [make("p", {}, state("bad", "This is no address of a gateway."))]));
      };
      show();
      this.panels.connect.replaceChildren(
        make("div", { class: "row" }, make("label", {}, "Where clients reach the gateway", base), make("label", {}, "Which servers", which)),
        make("p", { class: "muted" }, "TOKEN is a token of an app. Clients that sign in by themselves need no header, where the plugin says who gives tokens."),
        shown);
    }
  }

  customElements.define("sidegate-mcp", SidegateMcp);
})();
