// Requests that have ended, as rows, and one of them with all that is known of it.
import { Fragment, type ReactNode } from "react";
import { A } from "../../kit/A";
import { Facts } from "../../kit/basics";
import { CopyButton } from "../../kit/copy";
import { Drawer } from "../../kit/overlay";
import { bytes, duration, Time } from "../../kit/Time";
import { type Ended, keyOf } from "./seen";
import { StatusBadge } from "./StatusBadge";
import "./traffic.css";

function Clock({ at }: { at: string }) {
  const date = new Date(at);
  return <>{date.toLocaleTimeString("en-GB")}<span className="not-narrow">.{String(date.getMilliseconds()).padStart(3, "0")}</span></>;
}

/** A path that is broken between its parts where it has to be. */
function Path({ path }: { path: string }) {
  return path.split(/(?<=\/)/).map((part, index) => <Fragment key={index}>{index > 0 && <wbr />}{part}</Fragment>);
}

export function EndedRows({ rows, names, onOpen }: { rows: Ended[]; names: Map<number, string>; onOpen: (row: Ended) => void }) {
  return (
    <div className="table-scroll tail">
      <table className="table" aria-label="requests">
        <thead>
          <tr><th scope="col">Time</th><th scope="col">Status</th><th scope="col">Request</th><th scope="col" className="not-narrow">Plugin</th><th scope="col" className="not-narrow">App</th><th scope="col" className="num">Took</th><th scope="col" className="num wide-only not-narrow">Size</th><th scope="col" className="wide-only not-narrow">Node</th></tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)} className="opens" onClick={() => onOpen(row)}>
              <td><button type="button" className="row-button mono" onClick={() => onOpen(row)}><Clock at={row.at} /></button></td>
              <td><StatusBadge status={row.status} /></td>
              <td><span className="row"><span className="method">{row.method}</span> <code className="truncate" title={row.path}><Path path={row.path} /></code></span>{row.error_code && <div className="small muted">{row.error_code}</div>}</td>
              <td className="not-narrow">{row.plugin ?? <span className="muted">none</span>}</td>
              <td className="not-narrow">{row.app == null ? <span className="muted">none</span> : (names.get(row.app) ?? row.app)}</td>
              <td className="num">{duration(row.duration_ms)}</td>
              <td className="num wide-only not-narrow">{bytes(row.bytes_out)}</td>
              <td className="wide-only not-narrow">{row.node}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function RequestDrawer({ request, app, onClose }: { request: Ended; app?: string; onClose: () => void }) {
  return (
    <Drawer title={<span className="row"><span className="method">{request.method}</span> <code className="truncate">{request.path}</code></span>} onClose={onClose}>
      <div className="stack">
        <Facts
          facts={[
            ["Status", <StatusBadge key="status" status={request.status} />],
            ...(request.error_code ? [["Error", <code key="error">{request.error_code}</code>] as [string, ReactNode]] : []),
            ...(request.aborted ? [["Cut", request.aborted] as [string, ReactNode]] : []),
            ["Ended", <Time key="time" at={request.at} />],
            ["Took", duration(request.duration_ms)],
            ["Answer", bytes(request.bytes_out)],
            ["Endpoint", request.route ? <code key="route">{request.route}</code> : <span key="route" className="muted">none</span>],
            ["Plugin", request.plugin ?? "none"],
            ["App", app ?? (request.app == null ? "none: no valid token, or the endpoint asks for none" : String(request.app))],
            ...(request.client ? [["Client", <code key="client">{request.client}</code>] as [string, ReactNode]] : []),
            ["Node", request.node],
            ["Request id", <span key="id" className="row"><code className="wrap-anywhere">{request.request_id}</code><CopyButton text={request.request_id} label="Copy the request id" /></span>],
          ]}
        />
        <p><A className="link" href={`/routes?method=${request.method}&path=${encodeURIComponent(request.path)}`}>Explain this request</A></p>
      </div>
    </Drawer>
  );
}
