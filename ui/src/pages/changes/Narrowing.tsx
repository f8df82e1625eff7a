// What both lists of changes can be narrowed by: who, what was done, to what kind of thing, to which one, and when. The
// gateway narrows; nothing of a page that was read is left out here.
import { type ReactNode, useMemo } from "react";
import type { Query } from "../../api/client";
import { useList } from "../../api/hooks";
import { shellQuote } from "../../kit/copy";
import { useUrlState } from "../../kit/url";
import { operationChoices } from "./words";

const SPANS: [string, string, number][] = [["1h", "Last hour", 1], ["24h", "Last day", 24], ["7d", "Last 7 days", 168], ["30d", "Last 30 days", 720]];
const BETWEEN = "between";

/** A time as a field of the browser has it, in the browser's own zone, as the API has it. */
function moment(local: string): string | undefined {
  const at = new Date(local);
  return local === "" || Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

/** `who` is what the list calls its authors; kinds are those of which it can tell something. */
export function useNarrowing(who: "author" | "actor", kinds: string[]) {
  const [author, setAuthor] = useUrlState(who);
  const [kind, setKind] = useUrlState("kind");
  const [operation, setOperation] = useUrlState("operation");
  const [thing, setThing] = useUrlState("thing");
  const [span, setSpan] = useUrlState("since");
  const [from, setFrom] = useUrlState("from");
  const [to, setTo] = useUrlState("to");
  const query: Query = useMemo(() => {
    const hours = SPANS.find(([key]) => key === span)?.[2];
    const since = span === BETWEEN ? moment(from) : hours === undefined ? undefined : new Date(Date.now() - hours * 3_600_000).toISOString();
    const until = span === BETWEEN ? moment(to) : undefined;
    // A name never consists of digits only.
    const named = /^\d+$/.test(thing) ? { id: thing } : { name: thing };
    return { [who]: author, kind, operation, ...named, since, until };
  }, [who, author, kind, operation, thing, span, from, to]);
  const flags = Object.entries({ ...query, since: span && span !== BETWEEN ? span : query.since }).filter(([, value]) => value !== undefined && value !== "");
  const cli = flags.map(([name, value]) => `--${name} ${shellQuote(String(value))}`).join(" ");
  const controls = (
    <>
      <TextFilter value={author} onChange={setAuthor} label="Who" all="everybody" />
      <select className="select" aria-label="What was done" value={operation} onChange={(event) => setOperation(event.target.value)}>
        <option value="">What: all</option>
        {operationChoices(who === "author").map(([name, text]) => <option key={name} value={name}>{text}</option>)}
      </select>
      <select className="select" aria-label="Kind" value={kind} onChange={(event) => setKind(event.target.value)}>
        <option value="">Kind: all</option>
        {kinds.map((one) => <option key={one} value={one}>{one.replaceAll("-", " ")}</option>)}
      </select>
      <TextFilter value={thing} onChange={setThing} label="Thing, by its name or number" short="Thing" all="all" suggest={<Names />} />
      <select className="select" aria-label="When" value={span} onChange={(event) => setSpan(event.target.value)}>
        <option value="">Time: all</option>
        {SPANS.map(([key, text]) => <option key={key} value={key}>{text}</option>)}
        <option value={BETWEEN}>Between two times…</option>
      </select>
      {span === BETWEEN && (
        <span className="row wrap between-times">
          <input className="input" type="datetime-local" aria-label="From" value={from} onChange={(event) => setFrom(event.target.value)} />
          <span className="muted">to</span>
          <input className="input" type="datetime-local" aria-label="Until" value={to} onChange={(event) => setTo(event.target.value)} />
        </span>
      )}
    </>
  );
  return { query, cli, controls, any: flags.length > 0 };
}

const NAMES = "names-of-things";

/** What there is now; what is gone is found by its name as well. */
function Names() {
  const plugins = useList("/api/v1/plugins").data ?? [];
  const apps = useList("/api/v1/apps").data ?? [];
  const names = new Set([...plugins, ...apps].slice(0, 500).map((thing) => thing.attributes.name));
  return <datalist id={NAMES}>{[...names].map((name) => <option key={name} value={name} />)}</datalist>;
}

type Props = { value: string; onChange: (value: string) => void; label: string; short?: string; all: string; suggest?: ReactNode };

function TextFilter({ value, onChange, label, short = label, all, suggest }: Props) {
  return (
    <>
      <input
        key={value}
        className="input author"
        aria-label={label}
        placeholder={`${short}: ${all}`}
        defaultValue={value}
        list={suggest ? NAMES : undefined}
        autoComplete="off"
        onBlur={(event) => onChange(event.target.value.trim())}
        onKeyDown={(event) => event.key === "Enter" && onChange(event.currentTarget.value.trim())}
      />
      {suggest}
    </>
  );
}
