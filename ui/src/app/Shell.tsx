// What is around every page: navigation, where one is, palette, theme, who one is.
import { useQueryClient } from "@tanstack/react-query";
import { Outlet, useRouterState } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { ApiError, call, SIGN_IN } from "../api/client";
import { atLeast, useOptional, useSession, useStandsAlone, useWhoami } from "../api/hooks";
import { useLive } from "../api/live";
import { useLiveState } from "../api/live-state";
import { rememberSession } from "../api/session";
import { A, useGo } from "../kit/A";
import { Button, Note, Skeleton } from "../kit/basics";
import { ErrorBox } from "../kit/ErrorBox";
import { Icon, type IconName } from "../kit/Icon";
import { Menu } from "../kit/overlay";
import { toast } from "../kit/toast";
import { type PageRoute, routes } from "../routes";
import { Breadcrumbs } from "./Breadcrumbs";
import { Palette } from "./Palette";
import { PluginPages } from "./PluginPages";
import { setTheme, type Theme, useTheme } from "./theme";

const SHORTCUT = /Mac/.test(navigator.platform) ? "⌘ K" : "Ctrl K";

export const NAVIGATION = routes
  .filter((route) => route.nav)
  .sort((left, right) => (left.nav?.order ?? 0) - (right.nav?.order ?? 0));

export function Shell() {
  const who = useWhoami();
  const go = useGo();
  const here = useRouterState({ select: (state) => state.location.href });
  const signedOut = who.error instanceof ApiError && who.error.status === 401;
  useLive(who.isSuccess);
  useEffect(() => {
    if (signedOut && !who.data) go(`/sign-in?to=${encodeURIComponent(here.replace(/^\/console/, "") || "/")}`, { replace: true });
  }, [signedOut]);
  const client = useQueryClient();
  const wasSignedOut = useRef(false);
  useEffect(() => {
    // What had stopped asking goes on.
    if (wasSignedOut.current && !signedOut) void client.invalidateQueries();
    wasSignedOut.current = signedOut;
  }, [client, signedOut]);
  if (signedOut && !who.data) return null;
  if (who.isPending) return <main className="main" aria-label="Loading"><Skeleton lines={8} height={20} /></main>;
  if (who.error && !who.data) return <main className="main"><h1>Sidegate</h1><ErrorBox error={who.error} title="The gateway cannot be asked who you are" retry={() => void who.refetch()} /></main>;
  const me = who.data.data.attributes;
  return <Frame name={me.name.replace(/^user:/, "")} role={me.role} ended={signedOut} again={() => void who.refetch()} />;
}

type FrameProps = { name: string; role: "viewer" | "operator" | "admin"; ended: boolean; again: () => void };

function Frame({ name, role, ended, again }: FrameProps) {
  const session = useSession();
  const [open, setOpen] = useState(false);
  const [palette, setPalette] = useState(false);
  const path = useRouterState({ select: (state) => state.location.pathname });
  useEffect(() => setOpen(false), [path]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() === "k" && (event.metaKey || event.ctrlKey)) {
        event.preventDefault();
        setPalette((shown) => !shown);
      } else if (event.key === "Escape") setOpen(false);
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  return (
    <div className="shell">
      <Announcer />
      <a className="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>Skip to the page</a>
      {open && <button type="button" className="side-shade" aria-label="Close the navigation" onClick={() => setOpen(false)} />}
      <Side open={open} role={role} />
      <div>
        <header className="top">
          <span className="only-narrow"><Button kind="ghost" icon="menu" label="Open the navigation" aria-expanded={open} onClick={() => setOpen(true)} /></span>
          <Breadcrumbs />
          <button type="button" className="palette-open" onClick={() => setPalette(true)}>
            <Icon name="search" size={14} />
            <span>Search or jump to</span>
            <kbd>{SHORTCUT}</kbd>
          </button>
          <ThemeMenu />
          <UserMenu name={name} role={role} />
        </header>
        <main className="main" id="main" tabIndex={-1}>
          {ended && (
            <Note
              tone="warn"
              title="Your session has ended. What is on this page stays here."
              action={<span className="row"><a className="btn s" href={`${import.meta.env.BASE_URL}sign-in`} target="_blank" rel="noopener">Sign in, in another tab</a><Button small onClick={again}>Go on</Button></span>}
            />
          )}
          {session.data?.data.attributes.read_only && <Note tone="info">The console only reads here: the setting <code>SIDEGATE_CONSOLE_READ_ONLY</code> is on.</Note>}
          <PageGate role={role} />
        </main>
      </div>
      {palette && <Palette onClose={() => setPalette(false)} role={role} />}
    </div>
  );
}

/** Says to screen readers which page is open now; a browser does that only when it loads one. Names come with what is read. */
function Announcer() {
  const [title, setTitle] = useState("");
  useEffect(() => {
    let timer: number | undefined;
    const say = () => {
      clearTimeout(timer);
      timer = window.setTimeout(() => setTitle(document.title), 400);
    };
    const watch = new MutationObserver(say);
    watch.observe(document.head, { subtree: true, childList: true, characterData: true });
    say();
    return () => {
      watch.disconnect();
      clearTimeout(timer);
    };
  }, []);
  return <div className="sr-only" role="status">{title}</div>;
}

function currentRoute(path: string): PageRoute | undefined {
  const parts = path.replace(/^\/console/, "").split("/").filter(Boolean);
  const fits = (route: PageRoute) => {
    const wanted = route.path.split("/").filter(Boolean);
    const isOpen = wanted.at(-1) === "$" && parts.length >= wanted.length;
    return (isOpen || wanted.length === parts.length) && wanted.every((part, index) => part.startsWith("$") || part === parts[index]);
  };
  return routes.filter(fits).sort((left, right) => left.path.split("$").length - right.path.split("$").length)[0];
}

function PageGate({ role }: { role: "viewer" | "operator" | "admin" }) {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const route = currentRoute(path);
  if (route && route.role !== "anyone" && !atLeast(role, route.role)) {
    return (
      <>
        <h1>{route.title}</h1>
        <Note tone="warn" title={`This page is for the role ${route.role}; yours is ${role}.`}>
          Ask an admin for that role, or to do it for you. Nothing was changed.
        </Note>
      </>
    );
  }
  return <Outlet />;
}

function Side({ open, role }: { open: boolean; role: "viewer" | "operator" | "admin" }) {
  const live = useLiveState();
  const health = useOptional<{ status?: string }>("/api/v1/health");
  const needs = useOptional<{ data: unknown[] }>("/api/v1/needs");
  const alone = useStandsAlone();
  const waiting = needs.data?.data.length ?? 0;
  const texts = { on: "Live", connecting: "Connecting…", off: "Reconnecting…", missing: "Asks every few seconds" };
  return (
    <aside className={open ? "side open" : "side"} aria-label="Sidegate">
      <A href="/" className="brand" aria-label="Sidegate, overview">
        <img src={`${import.meta.env.BASE_URL}icon.svg`} width="24" height="24" alt="" />
        Sidegate
      </A>
      <nav aria-label="Main">
        <ul>
          {NAVIGATION.filter((route) => (route.role === "anyone" || atLeast(role, route.role)) && (!route.fleet || alone === false)).map((route) => (
            <li key={route.path}>
              <A href={route.path} exact={route.path === "/"}>
                <Icon name={route.nav?.icon as IconName} />
                {route.title}
                {route.path === "/" && waiting > 0 && <span className="count warn" aria-label={`${waiting} need you`}>{waiting}</span>}
              </A>
            </li>
          ))}
        </ul>
      </nav>
      <PluginPages />
      <div className="side-foot">
        <span className={`live-dot ${live}`}>{texts[live]}</span>
        {health.error && <span>The gateway does not answer.</span>}
      </div>
    </aside>
  );
}

function ThemeMenu() {
  const theme = useTheme();
  const icons: Record<Theme, IconName> = { system: "monitor", light: "sun", dark: "moon" };
  return (
    <Menu
      label={`Theme: ${theme}`}
      entries={(["system", "light", "dark"] as Theme[]).map((choice) => ({
        text: { system: "As the system", light: "Light", dark: "Dark" }[choice],
        icon: choice === theme ? "check" : icons[choice],
        onSelect: () => setTheme(choice),
      }))}
    >
      <Icon name={icons[theme]} />
    </Menu>
  );
}

function UserMenu({ name, role }: { name: string; role: string }) {
  const signOut = async (everywhere: boolean) => {
    try {
      await call(SIGN_IN, { method: "DELETE", query: everywhere ? { everywhere: true } : {} });
    } catch (error) {
      if (error instanceof ApiError && error.status !== 401) return toast.bad(`You are still signed in: ${error.message}`);
    }
    rememberSession(null);
    // The whole page anew: nothing that was read stays in memory.
    location.replace(`${import.meta.env.BASE_URL}sign-in`);
  };
  return (
    <Menu
      label={`Signed in as ${name}`}
      head={<><strong>{name}</strong><div className="small muted">{role}</div></>}
      entries={[
        { text: "Sign out", icon: "signout", onSelect: () => void signOut(false) },
        { text: "Sign out everywhere", icon: "signout", onSelect: () => void signOut(true) },
      ]}
    >
      <span className="avatar" aria-hidden="true" data-initials={name.slice(0, 2)} />
    </Menu>
  );
}
