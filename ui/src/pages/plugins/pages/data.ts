// Which pages plugins bring along: of one plugin with all that is needed to show them, of all plugins for the menu.
import { useOptional } from "../../../api/hooks";
import { usePollInterval } from "../../../api/live";

export type OwnPage = {
  slot: string;
  label: string;
  icon?: string | null;
  path: string;
  title?: string | null;
  kind: string;
  tag?: string | null;
  /** The file that the page begins with, in the plugin. */
  entry?: string | null;
  props?: Record<string, unknown> | null;
  /** Why it cannot be opened, by this user or at all. */
  closed?: string | null;
  /** What whoever opens it is to know. */
  notice?: string | null;
};
type Listed = { attributes: OwnPage } | OwnPage;

/** The pages of one plugin; `null` from a gateway that shows none. */
export function useOwnPages(id: string) {
  const asked = useOptional<{ data: Listed[] }>(`/api/v1/plugins/${encodeURIComponent(id)}/pages`);
  const pages = asked.data?.data.map((page) => ("attributes" in page ? page.attributes : page));
  return { ...asked, pages: asked.data === null ? null : pages };
}

/** The end of a page's address: manifests write it with or without a slash and `admin/` before it. */
export function pageKey(path: string): string {
  return path.replace(/^\/*(admin\/+)?/, "").replace(/\/+$/, "");
}

export function pageHref(plugin: string | number, path: string): string {
  return `/plugins/${plugin}/pages/${pageKey(path).split("/").map(encodeURIComponent).join("/")}`;
}

export function pageName(page: OwnPage): string {
  return page.title || page.label || pageKey(page.path);
}

type Section = { id: string; label: string; plugin_id: number; plugin_name: string; sub_items: { id: string; text: string; path: string }[] };
export type MenuEntry = { id: string; text: string; plugin: string; href: string };

/** Entries of the menu, at most so many; whoever has more finds them at their plugins. */
const MOST_ENTRIES = 20;

export function usePagesMenu(): { entries: MenuEntry[]; left: number } {
  const menu = useOptional<{ data: Section[] }>("/api/v1/plugins/sidebar-menu", { refetchInterval: usePollInterval(30_000), keep: true });
  const all = (menu.data?.data ?? []).flatMap((section) =>
    section.sub_items.map((item) => ({
      id: `${item.id} ${item.path}`,
      // A section with one page needs no second name.
      text: section.sub_items.length === 1 ? section.label || item.text : `${section.label}: ${item.text}`,
      plugin: section.plugin_name,
      href: pageHref(section.plugin_id, item.path),
    })),
  );
  return { entries: all.slice(0, MOST_ENTRIES), left: Math.max(0, all.length - MOST_ENTRIES) };
}
