// Control K: every page, plugin and app by a few letters, without the mouse.
import { useEffect, useId, useMemo, useState } from "react";
import { atLeast, type Role, useList, useStandsAlone } from "../api/hooks";
import { useGo } from "../kit/A";
import { Icon, type IconName } from "../kit/Icon";
import { useModal } from "../kit/modal";
import { usePagesMenu } from "../pages/plugins/pages/data";
import { routes } from "../routes";
import { setTheme } from "./theme";

type Entry = { text: string; kind: string; icon: IconName; run: () => void };

function score(text: string, words: string[]): number {
  const lower = text.toLowerCase();
  let sum = 0;
  for (const word of words) {
    const at = lower.indexOf(word);
    if (at < 0) return -1;
    sum += at === 0 ? 3 : lower[at - 1] === " " ? 2 : 1;
  }
  return sum;
}

function useEntries(role: Role): Entry[] {
  const go = useGo();
  const plugins = useList("/api/v1/plugins");
  const apps = useList("/api/v1/apps");
  const menu = usePagesMenu();
  const alone = useStandsAlone();
  const hasApps = routes.some((route) => route.path === "/apps");
  return useMemo(() => {
    const pages = routes
      .filter((route) => route.role !== "anyone" && atLeast(role, route.role) && !route.path.includes("$") && (!route.fleet || alone === false))
      .map((route): Entry => ({ text: route.title, kind: "Page", icon: route.nav?.icon ?? "right", run: () => go(route.path) }));
    const ofPlugins = (plugins.data ?? []).flatMap((plugin): Entry[] => {
      const at = `/plugins/${plugin.id}`;
      const name = plugin.attributes.name;
      return [
        { text: name, kind: "Plugin", icon: "plugins", run: () => go(at) },
        { text: `${name} configuration`, kind: "Plugin", icon: "edit", run: () => go(`${at}/configuration`) },
        { text: `${name} logs`, kind: "Plugin", icon: "terminal", run: () => go(`${at}/logs`) },
      ];
    });
    const brought = menu.entries.map((entry): Entry => ({ text: entry.text, kind: `Page of ${entry.plugin}`, icon: "plugins", run: () => go(entry.href) }));
    const ofApps = hasApps
      ? (apps.data ?? []).map((app): Entry => ({ text: app.attributes.name, kind: "App", icon: "apps", run: () => go(`/apps/${app.id}`) }))
      : [];
    const themes: Entry[] = [
      { text: "Dark theme", kind: "Command", icon: "moon", run: () => setTheme("dark") },
      { text: "Light theme", kind: "Command", icon: "sun", run: () => setTheme("light") },
      { text: "Theme as the system has it", kind: "Command", icon: "monitor", run: () => setTheme("system") },
    ];
    return [...pages, ...brought, ...ofPlugins, ...ofApps, ...themes];
  }, [plugins.data, apps.data, menu.entries.map((entry) => entry.href).join(), role, alone]);
}

export function Palette({ onClose, role }: { onClose: () => void; role: Role }) {
  const dialog = useModal();
  const list = useId();
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const entries = useEntries(role);
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = entries
    .map((entry) => ({ entry, score: score(`${entry.text} ${entry.kind}`, words) }))
    .filter((match) => match.score >= 0)
    .sort((left, right) => right.score - left.score)
    .slice(0, 40)
    .map((match) => match.entry);
  const run = (entry: Entry | undefined) => {
    if (!entry) return;
    dialog.current?.close();
    entry.run();
  };
  useEffect(() => {
    document.getElementById(`${list}-${at}`)?.scrollIntoView({ block: "nearest" });
  }, [at, list]);
  return (
    <dialog ref={dialog} className="palette" aria-label="Search and commands" onClose={onClose} onClick={(event) => event.target === dialog.current && dialog.current.close()}>
      <input
        className="palette-input"
        role="combobox"
        aria-expanded="true"
        aria-controls={list}
        aria-activedescendant={found.length ? `${list}-${at}` : undefined}
        aria-label="Search pages, plugins and commands"
        placeholder="A page, a plugin, an app…"
        value={text}
        autoFocus
        onChange={(event) => { setText(event.target.value); setAt(0); }}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown" || event.key === "ArrowUp") {
            event.preventDefault();
            const step = event.key === "ArrowDown" ? 1 : -1;
            setAt((before) => (found.length ? (before + step + found.length) % found.length : 0));
          } else if (event.key === "Enter") {
            event.preventDefault();
            run(found[at]);
          }
        }}
      />
      <ul role="listbox" id={list} aria-label="Matches">
        {found.map((entry, index) => (
          <li
            key={`${entry.kind} ${entry.text}`}
            id={`${list}-${index}`}
            role="option"
            aria-selected={index === at}
            onPointerMove={() => setAt(index)}
            onClick={() => run(entry)}
          >
            <Icon name={entry.icon} />
            <span className="truncate">{entry.text}</span>
            <span className="kind">{entry.kind}</span>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className="none">Nothing is called so.</p>}
    </dialog>
  );
}
