// A plugin's own page, in a frame that has no origin, no network and one port; with what is around it: whose it is, why it is not there.
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { useMay } from "../../../api/hooks";
import { Button, Note, Skeleton } from "../../../kit/basics";
import { ErrorBox } from "../../../kit/ErrorBox";
import { Icon } from "../../../kit/Icon";
import { isCovered, onCovered } from "../../../kit/modal";
import type { Plugin } from "../data";
import { Bridge, fetchAsset, wordsOf } from "./bridge";
import { type OwnPage, pageName } from "./data";
import "./pages.css";

const DOCUMENT = `${import.meta.env.BASE_URL}frames/page`;
/** As in the policy of the document; without `allow-same-origin`, so that it is nobody's. */
const SANDBOX = "allow-scripts allow-forms allow-modals";
/** A page that shows nothing for so long never will, because its script does not come to an end; or one before it in the same process of the browser. */
const LONGEST_START_MS = 10_000;

type State = { is: "loading" } | { is: "shown" } | { is: "failed"; error: unknown };

export function PageFrame({ plugin, page }: { plugin: Plugin; page: OwnPage }) {
  const operator = useMay("operator");
  const [visit, setVisit] = useState(0);
  const covered = useSyncExternalStore(onCovered, isCovered);
  /** How high the page was that was ended for a dialog. */
  const [cut, setCut] = useState(0);
  const why = closedBecause(page, operator);
  if (why) return <Note tone="warn" title="This page is closed">{why}</Note>;
  const again = () => {
    setCut(0);
    setVisit((number) => number + 1);
  };
  return (
    <section className="plugin-page" aria-label={`Page of the plugin ${plugin.attributes.name}`}>
      <header>
        <Icon name="plugins" />
        <p className="grow">
          <strong>Page of the plugin {plugin.attributes.name}</strong>
          <span className="small muted"> Drawn by the plugin, not by Sidegate: never type a password of Sidegate here.</span>
          {cut > 0 && <span className="small muted"> It was loaded again: while a dialog of the console is open, no page of a plugin is.</span>}
        </p>
        <Button small icon="reload" onClick={again}>Reload</Button>
      </header>
      {page.notice && <Note tone="warn" title="The stored configuration is not the one of this page">{page.notice}</Note>}
      {covered ? <div style={{ height: cut }} /> : <Visit key={`${plugin.id} ${page.path} ${visit}`} plugin={plugin} page={page} again={again} cut={setCut} />}
    </section>
  );
}

function closedBecause(page: OwnPage, operator: boolean): string | null {
  if (page.closed) return page.closed;
  if (!operator) return "Pages of plugins can change things, so they are for operators and admins. Ask an admin for that role.";
  if (page.kind !== "webc" && page.kind !== "iframe") return `It is of the kind “${page.kind}”, which this console does not show: only “webc” and “iframe”.`;
  if (!page.entry || (page.kind === "webc" && !page.tag)) return "The plugin's manifest does not say which file, or which element, it begins with.";
  return null;
}

type VisitProps = { plugin: Plugin; page: OwnPage; again: () => void; cut: (height: number) => void };

/** One frame, from its first to its last moment; another visit gets a frame of its own. */
function Visit({ plugin, page, again, cut }: VisitProps) {
  const place = useRef<HTMLDivElement>(null);
  const [state, setState] = useState<State>({ is: "loading" });
  const [complaints, setComplaints] = useState<string[]>([]);
  const isLoading = state.is === "loading";
  useEffect(() => {
    if (!isLoading) return;
    const late = () => setState({ is: "failed", error: new Error(`It did not show itself within ${LONGEST_START_MS / 1000} s, and was stopped.`) });
    const timer = setTimeout(late, LONGEST_START_MS);
    return () => clearTimeout(timer);
  }, [isLoading]);
  const isOver = state.is === "failed";
  useEffect(() => {
    if (isOver || !place.current) return;
    const frame = emptyFrame(`${pageName(page)}, a page of the plugin ${plugin.attributes.name}`);
    const ends = new AbortController();
    let bridge: Bridge | undefined;
    const fail = (error: unknown) => {
      if (!ends.signal.aborted) setState({ is: "failed", error });
    };
    const speak = (content: ArrayBuffer) => {
      if (ends.signal.aborted || !frame.contentWindow) return;
      bridge = new Bridge(frame.contentWindow, plugin.id, page, new TextDecoder().decode(content), {
        mounted: () => {
          frame.className = "shown";
          frame.tabIndex = 0;
          setState({ is: "shown" });
        },
        failed: (text) => fail(new Error(text)),
        complained: (text) => setComplaints((before) => [...before, text].slice(-20)),
        height: (pixels) => {
          frame.style.height = `${pixels}px`;
        },
      });
    };
    let loads = 0;
    const onLoad = () => {
      loads += 1;
      // A frame loads once; when it loads again, whatever ran in it went elsewhere.
      if (loads > 1) fail(new Error("The page left its frame. It may not go to other addresses."));
      else fetchAsset(plugin.id, page.entry ?? "", ends.signal).then(({ content }) => speak(content), fail);
    };
    frame.addEventListener("load", onLoad, { signal: ends.signal });
    place.current.append(frame);
    const end = () => {
      ends.abort();
      bridge?.close();
      frame.remove();
    };
    // A frame can take the keyboard at any time, also one that is inert or not drawn. One that is not there cannot.
    const stopListening = onCovered(() => {
      if (frame.className) cut(frame.offsetHeight);
      end();
    });
    return () => {
      stopListening();
      end();
    };
  }, [isOver]);
  return (
    <>
      {isLoading && <div className="body" aria-busy="true"><Skeleton lines={5} height={20} /></div>}
      {state.is === "failed" ? (
        <div className="body"><ErrorBox error={asPluginSaid(state.error)} title="The page cannot be shown" retry={again} advice="Load it again. When it fails again, the plugin's logs may say more." /></div>
      ) : (
        <div ref={place} />
      )}
      {state.is === "shown" && complaints.length > 0 && (
        <details className="complaints small">
          <summary>The page reported {complaints.length === 1 ? "an error" : `${complaints.length} errors`}</summary>
          <ul>{complaints.map((text, at) => <li key={at} className="wrap-anywhere">{text}</li>)}</ul>
        </details>
      )}
    </>
  );
}

/** A frame with nothing in it yet, in which the plugin's page will be. */
function emptyFrame(title: string): HTMLIFrameElement {
  const frame = document.createElement("iframe");
  frame.title = title;
  frame.setAttribute("sandbox", SANDBOX);
  frame.src = DOCUMENT;
  frame.tabIndex = -1;
  return frame;
}

/** What the plugin said comes first; of what the gateway said only the request id is needed beside it. */
function asPluginSaid(error: unknown): unknown {
  const words = wordsOf(error);
  if (error instanceof Error) error.message = words;
  return error;
}
