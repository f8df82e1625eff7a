// Every page of the console, as data: the router, the navigation, the palette and the browser tests read this list.
import type { ComponentType } from "react";
import type { IconName } from "./kit/Icon";
import { moreRoutes } from "./pages/more";

export type PageRoute = {
  /** Below /console, in the router's words: `/plugins/$id`; a `$` at its end is any number of further parts. */
  path: string;
  title: string;
  load: () => Promise<{ default: ComponentType }>;
  /** Who may open it; the gateway decides about everything on it. */
  role: "viewer" | "operator" | "admin" | "anyone";
  /** Its place in the navigation on the left, of at most nine. */
  nav?: { icon: IconName; order: number };
  /** Only with a control plane: left out of navigation and palette elsewhere; its address says why it is empty. */
  fleet?: boolean;
  /** Which entry of the navigation is marked while it is open, for pages without their own. */
  under?: string;
};

const ownRoutes: PageRoute[] = [
  { path: "/sign-in", title: "Sign in", role: "anyone", load: () => import("./pages/SignIn") },
  { path: "/sign-in/$provider", title: "Sign in", role: "anyone", load: () => import("./pages/SignIn") },
  { path: "/", title: "Overview", role: "viewer", nav: { icon: "overview", order: 1 }, load: () => import("./pages/Overview") },
  { path: "/plugins", title: "Plugins", role: "viewer", nav: { icon: "plugins", order: 2 }, load: () => import("./pages/plugins/List") },
  { path: "/plugins/new", title: "Add a plugin", role: "admin", load: () => import("./pages/plugins/Wizard") },
  { path: "/plugins/$id", title: "Plugin", role: "viewer", load: () => import("./pages/plugins/Detail") },
  { path: "/plugins/$id/$tab", title: "Plugin", role: "viewer", load: () => import("./pages/plugins/Detail") },
  { path: "/plugins/$id/pages/$", title: "Page of a plugin", role: "viewer", load: () => import("./pages/plugins/pages/Page") },
];

/** The tabs of a plugin's page, for `/plugins/$id/$tab`. */
export const PLUGIN_TABS = ["endpoints", "configuration", "permissions", "logs", "crashes", "metrics", "storage", "events", "page"] as const;

export const routes: PageRoute[] = [...ownRoutes, ...moreRoutes];
