// The one way out of the frame of a plugin's page: a port, on which it may call its own plugin and get its own files.
import { ApiError, call, refusal, unreachable } from "../../../api/client";
import { forgetSession, sessionHeaders, sessionKey } from "../../../api/session";
import type { OwnPage } from "./data";

/** What is sent and what is asked at one time is bounded here too, so that a page does not keep the console busy. */
const MOST_PAYLOAD = 1024 * 1024;
const MOST_ASSET_BYTES = 8 * 1024 * 1024;
const MOST_WAITING = 100;
const MOST_AT_ONCE = 8;
/** A little less than the gateway lets one user call. */
const CALLS_A_SECOND = 9;
const MOST_MESSAGES_A_SECOND = 1000;
const MOST_TEXT = 2000;
const HEIGHTS = { least: 120, most: 8000 };

export type Told = {
  mounted: () => void;
  /** The page cannot be shown; it is over then. */
  failed: (text: string) => void;
  /** The page goes on, but something in it went wrong. */
  complained: (text: string) => void;
  height: (pixels: number) => void;
};

type Question = { run: () => Promise<void>; counts: boolean };
type Message = Record<string, unknown>;

function asset(plugin: string, path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== "." && part !== "..");
  return `/api/v1/plugins/${encodeURIComponent(plugin)}/assets/${parts.map(encodeURIComponent).join("/")}`;
}

/** A file of the plugin, asked with the session of whoever looks at the page. */
export async function fetchAsset(plugin: string, path: string, signal: AbortSignal): Promise<{ content: ArrayBuffer; type: string }> {
  const key = sessionKey();
  let response: Response;
  try {
    response = await fetch(asset(plugin, path), { headers: sessionHeaders(key), credentials: "same-origin", signal });
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw unreachable(cause);
  }
  if (response.status === 401) forgetSession(key);
  if (!response.ok) {
    const body = await response.json().catch(() => undefined);
    throw refusal(response, body);
  }
  const content = await response.arrayBuffer();
  if (content.byteLength > MOST_ASSET_BYTES) {
    throw new Error(`${path} has ${content.byteLength} bytes; ${MOST_ASSET_BYTES} are the most that a page may load`);
  }
  return { content, type: response.headers.get("content-type") ?? "application/octet-stream" };
}

/** The plugin's own words, which the gateway puts behind words of its own. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof ApiError)) return error instanceof Error ? error.message : String(error);
  return (error.problems[0]?.detail ?? error.message).replace(/^plugin RPC call failed: /, "");
}

/** A refusal as components know it from the answers of HTTP libraries. */
function refused(error: unknown) {
  const told = error instanceof ApiError ? error : new ApiError(0, "console", wordsOf(error), null, []);
  const errors = told.problems.length > 0 ? told.problems : [{ title: "Refused", detail: told.message }];
  return { type: "refused", message: wordsOf(told), status: told.status, body: { error: told.message, code: told.code, errors } };
}

/** Speaks with one frame, from its first message to `close`. Believes nothing that comes from there. */
export class Bridge {
  private readonly port: MessagePort;
  private readonly ends = new AbortController();
  private readonly waiting: Question[] = [];
  private running = 0;
  private spent: number[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private counted = { since: 0, messages: 0 };

  constructor(
    frame: Window,
    private readonly plugin: string,
    page: OwnPage,
    source: string,
    private readonly told: Told,
  ) {
    const channel = new MessageChannel();
    this.port = channel.port1;
    this.port.onmessage = (event) => this.take(event.data);
    // The frame has no origin that could be named. What it is sent is the plugin's own.
    frame.postMessage("sidegate:page", "*", [channel.port2]);
    this.port.postMessage({ type: "start", kind: page.kind, tag: page.tag, entry: page.entry, props: page.props ?? {}, source });
  }

  close() {
    this.ends.abort();
    this.port.close();
    this.waiting.length = 0;
    clearTimeout(this.timer);
  }

  private take(message: unknown) {
    if (this.ends.signal.aborted) return;
    if (this.isFlood()) {
      this.close();
      this.told.failed(`It sent more than ${MOST_MESSAGES_A_SECOND} messages within a second, and was stopped.`);
      return;
    }
    if (typeof message !== "object" || message === null) return;
    const { type, id, text, height, method, payload, path } = message as Message;
    if (type === "mounted") this.told.mounted();
    else if (type === "failed" && typeof text === "string") this.told.failed(text.slice(0, MOST_TEXT));
    else if (type === "error" && typeof text === "string") this.told.complained(text.slice(0, MOST_TEXT));
    else if (type === "height" && typeof height === "number" && Number.isFinite(height)) {
      this.told.height(Math.min(HEIGHTS.most, Math.max(HEIGHTS.least, height)));
    } else if (type === "call" && typeof id === "number" && typeof method === "string" && typeof payload === "string") {
      this.ask(id, true, () => this.call(method, payload));
    } else if (type === "asset" && typeof id === "number" && typeof path === "string") {
      this.ask(id, false, () => fetchAsset(this.plugin, path, this.ends.signal));
    }
  }

  private isFlood(): boolean {
    const now = performance.now();
    if (now - this.counted.since > 1000) this.counted = { since: now, messages: 0 };
    this.counted.messages += 1;
    return this.counted.messages > MOST_MESSAGES_A_SECOND;
  }

  private async call(method: string, payload: string): Promise<unknown> {
    // Two dots would be a step up in the address, also where everything else in it is escaped.
    if (method.length > 200 || /^\.{0,2}$/.test(method)) throw new Error("A method has a name of 1 to 200 characters, and not only dots.");
    if (payload.length > MOST_PAYLOAD) throw new Error(`What is sent has ${payload.length} characters; ${MOST_PAYLOAD} are the most.`);
    const path = `/api/v1/plugins/${encodeURIComponent(this.plugin)}/rpc/${encodeURIComponent(method)}`;
    const answer = await call<{ data?: unknown } | undefined>(path, { method: "POST", body: JSON.parse(payload), signal: this.ends.signal });
    return answer.body?.data ?? null;
  }

  /** Answers one question of the frame, when its turn comes. */
  private ask(id: number, counts: boolean, what: () => Promise<unknown>) {
    const say = (message: object) => {
      if (!this.ends.signal.aborted) this.port.postMessage({ ...message, id });
    };
    if (this.waiting.length >= MOST_WAITING) {
      const text = `This page asks for too much at once: ${MOST_WAITING} questions wait already.`;
      say(refused(new ApiError(429, "too_many_requests", text, null, [])));
      return;
    }
    const run = () => what().then((data) => say({ type: "answer", data }), (error) => say(refused(error)));
    this.waiting.push({ run, counts });
    this.next();
  }

  private next() {
    if (this.ends.signal.aborted) return;
    while (this.running < MOST_AT_ONCE) {
      const question = this.waiting[0];
      if (!question) return;
      if (question.counts && !this.mayCall()) return;
      this.waiting.shift();
      this.running += 1;
      void question.run().finally(() => {
        this.running -= 1;
        this.next();
      });
    }
  }

  /** Whether one more call is within the rate; where it is not, `next` runs again when it will be. */
  private mayCall(): boolean {
    const now = performance.now();
    this.spent = this.spent.filter((at) => now - at < 1000);
    if (this.spent.length < CALLS_A_SECOND) {
      this.spent.push(now);
      return true;
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.next(), 1000 - (now - (this.spent[0] ?? now)) + 5);
    return false;
  }
}
