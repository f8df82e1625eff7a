// What somebody's role does not allow is shown, out of reach, with the reason.
import type { ComponentProps } from "react";
import { atLeast, type Role, useOptional, useWhoami } from "../../api/hooks";
import { Button } from "../../kit/basics";

/** Why the one who is signed in may not; nothing where they may. */
export function useReason(needs: Role): string | undefined {
  const role = useWhoami().data?.data.attributes.role;
  const session = useOptional<{ data: { attributes: { read_only?: boolean } } }>("/api/v1/session").data;
  if (session?.data.attributes.read_only) return "This console may only read: the setting SIDEGATE_CONSOLE_READ_ONLY is on.";
  if (role === undefined || atLeast(role, needs)) return undefined;
  return `This needs the role ${needs}; yours is ${role}.`;
}

type Props = ComponentProps<typeof Button> & { needs: Role };

export function GatedButton({ needs, disabled, title, ...rest }: Props) {
  const reason = useReason(needs);
  return <Button {...rest} disabled={disabled || reason !== undefined} title={reason ?? title ?? rest.label} />;
}

/** Says once, above a form, why all of it is out of reach. */
export function RoleNote({ needs }: { needs: Role }) {
  const reason = useReason(needs);
  return reason ? <p className="small muted">{reason} Nothing on this page can be changed.</p> : null;
}
