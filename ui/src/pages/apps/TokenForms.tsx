// Making and rotating a token. Its text is shown once, here, and is gone with the drawer.
import { type FormEvent, useState } from "react";
import { ApiError, call } from "../../api/client";
import { useInvalidate } from "../../api/hooks";
import { A } from "../../kit/A";
import { Button } from "../../kit/basics";
import { adminCurl, Code, CopyAs, SecretOnce, shellQuote } from "../../kit/copy";
import { ErrorBox } from "../../kit/ErrorBox";
import { SelectField, TextField } from "../../kit/fields";
import { Drawer } from "../../kit/overlay";
import { useAction } from "../../kit/useAction";
import { useClients } from "../common/clients";
import { ExpiryField } from "../common/expiry";
import type { Token } from "./Tokens";

type Made = { data: { id: string; attributes: { token: string; expires_at: string | null } } };

function Once({ secret, children }: { secret: string; children?: React.ReactNode }) {
  const { origin } = useClients();
  return (
    <div className="stack">
      <SecretOnce secret={secret} what="the token" />
      <div className="stack tight">
        <h3>Call with it</h3>
        <Code text={`curl -H "Authorization: Bearer ${secret}" ${origin}/plugins/…`} />
        <p className="small muted">Which address it is to be: <A className="link" href="/routes">Routes</A> lists all that is served.</p>
      </div>
      {children}
    </div>
  );
}

export function CreateToken({ app, onClose }: { app: { id: string; name: string }; onClose: () => void }) {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState("");
  const [expires, setExpires] = useState("90d");
  const [secret, setSecret] = useState<string | null>(null);
  const invalidate = useInvalidate();
  const list = scopes.split(/[\s,]+/).filter(Boolean);
  const body = { app_id: Number(app.id), name, scopes: list, expires_in: expires };
  const create = useAction(async () => {
    const made = await call<Made>("/api/v1/tokens", { method: "POST", body });
    setSecret(made.body.data.attributes.token);
    await invalidate("/api/v1/tokens");
  });
  const wrong = create.error instanceof ApiError ? create.error.byField : {};
  const cli = ["sidegate token create --app", shellQuote(app.name), "--name", shellQuote(name || "ci"), ...(list.length ? ["--scopes", list.join(",")] : []), "--expires", expires].join(" ");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void create.run();
  };
  if (secret) {
    return (
      <Drawer title={`Token for ${app.name}`} stays onClose={onClose} footer={<Button kind="primary" onClick={onClose}>I have copied it</Button>}>
        <Once secret={secret} />
      </Drawer>
    );
  }
  return (
    <Drawer
      title={`New token for ${app.name}`}
      onClose={onClose}
      footer={
        <>
          <CopyAs commands={{ cli, curl: adminCurl("POST", "/api/v1/tokens", body) }} />
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" form="create-token" busy={create.busy}>Make the token</Button>
        </>
      }
    >
      <form id="create-token" className="stack" onSubmit={submit}>
        <TextField label="Name" autoFocus value={name} problem={wrong.name} onChange={(event) => setName(event.target.value)} placeholder="ci" hint="Who or what uses it, so that you know later which one to revoke." />
        <TextField label="Scopes" code value={scopes} problem={wrong.scopes} onChange={(event) => setScopes(event.target.value)} placeholder="read, write" hint="In the words of the plugins; with commas or spaces between. Some endpoints demand scopes: Routes says which." />
        <ExpiryField value={expires} onChange={setExpires} problem={wrong.expires_in} />
        <ErrorBox error={create.error} title="No token was made" />
      </form>
    </Drawer>
  );
}

const OVERLAPS: [string, string][] = [["0", "End the old one at once"], ["1h", "1 hour"], ["24h", "1 day"], ["7d", "7 days"]];

export function RotateToken({ token, onClose }: { token: Token; onClose: () => void }) {
  const [overlap, setOverlap] = useState("24h");
  const [expires, setExpires] = useState("");
  const [secret, setSecret] = useState<string | null>(null);
  const invalidate = useInvalidate();
  const path = `/api/v1/tokens/${token.id}/rotate`;
  const body = { overlap, ...(expires ? { expires_in: expires } : {}) };
  const name = token.attributes.name || token.attributes.hint;
  const rotate = useAction(async () => {
    const made = await call<Made>(path, { method: "POST", body });
    setSecret(made.body.data.attributes.token);
    await invalidate("/api/v1/tokens");
  });
  const cli = ["sidegate token rotate", token.id, "--overlap", overlap, ...(expires ? ["--expires", expires] : [])].join(" ");
  if (secret) {
    return (
      <Drawer title={`New token in the place of ${name}`} stays onClose={onClose} footer={<Button kind="primary" onClick={onClose}>I have copied it</Button>}>
        <Once secret={secret}>
          <p className="muted">{overlap === "0" ? "The old one is refused from now on." : `The old one is valid for ${overlap} more, where it does not end before.`}</p>
        </Once>
      </Drawer>
    );
  }
  return (
    <Drawer
      title={`Rotate token ${name}`}
      onClose={onClose}
      footer={
        <>
          <CopyAs commands={{ cli, curl: adminCurl("POST", path, body) }} />
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" busy={rotate.busy} onClick={() => void rotate.run()}>Rotate</Button>
        </>
      }
    >
      <div className="stack">
        <p className="muted">A new token with the same app, name and scopes takes its place. Until the old one ends, both are valid: nobody has to be interrupted.</p>
        <SelectField label="The old one goes on for" value={overlap} onChange={(event) => setOverlap(event.target.value)}>
          {OVERLAPS.map(([value, text]) => <option key={value} value={value}>{text}</option>)}
        </SelectField>
        <ExpiryField label="The new one is valid for" value={expires} onChange={setExpires} unsaid="As long as the old one was made for" />
        <ErrorBox error={rotate.error} title="It was not rotated" />
      </div>
    </Drawer>
  );
}
