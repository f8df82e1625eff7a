// The part of the navigation that plugins bring along: their own pages.
import { A } from "../kit/A";
import { Icon } from "../kit/Icon";
import { usePagesMenu } from "../pages/plugins/pages/data";

export function PluginPages() {
  const { entries, left } = usePagesMenu();
  if (entries.length === 0) return null;
  // A program that is registered twice brings its page twice, under one name.
  const isAmbiguous = (text: string) => entries.filter((entry) => entry.text === text).length > 1;
  return (
    <nav aria-labelledby="plugins-pages" className="of-plugins">
      <h2 id="plugins-pages">Plugins’ pages</h2>
      <ul>
        {entries.map((entry) => (
          <li key={entry.id}>
            <A href={entry.href} title={`${entry.text}, of the plugin ${entry.plugin}`}>
              <Icon name="plugins" />
              <span className="truncate">{entry.text}{isAmbiguous(entry.text) && <span className="muted"> {entry.plugin}</span>}</span>
            </A>
          </li>
        ))}
        {left > 0 && <li><A href="/plugins">{left} more, at their plugins</A></li>}
      </ul>
    </nav>
  );
}
