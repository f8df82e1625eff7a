// What the plugin prints, as it prints it, on all nodes. Without the stream, its last lines asked again and again.
import { memo, useEffect, useMemo, useRef, useState } from "react";
import { ApiError } from "../../../api/client";
import { useGet, useMay } from "../../../api/hooks";
import { hasPath } from "../../../api/operations";
import { lines as events } from "../../../api/stream";
import { Badge, Button, Empty, Note } from "../../../kit/basics";
import { adminCurl, CopyAs, shellQuote } from "../../../kit/copy";
import { ErrorBox } from "../../../kit/ErrorBox";
import { Icon } from "../../../kit/Icon";
import { useUrlState } from "../../../kit/url";
import type { TabProps } from "../Detail";

export type LogLine = { key: string; at: string; node?: string; process?: number | string | null; stream?: string; level?: string; text: string; /** What was said beside the text. */ more?: string };
const MOST = 2_000;

type Told = { at: string; number?: number; node?: string; process?: number | string | null; pid?: number | null; stream?: string; level?: string; text?: string; message?: string } & Beside;
type Beside = { module?: string | null; request_id?: string | null; fields?: unknown };

/** What was said beside the text, as the command line shows it. */
function beside({ module, request_id, fields }: Beside): string | undefined {
  const told = typeof fields === "object" && fields !== null ? Object.entries(fields).map(([name, value]) => `${name}=${JSON.stringify(value)}`) : fields ? [String(fields)] : [];
  const all = [module && `module=${module}`, request_id && `request_id=${request_id}`, ...told].filter(Boolean);
  return all.length > 0 ? all.join(" ") : undefined;
}

export default function LogsTab({ plugin }: TabProps) {
  const operator = useMay("operator");
  if (!operator) return <Note tone="info">What plugins print is for operators and admins: it may hold what they were told in confidence.</Note>;
  return <Log plugin={plugin} />;
}

/** The stream of lines; `missing` where the gateway has none. */
function useLogStream(id: string, paused: boolean) {
  const [shown, setShown] = useState<LogLine[]>([]);
  const [state, setState] = useState<"connecting" | "live" | "broken" | "missing">("connecting");
  const [error, setError] = useState<unknown>(null);
  const held = useRef<LogLine[]>([]);
  const stopped = useRef(paused);
  stopped.current = paused;
  useEffect(() => {
    if (!paused && held.current.length > 0) {
      setShown((before) => [...before, ...held.current].slice(-MOST));
      held.current = [];
    }
  }, [paused]);
  useEffect(() => {
    const control = new AbortController();
    let count = 0;
    let batch: LogLine[] = [];
    const flush = setInterval(() => {
      if (batch.length === 0) return;
      const taken = batch;
      batch = [];
      if (stopped.current) held.current = [...held.current, ...taken].slice(-MOST);
      else setShown((before) => [...before, ...taken].slice(-MOST));
    }, 100);
    const run = async () => {
      if (!hasPath(`/api/v1/plugins/${id}/log`)) return setState("missing");
      let wait = 1_000;
      for (let first = true; !control.signal.aborted; first = false) {
        try {
          for await (const event of events(`/api/v1/plugins/${id}/log?tail=${first ? 200 : 0}`, control.signal)) {
            setState("live");
            setError(null);
            wait = 1_000;
            if (event.event === "dropped") batch.push({ key: `d${count++}`, at: new Date().toISOString(), level: "gap", text: "Some lines were left out: it prints faster than they can be sent." });
            else {
              const told = JSON.parse(event.data) as Told;
              if (told.text !== undefined || told.message !== undefined) batch.push({ key: `s${count++}`, at: told.at, node: told.node, process: told.process ?? told.pid, stream: told.stream, level: told.level, text: told.text ?? told.message ?? "", more: beside(told) });
            }
          }
        } catch (cause) {
          if (control.signal.aborted) return;
          if (cause instanceof ApiError && (cause.status === 404 || cause.status === 405)) return setState("missing");
          if (cause instanceof ApiError && cause.status > 0 && cause.status < 500 && cause.status !== 429) {
            setError(cause);
            return setState("broken");
          }
          setError(cause);
        }
        if (control.signal.aborted) return;
        setState("broken");
        await new Promise((resolve) => setTimeout(resolve, wait));
        wait = Math.min(wait * 2, 30_000);
      }
    };
    void run();
    return () => {
      control.abort();
      clearInterval(flush);
    };
  }, [id]);
  return { shown, state, error, held, clear: () => setShown([]) };
}

/** The last lines of every process, where there is no stream. */
function useLastLines(id: string, enabled: boolean): { lines: LogLine[]; error: unknown } {
  const records = useGet("/api/v1/plugins/{id}/records", { ids: { id }, query: { lines: 200 }, refetchInterval: 2_000, enabled });
  const lines = useMemo(
    () =>
      (records.data?.data ?? [])
        .flatMap((record) => (record.attributes.lines ?? []).map((line): LogLine & { number: number } => ({ key: `${record.attributes.node} ${line.number}`, number: line.number, at: line.at, node: record.attributes.node, process: record.attributes.pid, stream: line.stream, level: line.level, text: line.message, more: beside(line) })))
        .sort((left, right) => left.at.localeCompare(right.at) || left.number - right.number)
        .slice(-MOST),
    [records.data],
  );
  return { lines, error: records.error };
}

const SAID = /^\W*(error|fatal|panic|warn(?:ing)?)\b/i;

/** Drawn once: two thousand of them stay while new ones come. */
const Line = memo(function Line({ line, node }: { line: LogLine; node: boolean }) {
  if (line.level === "gap") return <div className="gap">{line.text}</div>;
  // Many programs say in the text alone how grave a line is; that is worth a colour, and no more.
  const said = line.level === "warn" || line.level === "error" ? line.level : SAID.exec(line.text)?.[1]?.toLowerCase();
  const tone = said === undefined ? "" : said.startsWith("warn") ? "warn" : "error";
  return (
    <div className={`line ${tone}`}>
      <span className="at" title={line.at}>{line.at.slice(11, 23)}</span>
      <span className="from">{node ? `${line.node} ` : ""}{line.process ?? ""}</span>
      <span className="text">{line.level === "warn" || line.level === "error" ? `${line.level.toUpperCase()} ` : ""}{line.text}{line.more && <span className="more"> {line.more}</span>}</span>
    </div>
  );
});

function Log({ plugin }: Pick<TabProps, "plugin">) {
  const [paused, setPaused] = useState(false);
  const [query, setQuery] = useUrlState("q");
  const [level, setLevel] = useUrlState("level");
  const stream = useLogStream(plugin.id, paused);
  const missing = stream.state === "missing";
  const last = useLastLines(plugin.id, missing && !paused);
  const all = missing ? last.lines : stream.shown;
  const severalNodes = new Set(all.map((line) => line.node)).size > 1;
  const kept = useMemo(() => {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    return all.filter((line) => line.level === "gap" || ((!level || line.level === level || (level === "warn" && line.level === "error")) && words.every((word) => `${line.text} ${line.more ?? ""} ${line.process ?? ""} ${line.node ?? ""}`.toLowerCase().includes(word))));
  }, [all, query, level]);
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    if (atEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [kept]);
  const words = { connecting: "Connecting…", live: "Live", broken: "Reconnecting…", missing: "Asks every two seconds" };
  return (
    <section className="card" aria-label="Log">
      <div className="table-tools">
        <div className="search"><Icon name="search" size={14} /><input className="input" type="search" aria-label="Search the log" placeholder="Search the log" value={query} onChange={(event) => setQuery(event.target.value)} /></div>
        <select className="select" aria-label="Level" value={level} onChange={(event) => setLevel(event.target.value)}>
          <option value="">Level: all</option>
          <option value="warn">Warnings and errors</option>
          <option value="error">Errors</option>
          <option value="info">Info</option>
          <option value="debug">Debug</option>
        </select>
        <Button icon={paused ? "play" : "pause"} onClick={() => setPaused(!paused)} aria-pressed={paused}>{paused ? `Go on${stream.held.current.length ? ` (${stream.held.current.length})` : ""}` : "Hold"}</Button>
        <Badge tone={stream.state === "live" ? "good" : stream.state === "broken" ? "warn" : "plain"}>{words[stream.state]}</Badge>
        <span className="grow" />
        <CopyAs commands={{ cli: `sidegate plugin logs ${shellQuote(plugin.attributes.name)} --follow`, curl: adminCurl("GET", `/api/v1/plugins/${plugin.id}/records?lines=200`) }} />
      </div>
      {(stream.error ?? last.error) ? <div style={{ padding: 12 }}><ErrorBox error={stream.error ?? last.error} title="The log cannot be read" /></div> : null}
      <div style={{ padding: 12 }}>
        {kept.length === 0 ? (
          <Empty icon="terminal" title={all.length > 0 ? "No line matches" : "It has printed nothing yet"}>
            <p>{all.length > 0 ? `${all.length} lines are hidden by the search or the level.` : "What it writes to its standard output and error appears here, line by line."}</p>
          </Empty>
        ) : (
          <div
            className="log"
            ref={box}
            tabIndex={0}
            role="log"
            aria-label={`What ${plugin.attributes.name} printed`}
            aria-live="off"
            onScroll={(event) => {
              const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
              atEnd.current = scrollHeight - scrollTop - clientHeight < 30;
            }}
          >
            {kept.map((line) => <Line key={line.key} line={line} node={severalNodes} />)}
          </div>
        )}
      </div>
    </section>
  );
}
