// Server-sent events through fetch: with the session, with an end, and without EventSource's blind retries.
import { refusal, unreachable } from "./client";
import { forgetSession, sessionHeaders, sessionKey } from "./session";

export type ServerEvent = { event: string; data: string; id?: string };

/** Reads one stream to its end; throws an ApiError when it is refused. */
export async function* lines(url: string, signal: AbortSignal): AsyncGenerator<ServerEvent> {
  const key = sessionKey();
  const headers = { Accept: "text/event-stream", ...sessionHeaders(key, true) };
  let response: Response;
  try {
    response = await fetch(url, { signal, credentials: "same-origin", headers });
  } catch (cause) {
    throw unreachable(cause);
  }
  if (response.status === 401) forgetSession(key);
  if (!response.ok || !response.body) {
    throw refusal(response, await response.json().catch(() => undefined));
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      rest += value;
      const blocks = rest.split(/\r?\n\r?\n/);
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const event = parse(block);
        if (event) yield event;
      }
    }
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}

function parse(block: string): ServerEvent | undefined {
  let event = "message";
  let id: string | undefined;
  const data: string[] = [];
  for (const line of block.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon === 0) continue;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") event = value;
    else if (name === "data") data.push(value);
    else if (name === "id") id = value;
  }
  return data.length > 0 || event !== "message" ? { event, data: data.join("\n"), id } : undefined;
}
