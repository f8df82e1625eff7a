// Where one is: the entry of the navigation, and the thing below it once a page has said its name.
import { useRouterState } from "@tanstack/react-router";
import { useEffect, useSyncExternalStore } from "react";
import { A } from "../kit/A";
import { Icon } from "../kit/Icon";
import { routes } from "../routes";

let crumb: string | undefined;
const listeners = new Set<() => void>();

function say(next: string | undefined) {
  crumb = next;
  for (const listener of listeners) listener();
}

/** Names the thing that a page is about, in the crumbs. */
export function useCrumb(name: string | undefined) {
  useEffect(() => {
    say(name);
    return () => say(undefined);
  }, [name]);
}

export function Breadcrumbs() {
  const path = useRouterState({ select: (state) => state.location.pathname }).replace(/^\/console/, "");
  const name = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => crumb,
  );
  const first = `/${path.split("/").filter(Boolean)[0] ?? ""}`;
  const top = routes.find((route) => route.path === first);
  const deeper = path.split("/").filter(Boolean).length > 1;
  const title = name ?? routes.find((route) => route.path === path)?.title;
  return (
    <nav className="crumbs" aria-label="Where you are">
      <ol>
        {top && (
          <li>{deeper ? <A href={top.path}>{top.title}</A> : <span aria-current="location">{top.title}</span>}</li>
        )}
        {deeper && title && (
          <li className="truncate">
            <Icon name="right" size={12} />
            <span aria-current="location" className="truncate">{title}</span>
          </li>
        )}
      </ol>
    </nav>
  );
}
