// Text to take along: code with a copy button, and the same action as a command line or curl call.
import { useState } from "react";
import { Button, Segmented } from "./basics";
import { Drawer } from "./overlay";
import { shellQuote } from "./shell";
import { toast } from "./toast";

export { shellQuote };

/** Copies; where the browser gives no clipboard (plain HTTP elsewhere), by a selection. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.style.position = "fixed";
    area.style.opacity = "0";
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

export function CopyButton({ text, label = "Copy" }: { text: string; label?: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    if (!(await copyText(text))) return toast.bad("Nothing was copied: the browser refused. Select the text and copy it by hand.");
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return <Button small kind="ghost" icon={done ? "check" : "copy"} label={done ? "Copied" : label} onClick={() => void copy()} />;
}

export function Code({ text, label = "Copy", long }: { text: string; label?: string; long?: boolean }) {
  return (
    <div className="codeblock">
      <pre className={long ? "long" : undefined} tabIndex={long ? 0 : undefined}>{text}</pre>
      <span className="copy"><CopyButton text={text} label={label} /></span>
    </div>
  );
}

/** A call of the admin API as curl; the token is read from where `sidegate` keeps it and never printed. */
export function adminCurl(method: string, path: string, body?: unknown, contentType = "application/json"): string {
  const parts = ["curl"];
  if (method !== "GET") parts.push("-X", method);
  parts.push(`-H "Authorization: Bearer $SIDEGATE_ADMIN_TOKEN"`);
  if (body !== undefined) parts.push(`-H ${shellQuote(`Content-Type: ${contentType}`)}`, "-d", shellQuote(JSON.stringify(body)));
  parts.push(shellQuote(location.origin + path));
  return parts.join(" ");
}

export type Commands = { cli?: string; curl?: string };

/** "Do this from a terminal": the action as `sidegate …` and as curl. */
export function CopyAs({ commands, small }: { commands: Commands; small?: boolean }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button kind="ghost" small={small} icon="terminal" label="Copy as command line or curl" onClick={() => setOpen(true)} />
      {open && (
        <Drawer title="From a terminal" onClose={() => setOpen(false)}>
          <CommandView commands={commands} />
        </Drawer>
      )}
    </>
  );
}

export function CommandView({ commands }: { commands: Commands }) {
  const [kind, setKind] = useState<"cli" | "curl">(commands.cli ? "cli" : "curl");
  const text = kind === "cli" ? commands.cli : commands.curl;
  return (
    <div className="stack tight">
      {commands.cli && commands.curl && (
        <div>
          <Segmented label="Kind of command" value={kind} options={[["cli", "Command line"], ["curl", "curl"]]} onChange={setKind} />
        </div>
      )}
      <Code text={text ?? ""} />
      {kind === "curl" && <p className="small muted">The admin token is in the variable <code>SIDEGATE_ADMIN_TOKEN</code>; it is not shown here.</p>}
    </div>
  );
}

/** A secret that is shown this once. */
export function SecretOnce({ secret, what }: { secret: string; what: string }) {
  return (
    <div className="stack tight">
      <div className="note warn">
        <span className="grow"><strong>Copy {what} now.</strong> It is stored as a hash only and cannot be shown again.</span>
      </div>
      <div data-testid="secret-once"><Code text={secret} label={`Copy ${what}`} /></div>
    </div>
  );
}
