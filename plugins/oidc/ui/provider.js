// The page of the provider: users and clients. Passwords and secrets are shown once, when they are made.
class SidegateOidc extends HTMLElement {
  constructor() {
    super();
    this.attachShadow({ mode: "open" });
  }

  connectedCallback() {
    this.shadowRoot.innerHTML = `
      <style>
        :host { display: block; padding: 20px 24px 24px; color: #17181c; font: 14px/1.5 ui-sans-serif, system-ui, sans-serif; }
        h2 { margin: 0 0 8px; font-size: 18px; }
        h3 { margin: 20px 0 4px; font-size: 15px; }
        section + section { margin-top: 32px; }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; min-width: min(640px, 100%); }
        th, td { padding: 6px 20px 6px 0; text-align: left; border-bottom: 1px solid #e4e5e9; vertical-align: top; overflow-wrap: anywhere; }
        th { color: #5a5e69; font-weight: 500; }
        td.does { display: flex; flex-wrap: wrap; gap: 6px; }
        form { display: grid; grid-template-columns: repeat(auto-fill, minmax(220px, 1fr)); gap: 10px 16px; max-width: 900px; align-items: end; }
        label { display: grid; gap: 3px; }
        label.check { grid-template-columns: auto 1fr; gap: 8px; align-items: center; }
        input:not([type=checkbox]) { font: inherit; padding: 6px 8px; border: 1px solid #8b8f9a; border-radius: 6px; background: #fff; color: inherit; }
        button { font: inherit; padding: 5px 10px; border: 1px solid #8b8f9a; border-radius: 6px; background: #fff; color: inherit; cursor: pointer; }
        button.primary { background: #2b4acb; border-color: #2b4acb; color: #fff; }
        button.danger { color: #b3261e; }
        button:disabled { opacity: .5; cursor: default; }
        :focus-visible { outline: 2px solid #2b4acb; outline-offset: 1px; }
        small, .muted { color: #5a5e69; }
        [role=status]:empty, [role=alert]:empty { display: none; }
        [role=alert] { color: #b3261e; }
        .once { margin: 12px 0; padding: 12px 14px; border: 1px solid #b58900; border-radius: 8px; background: #fff8e1; max-width: 870px; }
        .once code { font: 14px ui-monospace, monospace; user-select: all; overflow-wrap: anywhere; }
      </style>
      <p role="status">Reading…</p>
      <p role="alert"></p>
      <div class="once" hidden tabindex="-1"></div>
      <section aria-labelledby="users" hidden>
        <h2 id="users">Users</h2>
        <div class="scroll" tabindex="0" role="region" aria-label="Users">
          <table><thead><tr><th scope="col">Name</th><th scope="col">Known as</th><th scope="col">Groups</th><th scope="col">State</th><th scope="col">What to do</th></tr></thead><tbody></tbody></table>
        </div>
        <h3>Add a user</h3>
        <form data-does="add_user">
          <label>Name<input name="name" required maxlength="128" autocomplete="off" spellcheck="false" autocapitalize="none"></label>
          <label>Full name<input name="display_name" autocomplete="off"></label>
          <label>Email<input name="email" type="email" autocomplete="off"></label>
          <label>Groups, with commas between<input name="groups" autocomplete="off"></label>
          <div><button class="primary">Add user</button></div>
        </form>
      </section>
      <section aria-labelledby="clients" hidden>
        <h2 id="clients">Clients</h2>
        <div class="scroll" tabindex="0" role="region" aria-label="Clients">
          <table><thead><tr><th scope="col">Id</th><th scope="col">Name</th><th scope="col">Kind</th><th scope="col">Addresses</th><th scope="col">What to do</th></tr></thead><tbody></tbody></table>
        </div>
        <h3>Add a client</h3>
        <form data-does="add_client">
          <label>Id<input name="id" required maxlength="256" autocomplete="off" spellcheck="false" autocapitalize="none"></label>
          <label>What people read<input name="name" autocomplete="off"></label>
          <label>Redirect addresses, with blanks between<input name="redirect_uris" autocomplete="off" spellcheck="false"></label>
          <label class="check"><input type="checkbox" name="public">Public: it cannot keep a secret</label>
          <label class="check"><input type="checkbox" name="machine">A program that signs in nobody</label>
          <label class="check"><input type="checkbox" name="first_party">Your own: nobody is asked for consent</label>
          <div><button class="primary">Add client</button></div>
        </form>
      </section>
    `;
    for (const form of this.shadowRoot.querySelectorAll("form")) {
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        this.add(form);
      });
    }
    this.read();
  }

  at(selector) {
    return this.shadowRoot.querySelector(selector);
  }

  async read() {
    try {
      this.show(await this.pluginAPI.call("overview"));
      this.at("[role=status]").textContent = "";
      for (const section of this.shadowRoot.querySelectorAll("section")) section.hidden = false;
    } catch (error) {
      this.at("[role=status]").textContent = "";
      this.at("[role=alert]").textContent = `Users and clients could not be read: ${error.message}`;
    }
  }

  /** Does one thing, and says what came of it. */
  async does(method, payload, told) {
    this.busy(true);
    this.at("[role=alert]").textContent = "";
    this.at(".once").hidden = true;
    this.at("[role=status]").textContent = "It is being changed…";
    try {
      const answer = await this.pluginAPI.call(method, payload);
      await this.read();
      this.at("[role=status]").textContent = told;
      const secret = answer.password ?? answer.secret;
      if (secret) this.once(payload.name ?? payload.id, answer.password ? "password" : "secret", secret);
      return true;
    } catch (error) {
      this.at("[role=status]").textContent = "";
      this.at("[role=alert]").textContent = `Not done: ${error.message}`;
      return false;
    } finally {
      this.busy(false);
    }
  }

  busy(is) {
    for (const button of this.shadowRoot.querySelectorAll("button")) button.disabled = is;
  }

  once(whose, what, secret) {
    const box = this.at(".once");
    const code = document.createElement("code");
    code.textContent = secret;
    box.replaceChildren(`The ${what} of ${whose}, which is shown this one time: `, code);
    box.hidden = false;
    box.focus();
  }

  async add(form) {
    const fields = Object.fromEntries(new FormData(form));
    for (const box of form.querySelectorAll("[type=checkbox]")) fields[box.name] = box.checked;
    const parts = (text, between) => text.split(between).map((part) => part.trim()).filter(Boolean);
    if ("groups" in fields) fields.groups = parts(fields.groups, ",");
    if ("redirect_uris" in fields) fields.redirect_uris = parts(fields.redirect_uris, /\s+/);
    if (fields.id && fields.name === "") delete fields.name;
    if (await this.does(form.dataset.does, fields, `${fields.id ?? fields.name} is there.`)) form.reset();
  }

  show({ users, clients }) {
    const [ofUsers, ofClients] = this.shadowRoot.querySelectorAll("tbody");
    ofUsers.replaceChildren(...users.map((user) => this.row(
      [user.name, [user.display_name, user.email].filter(Boolean).join(", ") || user.sub || "", (user.groups ?? []).join(", "), user.disabled ? "Switched off" : "May sign in"],
      user.name,
      [
        ["New password", "reset_password", { name: user.name }, "There is a new password; sessions and grants ended.", `Give ${user.name} another password? All sessions and grants end.`],
        ["End sessions", "end_sessions", { name: user.name }, `Sessions and grants of ${user.name} ended.`, `End all sessions and grants of ${user.name}?`],
        user.disabled
          ? ["Switch on", "change_user", { name: user.name, disabled: false }, `${user.name} may sign in.`]
          : ["Switch off", "change_user", { name: user.name, disabled: true }, `${user.name} is switched off.`, `Switch ${user.name} off? All sessions and grants end.`],
        ["Remove", "remove_user", { name: user.name }, `${user.name} is gone.`, `Remove ${user.name}?`, "danger"],
      ],
    )));
    ofClients.replaceChildren(...clients.map((client) => this.row(
      [client.id, client.name ?? "", client.has_secret ? "With a secret" : "Public", (client.redirect_uris ?? []).join("\n")],
      client.id,
      [
        ...(client.has_secret ? [["New secret", "new_secret", { id: client.id }, "There is a new secret; the one before counts no more.", `Give ${client.id} another secret? The one before counts no more.`]] : []),
        ["Remove", "remove_client", { id: client.id }, `${client.id} is gone.`, `Remove ${client.id}?`, "danger"],
      ],
    )));
  }

  row(texts, whose, deeds) {
    const row = document.createElement("tr");
    for (const text of texts) {
      const cell = document.createElement("td");
      cell.textContent = text;
      row.append(cell);
    }
    const cell = document.createElement("td");
    cell.className = "does";
    for (const [label, method, payload, told, question, kind] of deeds) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = label;
      button.setAttribute("aria-label", `${label}: ${whose}`);
      if (kind) button.className = kind;
      button.addEventListener("click", () => {
        if (!question || confirm(question)) this.does(method, payload, told);
      });
      cell.append(button);
    }
    row.append(cell);
    return row;
  }
}

customElements.define("sidegate-oidc", SidegateOidc);
