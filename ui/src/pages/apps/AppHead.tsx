// What stands above both pages of one app: its name, its state, its tabs.
import { useState } from "react";
import { useParams } from "@tanstack/react-router";
import { call } from "../../api/client";
import { useVersioned } from "../../api/hooks";
import { useCrumb } from "../../app/Breadcrumbs";
import { useGo } from "../../kit/A";
import { PageHead, Tabs, useTitle } from "../../kit/basics";
import { adminCurl, CopyAs, shellQuote } from "../../kit/copy";
import { ErrorBox } from "../../kit/ErrorBox";
import { Confirm, Menu } from "../../kit/overlay";
import { StateBadge } from "../../kit/StateBadge";
import { useAction } from "../../kit/useAction";
import { useReason } from "../common/Gated";

export function useApp() {
  const { id } = useParams({ strict: false }) as { id: string };
  const read = useVersioned("/api/v1/apps/{id}", { id });
  const app = read.data?.body.data;
  useTitle(app?.attributes.name ?? "App");
  useCrumb(app?.attributes.name);
  return { id, read, app };
}

type App = NonNullable<ReturnType<typeof useApp>["app"]>;

export function AppHead({ app, tokens }: { app: App; tokens?: number }) {
  const [deleting, setDeleting] = useState(false);
  const [switching, setSwitching] = useState(false);
  const reason = useReason("operator");
  const { name, is_active, description, owner_email } = app.attributes;
  const path = `/api/v1/apps/${app.id}`;
  const turn = useAction(() => call(path, { method: "PATCH", body: { is_active: !is_active } }), {
    done: is_active ? `${name} is switched off: its tokens are refused.` : `${name} is switched on.`,
    stale: ["/api/v1/apps"],
    then: () => setSwitching(false),
  });
  return (
    <>
      <PageHead title={name} badge={<StateBadge state={is_active ? "active" : "disabled"} word={is_active ? undefined : "Switched off"} />} lead={description || `Owned by ${owner_email}`}>
        <CopyAs commands={{ cli: `sidegate app show ${shellQuote(name)}`, curl: adminCurl("GET", path) }} />
        <Menu
          label="More"
          entries={[
            { text: is_active ? "Switch off…" : "Switch on…", icon: is_active ? "pause" : "play", disabled: reason, onSelect: () => setSwitching(true) },
            { text: "Delete…", icon: "trash", danger: true, disabled: reason, onSelect: () => setDeleting(true) },
          ]}
        />
      </PageHead>
      <Tabs label={name} tabs={[{ href: `/apps/${app.id}`, text: "Tokens", count: tokens }, { href: `/apps/${app.id}/settings`, text: "Settings" }]} />
      {switching && (
        <Confirm title={`Switch ${is_active ? "off" : "on"} app ${name}?`} action={is_active ? "Switch off" : "Switch on"} danger={is_active} busy={turn.busy} onConfirm={() => void turn.run()} onClose={() => { setSwitching(false); turn.clear(); }}>
          <div className="stack tight">
            <p>{is_active ? "All its tokens are refused at once, and open streams end. They count again when it is switched on." : "All its tokens count again, from the next request on."}</p>
            <ErrorBox error={turn.error} title="It was not switched" />
            <div><CopyAs small commands={{ cli: `sidegate app update ${shellQuote(name)} --active ${!is_active}`, curl: adminCurl("PATCH", path, { is_active: !is_active }) }} /></div>
          </div>
        </Confirm>
      )}
      {deleting && <DeleteApp name={name} path={path} onClose={() => setDeleting(false)} />}
    </>
  );
}

function DeleteApp({ name, path, onClose }: { name: string; path: string; onClose: () => void }) {
  const go = useGo();
  const remove = useAction(() => call(path, { method: "DELETE" }), {
    done: `${name} and its tokens are gone.`,
    stale: ["/api/v1/apps", "/api/v1/tokens"],
    then: () => go("/apps"),
  });
  return (
    <Confirm title={`Delete app ${name}?`} action="Delete the app" danger typed={name} busy={remove.busy} onConfirm={() => void remove.run()} onClose={onClose}>
      <div className="stack tight">
        <p>All its tokens are refused from then on. Changes can roll it back, its tokens with it.</p>
        <ErrorBox error={remove.error} title="It was not deleted" />
        <div><CopyAs small commands={{ cli: `sidegate app delete ${shellQuote(name)}`, curl: adminCurl("DELETE", path) }} /></div>
      </div>
    </Confirm>
  );
}
