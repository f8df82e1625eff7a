// From a program to a served endpoint: look at it, configure it, grant what it asks, see it serve. Nothing is stored before the last step.
import { useEffect, useRef, useState } from "react";
import { call, type Schemas } from "../../api/client";
import { isDocumented } from "../../api/operations";
import { PageHead, useTitle } from "../../kit/basics";
import { useAction } from "../../kit/useAction";
import { missing } from "./wizard/missing";
import { Inspected } from "./wizard/Inspected";
import { PermissionsStep } from "./wizard/PermissionsStep";
import { ProgramStep } from "./wizard/ProgramStep";
import { ServesStep } from "./wizard/ServesStep";
import { SettingsStep } from "./wizard/SettingsStep";
import { commandOf, EMPTY, type Inspection, isAddress, registrationOf, type Wanted } from "./wizard/wanted";

const INSPECT = "/api/v1/plugins/inspect";
const STEPS = ["Program", "Configuration", "Permissions", "Registered"];

export default function Wizard() {
  useTitle("Add a plugin");
  const [step, setStep] = useState(0);
  const [wanted, setWanted] = useState<Wanted>(EMPTY);
  const [seen, setSeen] = useState<Inspection | null>(null);
  const [id, setId] = useState<string | null>(null);
  const place = useRef<HTMLDivElement>(null);
  const shown = useRef(step);
  useEffect(() => {
    // In braces: browsers begin to answer with a promise, which is no clean-up.
    void window.scrollTo({ top: 0 });
    // The button that was pressed is gone: whoever uses the keyboard goes on where the step begins.
    if (step !== shown.current) place.current?.focus({ preventScroll: true });
    shown.current = step;
  }, [step]);
  const set = (part: Partial<Wanted>) => setWanted((before) => ({ ...before, ...part }));

  /** Starts the program once without serving; on a gateway that cannot, the wizard goes on without knowing it. */
  const inspect = useAction(async (then: number) => {
    // One that runs elsewhere is no program to be started here.
    if (!isDocumented(INSPECT) || isAddress(wanted.command)) {
      setStep(then);
      return null;
    }
    try {
      const { body } = await call<{ data: { attributes: Inspection } }>(INSPECT, { method: "POST", body: registrationOf(wanted, false) });
      const found = body.data.attributes;
      setSeen(found);
      if (wanted.scopes === null) set({ scopes: found.wished_scopes });
      if (found.failure === null || then === 1) setStep(then);
      return found;
    } catch (error) {
      if (!missing(error)) throw error;
      setSeen(null);
      setStep(then);
      return null;
    }
  });
  const register = useAction(
    async () => {
      const { body } = await call<Schemas["Changed_PluginAttributes"]>("/api/v1/plugins", { method: "POST", body: registrationOf(wanted, true) });
      return body.data.id;
    },
    {
      stale: ["/api/v1/plugins", "/api/v1/routes", "/api/v1/needs", "/api/v1/revisions"],
      then: (created) => {
        setId(created);
        setStep(3);
      },
    },
  );
  return (
    <>
      <PageHead title="Add a plugin" lead={step === 3 ? "It is registered: whether it serves stands below, and its first request is one click away." : "Nothing is stored or served until you register it in the third step."} />
      <ol className="steps" aria-label="Steps">
        {STEPS.map((name, index) => (
          <li key={name} aria-current={index === step ? "step" : undefined} className={index < step ? "done" : undefined}>{name}</li>
        ))}
      </ol>
      <div ref={place} tabIndex={-1} role="group" aria-label={`Step ${step + 1} of ${STEPS.length}: ${STEPS[step]}`} className={step === 0 || step === 3 ? "narrow-form" : "grid-main"}>
        {step === 0 && <ProgramStep wanted={wanted} set={set} busy={inspect.busy} error={inspect.error} onNext={(anyway) => { if (anyway) { setSeen(null); setStep(1); } else void inspect.run(1); }} />}
        {step === 1 && <SettingsStep wanted={wanted} set={set} seen={seen} busy={inspect.busy} error={inspect.error} onBack={() => setStep(0)} onNext={(anyway) => (anyway ? setStep(2) : void inspect.run(2))} />}
        {step === 2 && <PermissionsStep wanted={wanted} set={set} seen={seen} busy={register.busy} error={register.error} command={commandOf(wanted, seen?.secret_settings)} onBack={() => setStep(1)} onNext={() => void register.run()} />}
        {step === 3 && id !== null && <ServesStep id={id} />}
        {(step === 1 || step === 2) && <Inspected seen={seen} slug={wanted.slug} />}
      </div>
    </>
  );
}
