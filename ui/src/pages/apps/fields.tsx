// The fields of an app, the same for a new one and for one that is changed.
import { useStandsAlone } from "../../api/hooks";
import { TextArea, TextField } from "../../kit/fields";
import { type Metadata, MetadataEditor } from "./Metadata";

export type AppDraft = {
  name: string;
  owner_email: string;
  description: string;
  rate_limit: number;
  monthly_budget: number;
  max_staleness: string;
  managed_by: string;
  metadata: Metadata;
};

export const NEW_APP: AppDraft = { name: "", owner_email: "", description: "", rate_limit: 0, monthly_budget: 0, max_staleness: "", managed_by: "", metadata: {} };

type Props = {
  draft: AppDraft;
  set: (change: Partial<AppDraft>) => void;
  wrong: Record<string, string>;
  onProblem: (problem: string | null) => void;
  disabled?: boolean;
};

export function AppFields({ draft, set, wrong, onProblem, disabled }: Props) {
  // What only edges look at is in the way where there are none; what was set by other means is shown all the same.
  const edges = useStandsAlone() === false;
  return (
    <fieldset className="field" disabled={disabled}>
      <div className="stack">
        <div className="grid-2">
          <TextField label="Name" required value={draft.name} problem={wrong.name} onChange={(event) => set({ name: event.target.value })} placeholder="billing" />
          <TextField label="Owner's e-mail" required type="email" value={draft.owner_email} problem={wrong.owner_email} onChange={(event) => set({ owner_email: event.target.value })} placeholder="billing-team@example.com" />
        </div>
        <TextArea label="Description" rows={2} value={draft.description} problem={wrong.description} onChange={(event) => set({ description: event.target.value })} />
        <div className="grid-2">
          <TextField label="Rate limit" type="number" min={0} step={1} value={draft.rate_limit} problem={wrong.rate_limit} onChange={(event) => set({ rate_limit: Number(event.target.value) })} hint="Requests a minute, over all its tokens; 0 is no limit." />
          <TextField label="Monthly budget" type="number" min={0} step="any" value={draft.monthly_budget} problem={wrong.monthly_budget} onChange={(event) => set({ monthly_budget: Number(event.target.value) })} hint="Handed to plugins; the gateway does not count it." />
        </div>
        <MetadataEditor value={draft.metadata} onChange={(metadata) => set({ metadata })} onProblem={onProblem} disabled={disabled} />
        {wrong.metadata && <p className="problem">{wrong.metadata}</p>}
        <div className="grid-2">
          {(edges || draft.max_staleness !== "") && <TextField label="Max. staleness" code value={draft.max_staleness} problem={wrong.max_staleness} onChange={(event) => set({ max_staleness: event.target.value })} placeholder="1h" hint="An edge that has heard nothing for longer refuses its tokens; empty: as long as the edge allows." />}
          <TextField label="Managed by" value={draft.managed_by} problem={wrong.managed_by} onChange={(event) => set({ managed_by: event.target.value })} placeholder="git:platform/gateway" hint="A note for people: where it is looked after." />
        </div>
      </div>
    </fieldset>
  );
}
