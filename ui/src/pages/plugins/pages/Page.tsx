// One page of a plugin, at an address of its own.
import { useParams } from "@tanstack/react-router";
import { ApiError } from "../../../api/client";
import { useVersioned } from "../../../api/hooks";
import { useCrumb } from "../../../app/Breadcrumbs";
import { Empty, LinkButton, PageHead, Skeleton, useTitle } from "../../../kit/basics";
import { ErrorBox } from "../../../kit/ErrorBox";
import { PluginState } from "../data";
import { pageKey, pageName, useOwnPages } from "./data";
import { PageFrame } from "./Frame";

export default function PluginOwnPage() {
  const { id = "", _splat = "" } = useParams({ strict: false }) as { id?: string; _splat?: string };
  const plugin = useVersioned("/api/v1/plugins/{id}", { id });
  const pages = useOwnPages(id);
  const shown = plugin.data?.body.data;
  // Of a plugin that cannot be asked for its pages only one is listed, which says why.
  const page = pages.pages?.find((candidate) => pageKey(candidate.path) === pageKey(_splat)) ?? pages.pages?.find((candidate) => candidate.closed && !candidate.entry);
  const name = shown?.attributes.name;
  const title = page ? pageName(page) : "Page of a plugin";
  useTitle(name ? `${title}, ${name}` : title);
  useCrumb(name);
  const gone = plugin.error instanceof ApiError && plugin.error.status === 404;
  if (gone || (shown && pages.pages && !page)) {
    return (
      <Empty icon="plugins" title={gone ? "There is no such plugin" : "The plugin has no such page"} action={<LinkButton href={gone ? "/plugins" : `/plugins/${id}`}>{gone ? "All plugins" : "The plugin"}</LinkButton>}>
        <p>It may have been removed, or come under another address with another version of the plugin.</p>
      </Empty>
    );
  }
  if (shown && pages.pages === null) return <Empty icon="plugins" title="This gateway does not show pages of plugins" action={<LinkButton href={`/plugins/${id}`}>The plugin</LinkButton>} />;
  if (plugin.error && !shown) return <ErrorBox error={plugin.error} title="The plugin could not be read" retry={() => void plugin.refetch()} />;
  if (pages.error && !page) return <ErrorBox error={pages.error} title="The plugin's pages could not be read" retry={() => void pages.refetch()} />;
  if (!shown || !page) return <Skeleton lines={8} height={20} />;
  return (
    <>
      <PageHead title={title} badge={<PluginState plugin={shown} />} lead={page.label && page.label !== title ? page.label : undefined}>
        <LinkButton href={`/plugins/${id}`} icon="plugins">The plugin</LinkButton>
      </PageHead>
      <PageFrame key={page.path} plugin={shown} page={page} />
    </>
  );
}
