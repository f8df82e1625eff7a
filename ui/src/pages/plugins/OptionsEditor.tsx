// The operator's word to the gateway about a plugin: names and texts.
import { useState } from "react";
import { isSecret } from "../../forms/secrets";
import { Badge, Button } from "../../kit/basics";
import { Problem } from "../../kit/fields";

type Options = Record<string, unknown>;

const KNOWN: [string, string][] = [
  ["optional_auth", "a valid token fills the caller's identity also where none is demanded"],
  ["require_auth", "true, and nothing else: every endpoint demands a token, see Policy"],
  ["apps", "the apps that may call, by name or number, with commas between them"],
  ["scopes_required", "what a token must carry on every endpoint, all of it, with commas between them"],
  ["pass_token", "the plugin receives the caller's token"],
  ["lenient_done", "a stream that ends without DONE counts as complete"],
  ["required", "the node is not ready while this plugin does not serve"],
  ["drain_deadline", "how long a replaced or removed instance may finish its requests; 0 to 24h"],
  ["stream_timeout", "how long one stream may last; 0 is no limit, else up to 365d"],
  ["stream_end", "abort: also events end with an error where the gateway ends them, see Streams"],
  ["stream_recheck", "false: streams outlive the right of their caller to them"],
  ["oauth.authorization_servers", "who gives tokens for it, for OAuth clients: plugin:SLUG or https://…, separated by commas"],
  ["oauth.resource", "what those tokens are for, where that is not the address of the endpoint"],
  ["timeout", "how long one single answer may take; 10ms to 24h"],
  ["stream_idle_timeout", "how long a stream may pause; 0 is no limit, else up to 24h"],
  ["max_body", "largest request body: 65536, 64KiB, 8MiB; at most 1GiB"],
  ["rate_limit", "requests a minute of all callers together"],
  ["rate_limit_per_client", "requests a minute of one anonymous client"],
  ["max_concurrent", "calls at one time; 1 to 100000"],
  ["max_concurrent.queue", "calls that may wait for one to end; 0 to 100000"],
  ["max_concurrent.queue_timeout", "how long a call may wait; 10ms to 1m"],
  ["restart.base", "first pause; 10ms to 1h"],
  ["restart.max", "longest pause; 10ms to 24h"],
  ["restart.park_after", "failures within the window that park; 1 to 1000"],
  ["restart.window", "how long a failure is remembered; 1s to 30d"],
  ["restart.healthy_after", "serving so long makes up for failures; 1s to 24h"],
  ["sha256", "start exactly these bytes"],
  ["start_timeout", "from the start of the process to its first line; 10ms to 1h"],
  ["initialize_timeout", "the call Initialize; 10ms to 1h"],
  ["ping_interval", "between two pings; 10ms to 24h"],
  ["ping_timeout", "one ping; 10ms to 1h"],
  ["cors.origins", "pages of which other origins may ask from within a browser"],
  ["cors.headers", "the headers they may send"],
  ["cors.expose", "the headers of answers they may read beside the usual ones"],
  ["cors.credentials", "they may send cookies, and read the answer"],
  ["cors.max_age", "how long a browser may remember what a preflight was told; up to 24h"],
  ["secret_settings", "settings that are secrets whatever they are called, separated by commas: db.dsn,users.*.pin"],
  ["mtls", "its sockets speak TLS"],
  ["env.NAME", "one more environment variable for the plugin"],
];
const MEANING = new Map(KNOWN);

export function OptionsEditor({ options, disabled, problems, onChange }: { options: Options; disabled: boolean; problems: Record<string, string>; onChange: (options: Options) => void }) {
  const [name, setName] = useState("");
  // Whoever added one goes on with its value.
  const [added, setAdded] = useState<string>();
  const names = Object.keys(options).sort();
  const add = () => {
    const key = name.trim();
    if (!key || key in options) return;
    onChange({ ...options, [key]: "" });
    setName("");
    setAdded(key);
  };
  return (
    <fieldset className="list">
      <legend>Options</legend>
      <p className="small muted">What the gateway is told about this plugin, such as <code>required</code>, <code>timeout</code> or <code>env.NAME</code>.</p>
      {names.map((key) => (
        <div className="item" key={key}>
          <div className="field">
            {isSecret(options[key]) ? <span className="label" id={`option-${key}-label`}><code>{key}</code></span> : <label htmlFor={`option-${key}`}><code>{key}</code></label>}
            {MEANING.get(key) && <p className="hint">{MEANING.get(key)}</p>}
            {isSecret(options[key]) ? (
              <div className="row wrap">
                <Badge icon="lock">A secret is stored</Badge>
                <Button small id={`option-${key}`} aria-describedby={`option-${key}-label`} disabled={disabled} onClick={() => onChange({ ...options, [key]: "" })}>Replace it</Button>
              </div>
            ) : (
              <input id={`option-${key}`} className="input code" autoFocus={key === added} value={String(options[key] ?? "")} disabled={disabled} spellCheck={false} autoComplete="off" onChange={(event) => onChange({ ...options, [key]: event.target.value })} />
            )}
            {problems[key] && <Problem text={problems[key]} />}
          </div>
          <Button
            small
            kind="ghost"
            icon="trash"
            label={`Remove the option ${key}`}
            disabled={disabled}
            onClick={() => {
              const { [key]: _, ...rest } = options;
              onChange(rest);
            }}
          />
        </div>
      ))}
      {!disabled && (
        <div className="row">
          <input className="input code" list="known-options" aria-label="Name of a new option" placeholder="Name of an option" value={name} onChange={(event) => setName(event.target.value)} onKeyDown={(event) => event.key === "Enter" && (event.preventDefault(), add())} />
          <datalist id="known-options">{KNOWN.map(([key, text]) => <option key={key} value={key}>{text}</option>)}</datalist>
          <Button icon="plus" onClick={add} disabled={!name.trim()}>Add</Button>
        </div>
      )}
    </fieldset>
  );
}
