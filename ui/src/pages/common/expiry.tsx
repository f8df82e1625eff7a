// For how long something is valid: the usual choices, and any other duration.
import { useState } from "react";
import { SelectField, TextField } from "../../kit/fields";

const CHOICES: [string, string][] = [["1h", "1 hour"], ["24h", "1 day"], ["7d", "7 days"], ["30d", "30 days"], ["90d", "90 days"], ["365d", "1 year"], ["never", "Until it is revoked"]];

export function ExpiryField({ value, onChange, problem, label = "Valid for", unsaid }: { value: string; onChange: (value: string) => void; problem?: string; label?: string; unsaid?: string }) {
  const known = value === "" || CHOICES.some(([choice]) => choice === value);
  const [other, setOther] = useState(!known);
  return (
    <>
      <SelectField
        label={label}
        problem={other ? undefined : problem}
        value={other ? "other" : value}
        onChange={(event) => {
          setOther(event.target.value === "other");
          if (event.target.value !== "other") onChange(event.target.value);
        }}
      >
        {unsaid && <option value="">{unsaid}</option>}
        {CHOICES.map(([choice, text]) => <option key={choice} value={choice}>{text}</option>)}
        <option value="other">Another duration…</option>
      </SelectField>
      {other && <TextField label="Duration" code placeholder="36h" value={value} problem={problem} onChange={(event) => onChange(event.target.value)} hint="Such as 36h, 10d or 1h30m." />}
    </>
  );
}
