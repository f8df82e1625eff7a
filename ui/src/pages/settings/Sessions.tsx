// Who is signed in now.
import { useQuery } from "@tanstack/react-query";
import type { ApiError } from "../../api/client";
import { whileSignedIn, wholeList } from "../../api/hooks";
import { Badge, Card, Empty, Note, PageHead, useTitle } from "../../kit/basics";
import { adminCurl, CopyAs } from "../../kit/copy";
import { type Column, Table } from "../../kit/Table";
import { Time } from "../../kit/Time";
import { type Session, wayOf } from "./session";
import { SettingsTabs } from "./SettingsTabs";

const PATH = "/api/v1/sessions";

const COLUMNS: Column<Session>[] = [
  { key: "user", header: "Who", sort: (session) => session.attributes.user, cell: ({ attributes: { user, current } }) => <span className="row"><strong>{user}</strong>{current && <Badge tone="info">this one</Badge>}</span> },
  { key: "role", header: "Role", sort: (session) => session.attributes.role, cell: (session) => <Badge icon="lock">{session.attributes.role}</Badge> },
  { key: "via", header: "Signed in", cell: ({ attributes: { via, created_at } }) => <span>{wayOf(via)}, <Time at={created_at} /></span> },
  { key: "peer", header: "From", hide: "narrow", cell: (session) => <code>{session.attributes.peer ?? "–"}</code> },
  { key: "used", header: "Last used", hide: "narrow", sort: (session) => session.attributes.last_used_at ?? session.attributes.created_at, cell: (session) => <Time at={session.attributes.last_used_at} none="–" /> },
  { key: "ends", header: "Ends", hide: "medium", sort: (session) => session.attributes.expires_at, cell: ({ attributes: { idle_expires_at, expires_at } }) => <span><Time at={idle_expires_at} /> when idle, <Time at={expires_at} /> anyway</span> },
];

export default function Sessions() {
  useTitle("Sessions");
  const sessions = useQuery<Session[], ApiError>({ queryKey: [PATH, "whole"], queryFn: ({ signal }) => wholeList<Session>(PATH, {}, signal), refetchInterval: whileSignedIn(30_000) });
  return (
    <>
      <PageHead title="Sessions" lead="Who is signed in to this console. Switching a user off, another password, or revoking an admin token ends theirs at once.">
        <CopyAs commands={{ curl: adminCurl("GET", PATH) }} />
      </PageHead>
      <SettingsTabs />
      {sessions.error?.status === 404 ? (
        <Note tone="info" title="This gateway lists no sessions">It is older than this page.</Note>
      ) : (
        <Card flush>
          <Table
            name="sessions"
            rows={sessions.data}
            columns={COLUMNS}
            rowKey={(session) => session.id}
            sort="-used"
            error={sessions.error}
            retry={() => void sessions.refetch()}
            empty={<Empty icon="lock" title="Nobody is signed in"><p>Whoever signs in to the console stands here until they sign out.</p></Empty>}
          />
        </Card>
      )}
    </>
  );
}
