// The pages of routes, apps, traffic, edges, changes, the API reference and settings.
import type { PageRoute } from "../routes";

export const moreRoutes: PageRoute[] = [
  { path: "/routes", title: "Routes", role: "viewer", nav: { icon: "routes", order: 3 }, load: () => import("./routes/Routes") },
  { path: "/apps", title: "Apps", role: "viewer", nav: { icon: "apps", order: 4 }, load: () => import("./apps/List") },
  { path: "/apps/tokens", title: "Tokens", role: "viewer", load: () => import("./apps/AllTokens") },
  { path: "/apps/issuers", title: "Issuers", role: "viewer", load: () => import("./apps/Issuers") },
  { path: "/apps/new", title: "Register an app", role: "operator", load: () => import("./apps/Create") },
  { path: "/apps/$id", title: "App", role: "viewer", load: () => import("./apps/Detail") },
  { path: "/apps/$id/settings", title: "App", role: "viewer", load: () => import("./apps/Settings") },
  { path: "/traffic", title: "Traffic", role: "viewer", nav: { icon: "traffic", order: 5 }, load: () => import("./traffic/Live") },
  { path: "/traffic/requests", title: "In flight", role: "viewer", load: () => import("./traffic/InFlight") },
  { path: "/traffic/hour", title: "Last hour", role: "viewer", load: () => import("./traffic/Hour") },
  { path: "/edges", title: "Edges", role: "viewer", nav: { icon: "edges", order: 6 }, fleet: true, load: () => import("./edges/List") },
  { path: "/edges/new", title: "Add an edge", role: "admin", fleet: true, load: () => import("./edges/Join") },
  { path: "/edges/namespaces", title: "Namespaces", role: "viewer", load: () => import("./edges/Namespaces") },
  { path: "/edges/$id", title: "Edge", role: "viewer", load: () => import("./edges/Detail") },
  { path: "/changes", title: "Changes", role: "viewer", nav: { icon: "changes", order: 7 }, load: () => import("./changes/History") },
  { path: "/changes/audit", title: "Audit log", role: "viewer", load: () => import("./changes/Audit") },
  { path: "/changes/$revision", title: "Revision", role: "viewer", load: () => import("./changes/Revision") },
  { path: "/reference", title: "API reference", role: "viewer", nav: { icon: "api", order: 8 }, load: () => import("./reference/Reference") },
  { path: "/reference/$operation", title: "API reference", role: "viewer", load: () => import("./reference/Reference") },
  { path: "/settings", title: "Settings", role: "viewer", nav: { icon: "settings", order: 9 }, load: () => import("./settings/General") },
  { path: "/settings/users", title: "Users", role: "admin", load: () => import("./settings/Users") },
  { path: "/settings/admin-tokens", title: "Admin tokens", role: "admin", load: () => import("./settings/AdminTokens") },
  { path: "/settings/sessions", title: "Sessions", role: "admin", load: () => import("./settings/Sessions") },
];
