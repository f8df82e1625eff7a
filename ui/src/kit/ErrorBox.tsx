// An error as a person needs it: what, why, what to do, and the id under which the gateway's log has more.
import { ApiError } from "../api/client";
import { Button } from "./basics";
import { CopyButton } from "./copy";
import { Icon } from "./Icon";
import { Sentence } from "./Sentence";

const TO_DO: Record<string, string> = {
  unreachable: "Check that the gateway runs and that this address reaches its admin port; the page tries again by itself.",
  unauthorized: "Your session has ended. Sign in again; what you wrote stays on this page in another tab.",
  insufficient_role: "Ask an admin for that role, or to do it.",
  read_only: "The console may only read here: the setting SIDEGATE_CONSOLE_READ_ONLY is on.",
  not_found: "It may have been removed meanwhile. Go back to the list.",
  changed_meanwhile: "Somebody changed it since you opened it. Load what is there now and make your change again.",
  conflict: "Choose another name or slug, or change the thing that has it.",
  internal: "This is a bug of the gateway. Its log has more under the request id.",
  unavailable: "The database or a node does not answer in time. Try again; /health says how the gateway is.",
  plugin_failed: "These are the plugin's own words; its log may say more.",
  too_many_requests: "Wait a little and try again; too much of this goes on at once.",
  insecure_transport: "Reach the console over TLS, or through a tunnel to this machine's localhost.",
  cross_site: "Open the console by its own address and try again there.",
  invalid_request: "Change what is named above and try again.",
  method_not_allowed: "The console and the gateway are of different versions: load the page again.",
  body_too_large: "Send less: 2 MiB are the most.",
  unsupported_media_type: "The console and the gateway are of different versions: load the page again.",
  unknown: "Something between this browser and the gateway answered, perhaps a proxy. Reach the admin port directly, or look into the proxy's log.",
  request_timeout: "Try again; the way to the gateway was too slow.",
};

export function whatToDo(error: unknown): string | undefined {
  return error instanceof ApiError ? TO_DO[error.code] : undefined;
}

type Props = { error: unknown; title?: string; retry?: () => void; /** Instead of what is usually to be done about such an error. */ advice?: string };

export function ErrorBox({ error, title, retry, advice = whatToDo(error) }: Props) {
  if (!error) return null;
  const told = error instanceof ApiError ? error : undefined;
  const text = error instanceof Error ? error.message : String(error);
  const several = (told?.problems.length ?? 0) > 1;
  return (
    <div className="note bad" role="alert">
      <Icon name="error" />
      <div className="grow wrap-anywhere">
        {title && <p><strong>{title}</strong></p>}
        {several ? (
          <ul>{told?.problems.map((problem) => <li key={problem.detail}><Sentence text={problem.detail} /></li>)}</ul>
        ) : (
          <p><Sentence text={text} /></p>
        )}
        {advice && <p className="muted">{advice}</p>}
        {told?.requestId && (
          <p className="row small">
            <span className="muted truncate">Request <code>{told.requestId}</code></span>
            <CopyButton text={told.requestId} label="Copy the request id" />
          </p>
        )}
      </div>
      {retry && <Button small onClick={retry}>Try again</Button>}
    </div>
  );
}
