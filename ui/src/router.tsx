// From the list of pages to a router: pages load when they are first opened, the address keeps plain texts.
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet } from "@tanstack/react-router";
import { NotFound, PageError } from "./app/Failures";
import { Shell } from "./app/Shell";
import { Skeleton } from "./kit/basics";
import { routes } from "./routes";

const root = createRootRoute({ component: Outlet, notFoundComponent: NotFound });
const shell = createRoute({ getParentRoute: () => root, id: "shell", component: Shell, notFoundComponent: NotFound });

const page = (route: (typeof routes)[number], parent: typeof root | typeof shell) =>
  createRoute({
    getParentRoute: () => parent as typeof root,
    path: route.path,
    component: lazyRouteComponent(route.load),
    staticData: { title: route.title } as object,
  });

const inShell = routes.filter((route) => route.role !== "anyone").map((route) => page(route, shell));
// Within the shell, so that whoever comes by a wrong address sees where else to go.
const nowhere = createRoute({ getParentRoute: () => shell as unknown as typeof root, path: "$", component: NotFound });
const outside = routes.filter((route) => route.role === "anyone").map((route) => page(route, root));

export const router = createRouter({
  routeTree: root.addChildren([...outside, shell.addChildren([...inShell, nowhere])]),
  basepath: "/console",
  defaultPreload: "intent",
  defaultPendingMs: 300,
  defaultPendingComponent: () => <Skeleton lines={8} height={20} />,
  defaultErrorComponent: PageError,
  defaultNotFoundComponent: NotFound,
  scrollRestoration: true,
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const params = new URLSearchParams();
    for (const [name, value] of Object.entries(search)) if (value !== undefined && value !== "") params.set(name, String(value));
    const text = params.toString();
    return text ? `?${text}` : "";
  },
});
