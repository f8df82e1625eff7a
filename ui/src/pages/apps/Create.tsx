// Registering an app; its first token is one step further.
import { type FormEvent, useState } from "react";
import { ApiError, call } from "../../api/client";
import { useInvalidate, useList, useStandsAlone } from "../../api/hooks";
import { useGo } from "../../kit/A";
import { Card, LinkButton, PageHead, useTitle } from "../../kit/basics";
import { adminCurl, CopyAs, shellQuote } from "../../kit/copy";
import { ErrorBox } from "../../kit/ErrorBox";
import { SelectField } from "../../kit/fields";
import { toast } from "../../kit/toast";
import { useAction } from "../../kit/useAction";
import { changedFields } from "../common/editing";
import { GatedButton } from "../common/Gated";
import { type AppDraft, AppFields, NEW_APP } from "./fields";

export default function CreateApp() {
  useTitle("Register an app");
  const [draft, setDraft] = useState<AppDraft>(NEW_APP);
  const [namespace, setNamespace] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const namespaces = useList("/api/v1/namespaces").data ?? [];
  // A gateway that stands alone serves the global namespace only.
  const edges = useStandsAlone() === false;
  const invalidate = useInvalidate();
  const go = useGo();
  const body = { name: draft.name, owner_email: draft.owner_email, ...changedFields(NEW_APP, draft), ...(namespace ? { namespace } : {}) };
  const create = useAction(async () => {
    const made = await call<{ data: { id: string } }>("/api/v1/apps", { method: "POST", body });
    toast.good(`${draft.name} is registered.`);
    void invalidate("/api/v1/apps");
    go(`/apps/${made.body.data.id}?new=token`);
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void create.run();
  };
  const cli = ["sidegate app create --name", shellQuote(draft.name || "billing"), "--owner-email", shellQuote(draft.owner_email || "billing-team@example.com")];
  if (draft.rate_limit) cli.push("--rate-limit", String(draft.rate_limit));
  if (namespace) cli.push("--namespace", namespace);
  for (const [key, value] of Object.entries(draft.metadata)) {
    cli.push(typeof value === "string" ? "--metadata" : "--metadata-json", shellQuote(`${key}=${typeof value === "string" ? value : JSON.stringify(value)}`));
  }
  const wrong = create.error instanceof ApiError ? create.error.byField : {};
  return (
    <>
      <PageHead title="Register an app" lead="One app for each team or program that calls; then it gets a token.">
        <CopyAs commands={{ cli: cli.join(" "), curl: adminCurl("POST", "/api/v1/apps", body) }} />
      </PageHead>
      <Card>
        <form className="stack" onSubmit={submit}>
          <AppFields draft={draft} set={(change) => setDraft({ ...draft, ...change })} wrong={wrong} onProblem={setProblem} />
          {edges && namespaces.length > 0 && (
            <SelectField label="Namespace" value={namespace} problem={wrong.namespace} onChange={(event) => setNamespace(event.target.value)} hint="Which edges get it and its tokens; it stays there for life.">
              <option value="">global: every edge</option>
              {namespaces.map((one) => <option key={one.id} value={one.attributes.name}>{one.attributes.name}</option>)}
            </SelectField>
          )}
          <ErrorBox error={create.error} title="It was not registered; what you wrote is still here" />
          <div className="row end">
            <LinkButton href="/apps">Cancel</LinkButton>
            <GatedButton needs="operator" kind="primary" type="submit" busy={create.busy} disabled={problem !== null}>Register</GatedButton>
          </div>
        </form>
      </Card>
    </>
  );
}
