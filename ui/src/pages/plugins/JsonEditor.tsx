// JSON as text: kept as it is written, told where it is wrong, handed on once it is right.
import { useEffect, useRef, useState } from "react";
import { TextArea } from "../../kit/fields";

type Json = Record<string, unknown>;

function parse(text: string): { value?: Json; problem?: string } {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return { problem: "It must be an object: { … }." };
    return { value: value as Json };
  } catch (error) {
    return { problem: `This is no JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
}

export function JsonEditor({ label, value, onChange, onValid, problem, disabled, stored = true }: { label: string; value: Json; onChange: (value: Json) => void; onValid: (valid: boolean) => void; problem?: string; disabled?: boolean; /** Whether something is stored already, whose secrets are hidden. */ stored?: boolean }) {
  const [text, setText] = useState(() => JSON.stringify(value, null, 2));
  const said = useRef(value);
  useEffect(() => {
    if (said.current !== value) setText(JSON.stringify(value, null, 2));
    said.current = value;
  }, [value]);
  const wrong = parse(text).problem;
  return (
    <TextArea
      label={label}
      code
      rows={Math.min(28, Math.max(8, text.split("\n").length + 1))}
      value={text}
      disabled={disabled}
      problem={wrong ?? problem}
      hint={stored && <>A secret that is stored is shown as <code>{'{"$secret": "set"}'}</code>; left so, it is kept.</>}
      onChange={(event) => {
        setText(event.target.value);
        const parsed = parse(event.target.value);
        onValid(parsed.problem === undefined);
        if (parsed.value) {
          said.current = parsed.value;
          onChange(parsed.value);
        }
      }}
    />
  );
}
