// The plugin's own pages among the tabs about it: the one there is, or one of several.
import { Empty, Segmented, Skeleton } from "../../../kit/basics";
import { ErrorBox } from "../../../kit/ErrorBox";
import { useUrlState } from "../../../kit/url";
import type { TabProps } from "../Detail";
import { type OwnPage, pageKey, pageName, useOwnPages } from "../pages/data";
import { PageFrame } from "../pages/Frame";

export default function PageTab({ plugin }: TabProps) {
  const { pages, error, refetch } = useOwnPages(plugin.id);
  const [chosen, choose] = useUrlState("page");
  if (pages === null) return <section className="card" aria-label="Page"><Empty icon="plugins" title="This gateway does not show pages of plugins" /></section>;
  if (error && !pages) return <ErrorBox error={error} title="The plugin's pages could not be read" retry={() => void refetch()} />;
  if (!pages) return <Skeleton lines={6} height={22} />;
  const page = pages.find((candidate) => pageKey(candidate.path) === chosen) ?? pages[0];
  if (!page) {
    return (
      <section className="card" aria-label="Page">
        <Empty icon="plugins" title="It has no page of its own">
          <p>A plugin can bring a page along, for what only it knows: its manifest names it, its program has the files.</p>
        </Empty>
      </section>
    );
  }
  const options = pages.map((each): [string, string] => [pageKey(each.path), pageName(each)]);
  return (
    <div className="stack">
      {pages.length > 1 && <div><Segmented label="Page" value={keyOf(page)} options={options} onChange={choose} /></div>}
      <PageFrame key={page.path} plugin={plugin} page={page} />
    </div>
  );
}

function keyOf(page: OwnPage): string {
  return pageKey(page.path);
}
