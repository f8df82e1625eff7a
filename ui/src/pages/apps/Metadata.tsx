// What plugins and policies see of an app: values by name, as a form or as JSON. Both write the same thing.
import { useState } from "react";
import { Button, Segmented } from "../../kit/basics";
import { Problem, TextArea } from "../../kit/fields";
import "./metadata.css";

export type Metadata = Record<string, unknown>;
type Pair = { key: string; text: string };

/** A text that says what the value is: plain where it is a text that reads as nothing else. */
function textOf(value: unknown): string {
  return typeof value === "string" && !looksLikeJson(value) ? value : JSON.stringify(value);
}

function looksLikeJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function valueOf(text: string): unknown {
  return looksLikeJson(text) ? JSON.parse(text) : text;
}

function fromPairs(pairs: Pair[]): Metadata {
  return Object.fromEntries(pairs.filter((pair) => pair.key !== "").map((pair) => [pair.key, valueOf(pair.text)]));
}

type Props = { value: Metadata; onChange: (value: Metadata) => void; onProblem: (problem: string | null) => void; disabled?: boolean };

export function MetadataEditor({ value, onChange, onProblem, disabled }: Props) {
  const [mode, setMode] = useState<"form" | "json">("form");
  const [pairs, setPairs] = useState<Pair[]>(() => pairsOf(value));
  const [json, setJson] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  // A value that came from elsewhere takes the place of what is shown.
  const shown = mode === "form" ? JSON.stringify(fromPairs(pairs)) : undefined;
  const now = JSON.stringify(value);
  const visible = shown !== undefined && shown !== now ? pairsOf(value) : pairs;

  const say = (text: string | null) => {
    setProblem(text);
    onProblem(text);
  };
  const writePairs = (next: Pair[]) => {
    setPairs(next);
    const names = next.map((pair) => pair.key).filter(Boolean);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    say(twice ? `${twice} stands here twice; a name has one value.` : null);
    if (!twice) onChange(fromPairs(next));
  };
  const writeJson = (text: string) => {
    setJson(text);
    try {
      const parsed: unknown = JSON.parse(text);
      if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return say("It must be an object: { … }");
      say(null);
      onChange(parsed as Metadata);
    } catch (error) {
      say(`It is no JSON: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const turn = (next: "form" | "json") => {
    if (next === "json") setJson(JSON.stringify(value, null, 2));
    else setPairs(pairsOf(value));
    say(null);
    setMode(next);
  };
  return (
    <fieldset className="field" disabled={disabled}>
      <legend className="metadata-head">
        <span>Metadata</span>
        <Segmented label="How metadata is shown" value={mode} options={[["form", "Form"], ["json", "JSON"]]} onChange={turn} />
      </legend>
      {mode === "form" ? (
        <Pairs pairs={visible} onChange={writePairs} />
      ) : (
        <TextArea label={<span className="sr-only">Metadata as JSON</span>} code rows={8} value={json} onChange={(event) => writeJson(event.target.value)} />
      )}
      {problem && <Problem text={problem} />}
      <p className="hint">Plugins get these values with every request of the app, and a plugin's policy can demand them, such as <code>mcp_access</code> = <code>allowed</code>. A value is a text, or JSON: <code>true</code>, <code>5</code>, <code>["a","b"]</code>.</p>
    </fieldset>
  );
}

function pairsOf(value: Metadata): Pair[] {
  return Object.entries(value).map(([key, one]) => ({ key, text: textOf(one) }));
}

function Pairs({ pairs, onChange }: { pairs: Pair[]; onChange: (pairs: Pair[]) => void }) {
  const set = (at: number, change: Partial<Pair>) => onChange(pairs.map((pair, index) => (index === at ? { ...pair, ...change } : pair)));
  return (
    <div className="stack tight">
      {pairs.map((pair, index) => (
        <div key={index} className="metadata-pair">
          <input className="input code" aria-label={`Name ${index + 1}`} placeholder="name" value={pair.key} onChange={(event) => set(index, { key: event.target.value })} />
          <input className="input code" aria-label={`Value of ${pair.key || index + 1}`} placeholder="value" value={pair.text} onChange={(event) => set(index, { text: event.target.value })} />
          <Button kind="ghost" icon="trash" label={`Remove ${pair.key || "this value"}`} onClick={() => onChange(pairs.filter((_, other) => other !== index))} />
        </div>
      ))}
      <div><Button small icon="plus" onClick={() => onChange([...pairs, { key: "", text: "" }])}>Add a value</Button></div>
    </div>
  );
}
