// The table of every list: sorted, filtered and shared by its address, walked by keys, quick with ten thousand rows.
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type ReactNode, useEffect, useId, useMemo, useRef, useState } from "react";
import { isBeginning } from "../api/hooks";
import { A, useGo } from "./A";
import { Skeleton } from "./basics";
import { ErrorBox } from "./ErrorBox";
import { Icon } from "./Icon";
import { useUrlState } from "./url";

export type Column<T> = {
  key: string;
  header: string;
  cell: (row: T) => ReactNode;
  /** What it is sorted by; without it the column cannot be. */
  sort?: (row: T) => string | number | null | undefined;
  numeric?: boolean;
  width?: number | string;
  /** Where it is left out: `narrow` below 720 px, `medium` below 1340 px. */
  hide?: "narrow" | "medium";
  /** For columns of buttons: the header is for screen readers only. */
  hideHeader?: boolean;
};

export type Filter<T> = { key: string; label: string; options: [string, string][]; test: (row: T, value: string) => boolean };

export type TableProps<T> = {
  /** What the rows are, in the plural; also the name of the table. */
  name: string;
  rows: T[] | undefined;
  columns: Column<T>[];
  rowKey: (row: T) => string;
  /** Where a row leads; its first cell becomes the link. */
  href?: (row: T) => string;
  onOpen?: (row: T) => void;
  /** The text that the search looks through; without it there is no search. */
  text?: (row: T) => string;
  filters?: Filter<T>[];
  sort?: string;
  empty: ReactNode;
  error?: unknown;
  retry?: () => void;
  tools?: ReactNode;
  /** Several tables on one page: what their parameters in the address begin with. */
  prefix?: string;
  foot?: ReactNode;
};

const VIRTUAL_FROM = 150;
const ROW_HEIGHT = 43;

function compare(left: unknown, right: unknown): number {
  if (left === right) return 0;
  if (left === null || left === undefined) return 1;
  if (right === null || right === undefined) return -1;
  if (typeof left === "number" && typeof right === "number") return left - right;
  return String(left).localeCompare(String(right), "en", { numeric: true, sensitivity: "base" });
}

function useRows<T>(props: TableProps<T>, sort: string, query: string, chosen: Record<string, string>): T[] {
  const { rows, columns, text, filters } = props;
  return useMemo(() => {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const kept = (rows ?? []).filter((row) => {
      for (const filter of filters ?? []) {
        const value = chosen[filter.key];
        if (value && !filter.test(row, value)) return false;
      }
      if (words.length === 0 || !text) return true;
      const found = text(row).toLowerCase();
      return words.every((word) => found.includes(word));
    });
    const by = columns.find((column) => column.key === sort.replace(/^-/, ""))?.sort;
    if (!by) return kept;
    const sign = sort.startsWith("-") ? -1 : 1;
    return [...kept].sort((left, right) => {
      const [a, b] = [by(left), by(right)];
      const missing = (value: unknown) => value === null || value === undefined;
      return missing(a) || missing(b) ? compare(a, b) : sign * compare(a, b);
    });
  }, [rows, columns, text, filters, sort, query, chosen]);
}

export function Table<T>(props: TableProps<T>) {
  const prefix = props.prefix ?? "";
  const [query, setQuery] = useUrlState(`${prefix}q`);
  const [sort, setSort] = useUrlState(`${prefix}sort`, props.sort ?? "");
  const chosen = useChosen(prefix, props.filters);
  const shown = useRows(props, sort, query, chosen.values);
  if (props.error && !props.rows) {
    return <div style={{ padding: 16 }}><ErrorBox error={props.error} title={`The ${props.name} could not be read`} retry={props.retry} /></div>;
  }
  if (!props.rows) return <div style={{ padding: 16 }}><Skeleton lines={6} height={20} /></div>;
  if (props.rows.length === 0) return <>{props.empty}</>;
  const coming = isBeginning(props.rows);
  const reset = () => {
    setQuery("");
    chosen.reset();
  };
  return (
    <>
      {(props.text || props.filters?.length || props.tools) && (
        <div className="table-tools">
          {props.text && <SearchBox name={props.name} value={query} onChange={setQuery} />}
          {chosen.controls}
          {props.tools}
        </div>
      )}
      {shown.length === 0 ? (
        <div className="empty">
          <h2>No {props.name} match{coming && " so far"}</h2>
          <p>{coming ? `The others are still on their way.` : `${props.rows.length} ${props.name} are hidden by the search or a filter.`}</p>
          <button type="button" className="btn" onClick={reset}>Show all {props.name}</button>
        </div>
      ) : (
        <Rows {...props} shown={shown} sort={sort} setSort={setSort} />
      )}
      {(props.foot || shown.length > 20) && (
        <div className="table-foot">
          {coming ? (props.error ? `Only the first ${props.rows.length} ${props.name} could be read` : `The first ${props.rows.length} ${props.name}; the others are on their way…`) : shown.length === props.rows.length ? `${shown.length} ${props.name}` : `${shown.length} of ${props.rows.length} ${props.name}`}
          {props.foot}
        </div>
      )}
    </>
  );
}

function SearchBox({ name, value, onChange }: { name: string; value: string; onChange: (value: string) => void }) {
  const [text, setText] = useState(value);
  const input = useRef<HTMLInputElement>(null);
  const said = useRef(value);
  useEffect(() => {
    if (value !== said.current) setText(value);
    said.current = value;
  }, [value]);
  useEffect(() => {
    const timer = setTimeout(() => {
      if (text !== said.current) {
        said.current = text;
        onChange(text);
      }
    }, 120);
    return () => clearTimeout(timer);
  }, [text, onChange]);
  useEffect(() => {
    const slash = (event: globalThis.KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.key !== "/" || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.isContentEditable) return;
      event.preventDefault();
      input.current?.focus();
    };
    document.addEventListener("keydown", slash);
    return () => document.removeEventListener("keydown", slash);
  }, []);
  return (
    <div className="search">
      <Icon name="search" size={14} />
      <input
        ref={input}
        type="search"
        className="input"
        aria-label={`Search ${name}`}
        placeholder={`Search ${name}   /`}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => event.key === "Escape" && setText("")}
      />
    </div>
  );
}

function useChosen<T>(prefix: string, filters: Filter<T>[] | undefined) {
  // The number of a table's filters never changes, so that each may be state of the address.
  const states = (filters ?? []).map((filter) => {
    // oxlint-disable-next-line react-hooks/rules-of-hooks
    const [value, set] = useUrlState(`${prefix}${filter.key}`);
    return { filter, value, set };
  });
  const key = states.map((state) => state.value).join("\n");
  const values = useMemo(() => Object.fromEntries(states.map((state) => [state.filter.key, state.value])), [key]);
  return {
    values,
    reset: () => {
      for (const state of states) if (state.value) state.set("");
    },
    controls: states.map(({ filter, value, set }) => (
      <select key={filter.key} className="select" aria-label={filter.label} value={value} onChange={(event) => set(event.target.value)}>
        <option value="">{filter.label}: all</option>
        {filter.options.map(([option, text]) => (
          <option key={option} value={option}>{text}</option>
        ))}
      </select>
    )),
  };
}

type RowsProps<T> = TableProps<T> & { shown: T[]; sort: string; setSort: (sort: string) => void };

function hideClass(column: { hide?: string; numeric?: boolean }): string | undefined {
  const hidden = { narrow: "not-narrow", medium: "wide-only not-narrow" }[column.hide ?? ""] ?? "";
  return [hidden, column.numeric ? "num" : ""].filter(Boolean).join(" ") || undefined;
}

function Rows<T>(props: RowsProps<T>) {
  const { shown, columns, rowKey } = props;
  const body = useRef<HTMLTableSectionElement>(null);
  const label = useId();
  const virtual = shown.length >= VIRTUAL_FROM;
  const [margin, setMargin] = useState(0);
  useEffect(() => setMargin((body.current?.getBoundingClientRect().top ?? 0) + window.scrollY), [virtual]);
  const virtualizer = useWindowVirtualizer({ count: virtual ? shown.length : 0, estimateSize: () => ROW_HEIGHT, overscan: 20, scrollMargin: margin });
  const items = virtual ? virtualizer.getVirtualItems() : [];
  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? -1;
  const visible = virtual ? shown.slice(first, last + 1) : shown;
  const above = virtual ? (items[0]?.start ?? margin) - margin : 0;
  const below = virtual ? virtualizer.getTotalSize() - ((items.at(-1)?.end ?? margin) - margin) : 0;

  const onKeyDown = (event: KeyboardEvent) => {
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1 };
    const step = steps[event.key];
    const target = event.target as HTMLElement;
    if (!step || !target.classList.contains("row-link") || event.metaKey || event.ctrlKey) return;
    const links = [...(body.current?.querySelectorAll<HTMLElement>(".row-link") ?? [])];
    const next = links[links.indexOf(target) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  };

  return (
    <div className="table-scroll">
      <table className="table" aria-labelledby={label} aria-rowcount={virtual ? shown.length + 1 : undefined}>
        <caption className="sr-only" id={label}>{props.name}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <Header key={column.key} column={column} sort={props.sort} setSort={props.setSort} />
            ))}
          </tr>
        </thead>
        <tbody ref={body} onKeyDown={onKeyDown}>
          {above > 0 && <tr className="spacer" aria-hidden="true"><td colSpan={columns.length} style={{ height: above }} /></tr>}
          {visible.map((row, index) => (
            <Row key={rowKey(row)} row={row} {...props} index={virtual ? first + index + 2 : undefined} />
          ))}
          {below > 0 && <tr className="spacer" aria-hidden="true"><td colSpan={columns.length} style={{ height: below }} /></tr>}
        </tbody>
      </table>
    </div>
  );
}

function Header<T>({ column, sort, setSort }: { column: Column<T>; sort: string; setSort: (sort: string) => void }) {
  const up = sort === column.key;
  const down = sort === `-${column.key}`;
  return (
    <th scope="col" className={hideClass(column)} style={{ width: column.width }} aria-sort={up ? "ascending" : down ? "descending" : undefined}>
      {column.sort ? (
        <button type="button" onClick={() => setSort(up ? `-${column.key}` : column.key)}>
          {column.header}
          {up && <Icon name="up" size={12} />}
          {down && <Icon name="down" size={12} />}
        </button>
      ) : column.hideHeader ? (
        <span className="sr-only">{column.header}</span>
      ) : (
        column.header
      )}
    </th>
  );
}

function Row<T>({ row, columns, href, onOpen, index }: RowsProps<T> & { row: T; index?: number }) {
  const go = useGo();
  const to = href?.(row);
  const open = to ? () => go(to) : onOpen ? () => onOpen(row) : undefined;
  return (
    <tr
      className={open ? "opens" : undefined}
      aria-rowindex={index}
      onClick={(event) => {
        const target = event.target as HTMLElement;
        if (!open || target.closest("a,button,input,select,label,dialog,.menu") || window.getSelection()?.toString()) return;
        open();
      }}
    >
      {columns.map((column, position) => (
        <td key={column.key} className={hideClass(column)}>
          {position === 0 && to ? (
            <A href={to} className="row-link">{column.cell(row)}</A>
          ) : position === 0 && onOpen ? (
            <a className="row-link" role="button" tabIndex={0} onClick={() => onOpen(row)} onKeyDown={(event) => event.key === "Enter" && onOpen(row)}>
              {column.cell(row)}
            </a>
          ) : (
            column.cell(row)
          )}
        </td>
      ))}
    </tr>
  );
}
