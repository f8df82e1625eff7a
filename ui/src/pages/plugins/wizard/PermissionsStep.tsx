// The third step: what it may ask of the gateway, and the last look before it is registered.
import { Badge, Button, Card, Note } from "../../../kit/basics";
import { CommandView } from "../../../kit/copy";
import { ErrorBox } from "../../../kit/ErrorBox";
import { CheckField } from "../../../kit/fields";
import { SCOPE_WORDS } from "../scopes";
import type { Inspection, Wanted } from "./wanted";

type Props = { wanted: Wanted; set: (part: Partial<Wanted>) => void; seen: Inspection | null; busy: boolean; error: unknown; command: string; onBack: () => void; onNext: () => void };

export function PermissionsStep({ wanted, set, seen, busy, error, command, onBack, onNext }: Props) {
  const chosen = wanted.scopes ?? [];
  const open = seen?.endpoints.filter((endpoint) => !endpoint.require_auth) ?? [];
  const toggle = (scope: string, on: boolean) => set({ scopes: on ? [...chosen, scope] : chosen.filter((each) => each !== scope) });
  return (
    <Card title="What may it do?">
      <div className="stack">
        {!seen && <p className="muted">What it wishes is known once it runs; grant it then under Permissions.</p>}
        {seen && seen.wished_scopes.length === 0 && <p>It asks nothing of the gateway: no storage, no apps, no credentials.</p>}
        {seen && seen.wished_scopes.length > 0 && (
          <fieldset className="field">
            <legend>What it asks the gateway to allow</legend>
            <div className="stack tight" style={{ marginTop: 6 }}>
              {seen.wished_scopes.map((scope) => (
                <CheckField key={scope} checked={chosen.includes(scope)} onChange={(event) => toggle(scope, event.target.checked)} label={<code>{scope}</code>} hint={SCOPE_WORDS[scope] ? `It may ${SCOPE_WORDS[scope]}.` : undefined} />
              ))}
            </div>
          </fieldset>
        )}
        {seen && seen.unknown_scopes.length > 0 && <Note tone="info">It also wishes <code>{seen.unknown_scopes.join(", ")}</code>, which this gateway does not have.</Note>}
        {open.length > 0 && (
          <Note tone="warn" title={`${open.length === 1 ? "One endpoint demands" : `${open.length} endpoints demand`} no token`}>
            <p>Anybody who reaches the gateway could call {open.length === 1 ? "it" : "them"}. Where the setting <code>SIDEGATE_PUBLIC_ENDPOINTS</code> is <code>approve</code>, {open.length === 1 ? "it answers" : "they answer"} 401 until you approve under Permissions.</p>
            <p className="row wrap" style={{ marginTop: 6 }}>{open.map((endpoint) => <Badge key={`${endpoint.methods.join()} ${endpoint.path}`} icon="globe">{endpoint.methods.join(", ")} {endpoint.path}</Badge>)}</p>
          </Note>
        )}
        {seen?.sha256 && (
          <CheckField
            checked={wanted.pin}
            onChange={(event) => set({ pin: event.target.checked, sha256: seen.sha256 })}
            label="Start exactly these bytes only"
            hint={<>Sets the option <code>sha256</code> to <code className="wrap-anywhere">{seen.sha256}</code>. A changed program is then refused.</>}
          />
        )}
        <ErrorBox error={error} title="It was not registered; everything you wrote is still here" />
        <details>
          <summary className="small muted">The same from a terminal</summary>
          <div style={{ marginTop: 8 }}><CommandView commands={{ cli: command }} /></div>
        </details>
        <div className="row between wrap">
          <Button onClick={onBack}>Back</Button>
          <Button kind="primary" busy={busy} onClick={onNext}>{busy ? "Registering…" : chosen.length > 0 ? "Grant and register" : "Register"}</Button>
        </div>
      </div>
    </Card>
  );
}
