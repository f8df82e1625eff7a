// Who may sign in, and what they may do.
import { type FormEvent, useState } from "react";
import { useQuery } from "@tanstack/react-query";
import { ApiError, call } from "../../api/client";
import { type Role, wholeList } from "../../api/hooks";
import { Badge, Button, Card, Empty, Note, PageHead, useTitle } from "../../kit/basics";
import { adminCurl, CopyAs, shellQuote } from "../../kit/copy";
import { ErrorBox } from "../../kit/ErrorBox";
import { CheckField, SelectField, TextField } from "../../kit/fields";
import { Confirm, Drawer, Menu } from "../../kit/overlay";
import { StateBadge } from "../../kit/StateBadge";
import { type Column, Table } from "../../kit/Table";
import { Time } from "../../kit/Time";
import { useAction } from "../../kit/useAction";
import { useUrlState } from "../../kit/url";
import { GatedButton } from "../common/Gated";
import type { User } from "./session";
import { SettingsTabs } from "./SettingsTabs";

const PATH = "/api/v1/users";
const ROLES: [Role, string][] = [["viewer", "Viewer: reads, but no secrets"], ["operator", "Operator: configures, grants, apps and tokens"], ["admin", "Admin: also which code runs and who rules"]];

export function RoleField({ value, onChange, problem }: { value: Role; onChange: (role: Role) => void; problem?: string }) {
  return (
    <SelectField label="Role" value={value} problem={problem} onChange={(event) => onChange(event.target.value as Role)}>
      {ROLES.map(([role, text]) => <option key={role} value={role}>{text}</option>)}
    </SelectField>
  );
}

type Doing = { what: "edit" | "password" | "delete"; user: User };

function columnsOf(act: (doing: Doing) => void): Column<User>[] {
  return [
    { key: "name", header: "Name", sort: (user) => user.attributes.name, cell: (user) => <strong>{user.attributes.name}</strong> },
    { key: "role", header: "Role", sort: (user) => user.attributes.role, cell: (user) => <Badge icon="lock">{user.attributes.role}</Badge> },
    {
      key: "state",
      header: "State",
      cell: ({ attributes: { enabled, has_password, issuer } }) =>
        !enabled ? <StateBadge state="disabled" word="Switched off" /> : issuer ? <span title={`Signs in by way of ${issuer}`}><StateBadge state="active" word="By a provider" /></span> : has_password === false ? <Badge tone="warn" icon="warn">No password yet</Badge> : <StateBadge state="active" />,
    },
    { key: "seen", header: "Last signed in", hide: "narrow", sort: (user) => user.attributes.last_signed_in_at ?? "", cell: (user) => <Time at={user.attributes.last_signed_in_at} /> },
    { key: "created", header: "Made", hide: "medium", sort: (user) => user.attributes.created_at, cell: (user) => <Time at={user.attributes.created_at} /> },
    {
      key: "actions",
      header: "Actions",
      hideHeader: true,
      width: 1,
      cell: (user) => (
        <Menu
          label={`Actions for ${user.attributes.name}`}
          entries={[
            { text: "Change role or state…", icon: "edit", onSelect: () => act({ what: "edit", user }) },
            ...(user.attributes.issuer ? [] : [{ text: "Set a password…", icon: "lock" as const, onSelect: () => act({ what: "password", user }) }]),
            { text: "Delete…", icon: "trash", danger: true, onSelect: () => act({ what: "delete", user }) },
          ]}
        />
      ),
    },
  ];
}

export default function Users() {
  useTitle("Users");
  const users = useQuery<User[], ApiError>({ queryKey: [PATH, "whole"], queryFn: ({ signal }) => wholeList<User>(PATH, {}, signal) });
  const [making, setMaking] = useUrlState("new");
  const [doing, act] = useState<Doing | null>(null);
  const missing = users.error?.status === 404;
  const close = () => act(null);
  return (
    <>
      <PageHead title="Users" lead="People who sign in to this console by name and password. Programs get an admin token instead.">
        <CopyAs commands={{ cli: "sidegate user list", curl: adminCurl("GET", PATH) }} />
        <GatedButton needs="admin" kind="primary" icon="plus" onClick={() => setMaking("1")}>Add a user</GatedButton>
      </PageHead>
      <SettingsTabs />
      {missing ? (
        <Note tone="info" title="This gateway has no users">It is older than this page; admin tokens sign in.</Note>
      ) : (
        <Card flush>
          <Table
            name="users"
            rows={users.data}
            columns={columnsOf(act)}
            rowKey={(user) => user.id}
            text={(user) => `${user.attributes.name} ${user.attributes.role}`}
            sort="name"
            error={users.error}
            retry={() => void users.refetch()}
            empty={
              <Empty icon="lock" title="Nobody has a name here yet">
                <p>Give each person a user of their own: the audit log then says who did what, and one can be switched off without the others. Until then everybody signs in by link or admin token.</p>
              </Empty>
            }
          />
        </Card>
      )}
      {making && <CreateUser onClose={() => setMaking("")} />}
      {doing?.what === "edit" && <EditUser user={doing.user} onClose={close} />}
      {doing?.what === "password" && <SetPassword user={doing.user} onClose={close} />}
      {doing?.what === "delete" && <DeleteUser user={doing.user} onClose={close} />}
    </>
  );
}

function PasswordField({ value, onChange, problem, required }: { value: string; onChange: (value: string) => void; problem?: string; required?: boolean }) {
  return <TextField label="Password" type="password" autoComplete="new-password" required={required} minLength={12} maxLength={256} value={value} problem={problem} onChange={(event) => onChange(event.target.value)} hint="12 characters or more. They can change it under Settings." />;
}

function CreateUser({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [password, setPassword] = useState("");
  const body = { name, role, ...(password ? { password } : {}) };
  const create = useAction(() => call(PATH, { method: "POST", body }), { done: `${name} can sign in.`, stale: [PATH], then: onClose });
  const wrong = create.error instanceof ApiError ? create.error.byField : {};
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void create.run();
  };
  const commands = { cli: `sidegate user create ${shellQuote(name || "jane")} --role ${role}`, curl: adminCurl("POST", PATH, { ...body, password: password ? "…" : undefined }) };
  return (
    <Drawer
      title="Add a user"
      onClose={onClose}
      footer={<><CopyAs commands={commands} /><Button onClick={onClose}>Cancel</Button><Button kind="primary" type="submit" form="create-user" busy={create.busy}>Add</Button></>}
    >
      <form id="create-user" className="stack" onSubmit={submit}>
        <TextField label="Name" required autoFocus value={name} problem={wrong.name} onChange={(event) => setName(event.target.value)} placeholder="jane" hint="Lower-case letters, digits and ._@+-" />
        <RoleField value={role} onChange={setRole} problem={wrong.role} />
        <PasswordField value={password} onChange={setPassword} problem={wrong.password} />
        <ErrorBox error={create.error} title="The user was not added" />
      </form>
    </Drawer>
  );
}

function EditUser({ user, onClose }: { user: User; onClose: () => void }) {
  const [role, setRole] = useState<Role>(user.attributes.role);
  const [enabled, setEnabled] = useState(user.attributes.enabled);
  const path = `${PATH}/${user.id}`;
  const body = { role, enabled };
  const save = useAction(() => call(path, { method: "PATCH", body }), { done: "Saved; it counts where they are signed in, too.", stale: [PATH], then: onClose });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void save.run();
  };
  return (
    <Drawer
      title={user.attributes.name}
      onClose={onClose}
      footer={<><CopyAs commands={{ curl: adminCurl("PATCH", path, body) }} /><Button onClick={onClose}>Cancel</Button><Button kind="primary" type="submit" form="edit-user" busy={save.busy}>Save</Button></>}
    >
      <form id="edit-user" className="stack" onSubmit={submit}>
        <RoleField value={role} onChange={setRole} />
        <CheckField label="May sign in" checked={enabled} onChange={(event) => setEnabled(event.target.checked)} hint="Taken away, all their sessions end at once." />
        <ErrorBox error={save.error} title="Nothing was saved" />
      </form>
    </Drawer>
  );
}

function SetPassword({ user, onClose }: { user: User; onClose: () => void }) {
  const [password, setPassword] = useState("");
  const path = `${PATH}/${user.id}/password`;
  const save = useAction(() => call(path, { method: "POST", body: { password } }), { done: "They sign in with the new one; their sessions have ended.", stale: [PATH], then: onClose });
  const wrong = save.error instanceof ApiError ? save.error.byField : {};
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void save.run();
  };
  return (
    <Drawer
      title={`Password of ${user.attributes.name}`}
      onClose={onClose}
      footer={<><CopyAs commands={{ cli: `sidegate user password ${shellQuote(user.attributes.name)}` }} /><Button onClick={onClose}>Cancel</Button><Button kind="primary" type="submit" form="set-password" busy={save.busy}>Set it</Button></>}
    >
      <form id="set-password" className="stack" onSubmit={submit}>
        <PasswordField required value={password} onChange={setPassword} problem={wrong.password} />
        <ErrorBox error={save.error} title="It was not set" />
      </form>
    </Drawer>
  );
}

function DeleteUser({ user, onClose }: { user: User; onClose: () => void }) {
  const path = `${PATH}/${user.id}`;
  const { name } = user.attributes;
  const remove = useAction(() => call(path, { method: "DELETE" }), { done: `${name} is gone.`, stale: [PATH], then: onClose });
  return (
    <Confirm title={`Delete user ${name}?`} action="Delete" danger busy={remove.busy} onConfirm={() => void remove.run()} onClose={onClose}>
      <div className="stack tight">
        <p>Their sessions end at once. What they did stays in the audit log under their name.</p>
        <ErrorBox error={remove.error} title="They were not deleted" />
        <div><CopyAs small commands={{ cli: `sidegate user delete ${shellQuote(name)}`, curl: adminCurl("DELETE", path) }} /></div>
      </div>
    </Confirm>
  );
}
