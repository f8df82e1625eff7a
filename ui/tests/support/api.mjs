// The admin API, asked as a script would ask it: with an admin token in a header, and no browser.

/** The admin API of one gateway, as the holder of one admin token. */
export class Api {
  constructor(origin, token) {
    this.origin = origin;
    this.token = token;
  }

  /** Asks, and gives the status with the body; says nothing against an error. */
  async ask(method, path, body, headers = {}) {
    const response = await fetch(`${this.origin}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(20_000),
    });
    const text = await response.text();
    const json = response.headers.get("content-type")?.includes("json") && text ? JSON.parse(text) : undefined;
    return { status: response.status, headers: response.headers, body: json ?? text };
  }

  /** Asks, and gives `data`; anything but success is the end of the test. */
  async done(method, path, body, headers) {
    const answer = await this.ask(method, path, body, headers);
    if (answer.status >= 300) {
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    return answer.body?.data;
  }

  /** Registers a plugin and waits until it serves. */
  async addPlugin(fields) {
    return this.done("POST", "/plugins", { hook_type: "custom_endpoint", is_active: true, ...fields });
  }

  /** Makes an admin token of this role; gives its text. */
  async adminToken(name, role) {
    const made = await this.done("POST", "/admin-tokens", { name, role });
    return made.attributes.token;
  }
}
