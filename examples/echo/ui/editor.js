// The page of the echo plugin: reads the content, lets it be edited, saves it. A classic script; no imports.
class EchoEditor extends HTMLElement {
  constructor() {
    super();
    this.attachShadow({ mode: "open" });
  }

  connectedCallback() {
    this.shadowRoot.innerHTML = `
      <style>
        :host { display: block; padding: 20px 24px 24px; color: #17181c; font: 14px/1.5 ui-sans-serif, system-ui, sans-serif; }
        form { display: grid; gap: 6px; max-width: 640px; }
        h2 { margin: 0 0 4px; font-size: 18px; }
        p { margin: 0 0 10px; color: #5a5e69; }
        label { font-weight: 500; }
        textarea { min-height: 110px; padding: 8px 10px; border: 1px solid #8b8f99; border-radius: 6px; font: inherit; resize: vertical; }
        button { justify-self: start; margin-top: 8px; padding: 6px 14px; border: 0; border-radius: 6px; background: #4453c8; color: #fff; font: inherit; font-weight: 500; cursor: pointer; }
        button:disabled { background: #d6d8de; color: #5a5e69; cursor: default; }
        [role=status] { min-height: 21px; margin-top: 8px; }
        .good { color: #14713d; }
        .bad { color: #b3261e; }
        code { font-size: 13px; }
      </style>
      <form onsubmit="event.preventDefault()">
        <h2>What every answer shows</h2>
        <p>Requests to <code id="address">/plugins/…/</code> are answered with this text, as <code>custom_content</code>.</p>
        <label for="content">Content</label>
        <textarea id="content" disabled></textarea>
        <button id="save" disabled onclick="this.getRootNode().host.save()">Save</button>
        <div role="status" id="message">Reading…</div>
      </form>
    `;
    this.waitForPluginAPI();
  }

  // Where the page is put up, `pluginAPI` may come a little after the element.
  async waitForPluginAPI() {
    for (let tries = 0; tries < 50; tries++) {
      if (this.pluginAPI) return this.read();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    this.say("bad", "The plugin cannot be called; load the page again.");
  }

  find(id) {
    return this.shadowRoot.getElementById(id);
  }

  say(tone, text) {
    this.find("message").className = tone;
    this.find("message").textContent = text;
  }

  async read() {
    try {
      const { slug, content } = await this.pluginAPI.call("get_config");
      this.find("address").textContent = `/plugins/${slug}/`;
      this.find("content").value = content;
      this.find("content").disabled = this.find("save").disabled = false;
      this.say("", "");
    } catch (error) {
      this.say("bad", `The configuration could not be read: ${error.message}`);
    }
  }

  async save() {
    this.find("save").disabled = true;
    this.say("", "Saving…");
    try {
      const { message } = await this.pluginAPI.call("save_config", { content: this.find("content").value });
      this.say("good", message);
    } catch (error) {
      this.say("bad", `Not saved: ${error.message}`);
    } finally {
      this.find("save").disabled = false;
    }
  }
}

customElements.define("echo-editor", EchoEditor);
