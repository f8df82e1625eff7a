// What the plugin keeps in the gateway: its keys, their values, and removing one.
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError, call } from "../../../api/client";
import { useMay, useOptional } from "../../../api/hooks";
import { hasPath } from "../../../api/operations";
import { Button, Empty, Facts, Note, Segmented, Skeleton, useDebounced } from "../../../kit/basics";
import { adminCurl, Code, CopyAs, shellQuote } from "../../../kit/copy";
import { ErrorBox } from "../../../kit/ErrorBox";
import { Icon } from "../../../kit/Icon";
import { Confirm, Drawer } from "../../../kit/overlay";
import { bytes, Time } from "../../../kit/Time";
import { useUrlState } from "../../../kit/url";
import { useAction } from "../../../kit/useAction";
import type { TabProps } from "../Detail";

type Entry = { key: string; value_bytes: number; updated_at: string; expires_at: string | null };
type Page = { data: { id: string; attributes: Entry }[]; meta: { next_after: string | null; total_keys: number; total_bytes: number; most_keys: number; most_bytes: number } };
type Value = { data: { attributes: Entry & { value_base64: string; text: string | null } } };

export default function StorageTab({ plugin }: TabProps) {
  const operator = useMay("operator");
  if (!operator) return <Note tone="info">What plugins store is for operators and admins.</Note>;
  return <Entries plugin={plugin} />;
}

function Entries({ plugin }: Pick<TabProps, "plugin">) {
  const admin = useMay("admin");
  const [removing, remove] = useState<string | null>(null);
  const [prefix, setPrefix] = useUrlState("prefix");
  const wanted = useDebounced(prefix, 200);
  const [open, setOpen] = useState<string | null>(null);
  const at = `/api/v1/plugins/${plugin.id}/storage`;
  const list = useInfiniteQuery({
    queryKey: [at, wanted],
    initialPageParam: "",
    enabled: hasPath(at),
    queryFn: async ({ pageParam, signal }) => (await call<Page>(at, { query: { prefix: wanted, after: pageParam, limit: 100 }, signal })).body,
    getNextPageParam: (page) => page.meta.next_after ?? undefined,
    placeholderData: keepPreviousData,
    retry: false,
  });
  if (!hasPath(at) || (list.error instanceof ApiError && list.error.status === 404)) {
    return <section className="card" aria-label="Storage"><Empty icon="apps" title="This gateway does not show storage"><p>A newer one lists what a plugin keeps.</p></Empty></section>;
  }
  if (list.error instanceof ApiError && list.error.status === 409) {
    return <section className="card" aria-label="Storage"><Empty icon="edges" title="It is not kept here"><p>{list.error.message}</p></Empty></section>;
  }
  if (list.error) return <ErrorBox error={list.error} title="The storage could not be read" retry={() => void list.refetch()} />;
  if (!list.data) return <Skeleton lines={6} height={22} />;
  const meta = list.data.pages[0]?.meta;
  const entries = list.data.pages.flatMap((page) => page.data.map((item) => item.attributes));
  return (
    <section className="card" aria-label="Storage">
      <div className="table-tools">
        <div className="search"><Icon name="search" size={14} /><input className="input" type="search" aria-label="Keys that begin with" placeholder="Keys that begin with…" value={prefix} onChange={(event) => setPrefix(event.target.value)} /></div>
        <span className="grow" />
        {meta && <span className="small muted">{meta.total_keys.toLocaleString("en")} of {meta.most_keys.toLocaleString("en")} keys, {bytes(meta.total_bytes)} of {bytes(meta.most_bytes)}</span>}
        <CopyAs commands={{ cli: `sidegate plugin storage list ${shellQuote(plugin.attributes.name)}`, curl: adminCurl("GET", at) }} />
      </div>
      {entries.length === 0 ? (
        <Empty icon="apps" title={prefix ? "No key begins so" : "It stores nothing"}>
          <p>{prefix ? "Search for another beginning." : <>A plugin with the scope <code>kv.readwrite</code> can keep entries here, which outlive its processes.</>}</p>
        </Empty>
      ) : (
        <div className="table-scroll">
          {!admin && <p className="small muted" style={{ padding: "10px 16px 0" }}>Values are for admins, since plugins keep secrets of others. Your role sees keys and sizes, and may remove entries.</p>}
          <table className="table">
            <caption className="sr-only">Entries</caption>
            <thead><tr><th scope="col">Key</th><th scope="col" className="num">Size</th><th scope="col" className="not-narrow">Written</th><th scope="col" className="not-narrow">Expires</th><th scope="col"><span className="sr-only">Remove</span></th></tr></thead>
            <tbody>
              {entries.map((entry) => (
                <tr key={entry.key} className={admin ? "opens" : undefined} onClick={admin ? () => setOpen(entry.key) : undefined}>
                  <td>
                    {admin ? (
                      <a className="row-link" role="button" tabIndex={0} onClick={(event) => { event.stopPropagation(); setOpen(entry.key); }} onKeyDown={(event) => event.key === "Enter" && setOpen(entry.key)}><code className="wrap-anywhere">{entry.key}</code></a>
                    ) : (
                      <code className="wrap-anywhere">{entry.key}</code>
                    )}
                  </td>
                  <td className="num">{bytes(entry.value_bytes)}</td>
                  <td className="not-narrow"><Time at={entry.updated_at} /></td>
                  <td className="not-narrow"><Time at={entry.expires_at} /></td>
                  <td className="num"><Button small kind="ghost" icon="trash" label={`Remove ${entry.key}`} onClick={(event) => { event.stopPropagation(); remove(entry.key); }} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {list.hasNextPage && <div className="table-foot"><Button small busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>Show more</Button></div>}
      {open !== null && <EntryDrawer plugin={plugin.attributes.name} at={at} name={open} onClose={() => setOpen(null)} />}
      {removing !== null && <RemoveEntry plugin={plugin.attributes.name} at={at} name={removing} onClose={() => remove(null)} />}
    </section>
  );
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function EntryDrawer({ plugin, at, name, onClose }: { plugin: string; at: string; name: string; onClose: () => void }) {
  const path = `${at}/${encodeURIComponent(name)}`;
  const value = useOptional<Value>(path);
  const [view, setView] = useState<"text" | "base64">("text");
  const [asking, ask] = useState(false);
  const shown = value.data?.data.attributes;
  return (
    <Drawer title={<code className="wrap-anywhere">{name}</code>} onClose={onClose} footer={<><CopyAs commands={{ curl: adminCurl("GET", path) }} /><Button kind="danger" icon="trash" onClick={() => ask(true)}>Remove</Button></>}>
      <div className="stack">
        <ErrorBox error={value.error} title="The entry could not be read" />
        {value.isPending && <Skeleton />}
        {value.data === null && <Note tone="warn">It is gone: removed or expired meanwhile.</Note>}
        {shown && (
          <>
            <Facts facts={[["Size", bytes(shown.value_bytes)], ["Written", <Time key="w" at={shown.updated_at} />], ["Expires", <Time key="e" at={shown.expires_at} />]]} />
            {shown.text !== null && <div><Segmented label="Shown as" value={view} options={[["text", "Text"], ["base64", "Base64"]]} onChange={setView} /></div>}
            <Code long text={view === "text" && shown.text !== null ? pretty(shown.text) : shown.value_base64} label="Copy the value" />
          </>
        )}
      </div>
      {asking && <RemoveEntry plugin={plugin} at={at} name={name} onClose={() => ask(false)} then={onClose} />}
    </Drawer>
  );
}

function RemoveEntry({ plugin, at, name, onClose, then = onClose }: { plugin: string; at: string; name: string; onClose: () => void; then?: () => void }) {
  const path = `${at}/${encodeURIComponent(name)}`;
  const remove = useAction(() => call(path, { method: "DELETE" }), { done: "The entry is removed", stale: [at], then });
  return (
    <Confirm title="Remove this entry?" action="Remove" danger busy={remove.busy} onConfirm={() => void remove.run()} onClose={onClose}>
      <p>The plugin finds nothing under <code className="wrap-anywhere">{name}</code> any more. This cannot be taken back.</p>
      <ErrorBox error={remove.error} title="It was not removed" />
      <div className="row">
        <CopyAs small commands={{ cli: `sidegate plugin storage delete ${shellQuote(plugin)} ${shellQuote(name)}`, curl: adminCurl("DELETE", path) }} />
        <span className="small">The same from a terminal</span>
      </div>
    </Confirm>
  );
}
