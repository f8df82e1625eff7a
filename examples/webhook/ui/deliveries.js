// The page of the webhook plugin: its last deliveries, read anew every few seconds.
class WebhookDeliveries extends HTMLElement {
  constructor() {
    super();
    this.attachShadow({ mode: "open" });
  }

  connectedCallback() {
    this.shadowRoot.innerHTML = `
      <style>
        :host { display: block; padding: 20px 24px 24px; color: #17181c; font: 14px/1.5 ui-sans-serif, system-ui, sans-serif; }
        h2 { margin: 0 0 8px; font-size: 18px; }
        table { border-collapse: collapse; min-width: min(560px, 100%); }
        th, td { padding: 5px 24px 5px 0; text-align: left; border-bottom: 1px solid #e4e5e9; }
        th { color: #5a5e69; font-weight: 500; }
        td.number { font-variant-numeric: tabular-nums; }
        .bad { color: #b3261e; }
        [role=status]:empty { display: none; }
      </style>
      <h2>Last deliveries</h2>
      <p role="status">Reading…</p>
      <table hidden>
        <thead><tr><th scope="col">Received</th><th scope="col">Event</th><th scope="col">Answer</th><th scope="col">Bytes</th></tr></thead>
        <tbody></tbody>
      </table>
    `;
    this.read();
    this.timer = setInterval(() => this.read(), 5000);
  }

  disconnectedCallback() {
    clearInterval(this.timer);
  }

  say(text) {
    this.shadowRoot.querySelector("[role=status]").textContent = text;
  }

  async read() {
    if (!this.pluginAPI || document.hidden) return;
    try {
      const deliveries = await this.pluginAPI.call("deliveries");
      this.show(deliveries);
      this.say(deliveries.length === 0 ? "Nothing was delivered yet." : "");
    } catch (error) {
      this.say(`The deliveries could not be read: ${error.message}`);
    }
  }

  show(deliveries) {
    this.shadowRoot.querySelector("table").hidden = deliveries.length === 0;
    this.shadowRoot.querySelector("tbody").replaceChildren(...deliveries.map((delivery) => {
      const row = document.createElement("tr");
      const cells = [new Date(delivery.at_ms).toLocaleString(), delivery.event || "none", delivery.status, delivery.bytes];
      cells.forEach((text, at) => {
        const cell = document.createElement("td");
        cell.textContent = text;
        if (at >= 2) cell.className = at === 2 && text >= 400 ? "number bad" : "number";
        row.append(cell);
      });
      return row;
    }));
  }
}

customElements.define("webhook-deliveries", WebhookDeliveries);
