// The admin API, read from the document of this very gateway: every operation, its fields, its role, its curl line.
import { useParams } from "@tanstack/react-router";
import { useMemo } from "react";
import { useGet } from "../../api/hooks";
import { useCrumb } from "../../app/Breadcrumbs";
import { A } from "../../kit/A";
import { Badge, Card, PageHead, Skeleton, useTitle } from "../../kit/basics";
import { adminCurl, Code, CopyAs } from "../../kit/copy";
import { ErrorBox } from "../../kit/ErrorBox";
import { Icon } from "../../kit/Icon";
import { useUrlState } from "../../kit/url";
import { answersOf, bodyOf, curlOf, grouped, type OpenApi, type Operation, operationsOf, typeOf } from "./document";
import { Fields } from "./Fields";
import { Prose } from "./Prose";
import "./reference.css";

export default function Reference() {
  const { operation: id } = useParams({ strict: false }) as { operation?: string };
  const read = useGet("/api/v1/openapi.json");
  const document = read.data as OpenApi | undefined;
  const operations = useMemo(() => (document ? operationsOf(document) : []), [document]);
  const chosen = operations.find((operation) => operation.id === id);
  useTitle(chosen?.summary?.replace(/\.$/, "") ?? "API reference");
  useCrumb(chosen?.summary?.replace(/[.;:].*$/, ""));
  return (
    <>
      <PageHead title="API reference" lead={document ? <>{document.info.title} {document.info.version}, {operations.length} operations. The console itself uses nothing else.</> : undefined}>
        <CopyAs commands={{ curl: adminCurl("GET", "/api/v1/openapi.json") }} />
      </PageHead>
      {read.error && !document ? (
        <ErrorBox error={read.error} title="The document could not be read" retry={() => void read.refetch()} />
      ) : !document ? (
        <Skeleton lines={8} height={20} />
      ) : (
        <div className={id ? "reference chosen" : "reference"}>
          <List operations={operations} />
          <div className="stack">
            {id && <A href="/reference" className="link only-narrow">All operations</A>}
            {chosen ? <Detail document={document} operation={chosen} /> : id ? <Card title="No such operation"><p>This gateway has no operation <code>{id}</code>.</p></Card> : <Beginning />}
          </div>
        </div>
      )}
    </>
  );
}

function List({ operations }: { operations: Operation[] }) {
  const [query, setQuery] = useUrlState("q");
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const found = operations.filter((operation) => {
    const text = [operation.id, operation.method, operation.path, operation.summary].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const suffix = query ? `?q=${encodeURIComponent(query)}` : "";
  return (
    <nav className="operations card" aria-label="Operations">
      <div className="table-tools">
        <div className="search">
          <Icon name="search" size={14} />
          <input type="search" className="input" aria-label="Search operations" placeholder="Search operations" value={query} onChange={(event) => setQuery(event.target.value)} />
        </div>
      </div>
      <div className="operations-scroll" tabIndex={0} role="group" aria-label="List of operations">
        {found.length === 0 && <p className="muted small">No operation matches.</p>}
        {grouped(found).map(([group, members]) => (
          <section key={group}>
            <h2>{group.replaceAll("-", " ")}</h2>
            <ul>
              {members.map((operation) => (
                <li key={operation.id}>
                  <A href={`/reference/${operation.id}${suffix}`}>
                    <span className={`method ${operation.method.toLowerCase()}`}>{operation.method}</span>
                    <span className="about">
                      <span className="says">{operation.summary?.replace(/[.;:].*$/, "") || operation.id}</span>
                      <code className="truncate" title={operation.path}>{operation.path.replace("/api/v1", "")}</code>
                    </span>
                  </A>
                </li>
              ))}
            </ul>
          </section>
        ))}
      </div>
    </nav>
  );
}

function Beginning() {
  return (
    <Card title="How to ask">
      <div className="stack">
        <p>Every operation takes and gives JSON, and an admin token in a header. Make one for each program under <A className="link" href="/settings/admin-tokens">Settings</A>, with no more than the role that it needs.</p>
        <Code text={`export SIDEGATE_ADMIN_TOKEN=sga_…\n${adminCurl("GET", "/api/v1/whoami")}`} />
        <ul className="bullets">
          <li>A refusal is <code>{`{"error", "code", "request_id", "errors"}`}</code>: <code>code</code> stays the same, <code>errors</code> names each field that is wrong.</li>
          <li>What an <code>ETag</code> named can be sent back as <code>If-Match</code>: the change is refused with 412 when somebody else was faster.</li>
          <li>Lists have pages: <code>page</code> and <code>limit</code>, at most 100. History and audit log go on by <code>before</code>.</li>
          <li>A change is in force when it is answered; <code>meta</code> says on which nodes.</li>
        </ul>
      </div>
    </Card>
  );
}

const ROLE_TONES = { viewer: "plain", operator: "info", admin: "warn" } as const;

function Detail({ document, operation }: { document: OpenApi; operation: Operation }) {
  const role = operation["x-sidegate-role"];
  const body = bodyOf(operation);
  const description = operation.description?.replace(/Needs the role `\w+`\.?/, "").trim();
  return (
    <>
      <Card
        title={<span className="row wrap"><span className={`method ${operation.method.toLowerCase()}`}>{operation.method}</span> <code className="wrap-anywhere">{operation.path}</code></span>}
        actions={role ? <Badge tone={ROLE_TONES[role as keyof typeof ROLE_TONES]} icon="lock">{role}</Badge> : <Badge icon="globe">everybody</Badge>}
      >
        <div className="stack">
          <p><Prose text={operation.summary ?? ""} /></p>
          {description && <p className="muted"><Prose text={description} /></p>}
          <Code text={curlOf(document, operation, location.origin)} label="Copy the curl line" />
          {body && <p className="small muted">The body is an example to begin with, with all that must be said.{operation.path.includes("{") ? " Put the number of the thing in the place of 1." : ""}</p>}
        </div>
      </Card>
      {(operation.parameters ?? []).length > 0 && (
        <Card title="Parameters" flush>
          <div className="table-scroll">
            <table className="table" aria-label="parameters">
              <thead><tr><th scope="col">Name</th><th scope="col">Where</th><th scope="col">Type</th><th scope="col">What it says</th></tr></thead>
              <tbody>
                {operation.parameters?.map((parameter) => (
                  <tr key={`${parameter.in} ${parameter.name}`}>
                    <td><code>{parameter.name}</code>{parameter.required && <span className="required" title="must be said"> *</span>}</td>
                    <td className="muted">{parameter.in}</td>
                    <td><code className="small">{typeOf(parameter.schema ?? {})}</code></td>
                    <td className="wrap-anywhere"><Prose text={parameter.description ?? ""} /></td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </Card>
      )}
      {body && <Card title={<>Body <code className="small muted">{typeOf(body)}</code></>}><Fields document={document} schema={body} /></Card>}
      {answersOf(operation).map((answer) => (
        <Card key={answer.status} title={<span className="row">{answer.status} {answer.schema && <code className="small muted">{typeOf(answer.schema)}</code>}</span>}>
          <div className="stack">
            {answer.description && <p><Prose text={answer.description} /></p>}
            {answer.type && answer.type !== "application/json" && <p className="muted">As <code>{answer.type}</code>.</p>}
            {answer.schema && answer.status.startsWith("2") && <Fields document={document} schema={answer.schema} />}
          </div>
        </Card>
      ))}
    </>
  );
}
