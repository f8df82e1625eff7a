// Short messages about what was done. What failed stays where it failed; a toast is never the only place of an error.
import { useSyncExternalStore } from "react";
import { Button } from "./basics";
import { Icon } from "./Icon";

type Message = { id: number; tone: "good" | "bad"; text: string };
let messages: Message[] = [];
let next = 0;
const listeners = new Set<() => void>();

function set(to: Message[]) {
  messages = to;
  for (const listener of listeners) listener();
}

function drop(id: number) {
  set(messages.filter((message) => message.id !== id));
}

function say(tone: Message["tone"], text: string) {
  next += 1;
  const id = next;
  set([...messages.slice(-3), { id, tone, text }]);
  setTimeout(() => drop(id), tone === "good" ? 5_000 : 12_000);
}

export const toast = {
  good: (text: string) => say("good", text),
  bad: (text: string) => say("bad", text),
};

export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => messages,
  );
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map((message) => (
        <div key={message.id} className={`toast ${message.tone}`}>
          <Icon name={message.tone === "good" ? "check" : "error"} />
          <span className="grow wrap-anywhere">{message.text}</span>
          <Button small kind="ghost" icon="x" label="Dismiss" onClick={() => drop(message.id)} />
        </div>
      ))}
    </div>
  );
}
