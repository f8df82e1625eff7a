// Form fields: a label, a hint, what is wrong; all tied together for screen readers.
import { type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, type TextareaHTMLAttributes, useId } from "react";
import { Icon } from "./Icon";
import { Sentence } from "./Sentence";

type Around = { label: ReactNode; hint?: ReactNode; problem?: string; required?: boolean };

function useField({ label, hint, problem, required }: Around, children: (props: { id: string; "aria-describedby"?: string; "aria-invalid"?: boolean }) => ReactNode) {
  const id = useId();
  const described = [hint ? `${id}-hint` : "", problem ? `${id}-problem` : ""].filter(Boolean).join(" ");
  return (
    <div className="field">
      <label htmlFor={id}>
        {label}
        {required && <span className="required" aria-hidden="true"> *</span>}
      </label>
      {children({ id, "aria-describedby": described || undefined, "aria-invalid": problem ? true : undefined })}
      {hint && <p className="hint" id={`${id}-hint`}>{hint}</p>}
      {problem && <Problem id={`${id}-problem`} text={problem} />}
    </div>
  );
}

export function Problem({ id, text }: { id?: string; text: string }) {
  return (
    <p className="problem" id={id}>
      <Icon name="error" size={14} /> <span><Sentence text={text} /></span>
    </p>
  );
}

export function TextField({ label, hint, problem, code, required, ...rest }: Around & { code?: boolean } & InputHTMLAttributes<HTMLInputElement>) {
  return useField({ label, hint, problem, required }, (props) => (
    <input className={code ? "input code" : "input"} spellCheck={false} autoComplete="off" required={required} {...rest} {...props} />
  ));
}

export function TextArea({ label, hint, problem, code, required, ...rest }: Around & { code?: boolean } & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  return useField({ label, hint, problem, required }, (props) => (
    <textarea className={code ? "textarea code" : "textarea"} spellCheck={false} required={required} {...rest} {...props} />
  ));
}

export function SelectField({ label, hint, problem, required, children, ...rest }: Around & SelectHTMLAttributes<HTMLSelectElement>) {
  return useField({ label, hint, problem, required }, (props) => (
    <select className="select" required={required} {...rest} {...props}>
      {children}
    </select>
  ));
}

export function CheckField({ label, hint, ...rest }: { label: ReactNode; hint?: ReactNode } & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId();
  return (
    <div className="check">
      <input type="checkbox" id={id} aria-describedby={hint ? `${id}-hint` : undefined} {...rest} />
      <div>
        <label htmlFor={id}>{label}</label>
        {hint && <p className="small muted" id={`${id}-hint`}>{hint}</p>}
      </div>
    </div>
  );
}
