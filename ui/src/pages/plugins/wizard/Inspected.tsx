// What the program said of itself when it was started once.
import { Badge, Card, Facts, Note } from "../../../kit/basics";
import { Code } from "../../../kit/copy";
import { duration } from "../../../kit/Time";
import { Access, Methods } from "../tabs/Endpoints";
import type { Inspection } from "./wanted";

function text(manifest: Record<string, unknown>, key: string): string | undefined {
  return typeof manifest[key] === "string" ? (manifest[key] as string) : undefined;
}

export function Inspected({ seen, slug }: { seen: Inspection | null; slug: string }) {
  if (!seen) return null;
  const { manifest } = seen;
  return (
    <div className="stack">
      <Card title="What it says of itself">
        <div className="stack">
          <Facts
            facts={[
              ["Name", text(manifest, "name") ?? <span key="n" className="muted">no manifest</span>],
              ...(text(manifest, "version") ? [["Version", text(manifest, "version")] as [string, string | undefined]] : []),
              ...(text(manifest, "description") ? [["Description", text(manifest, "description")] as [string, string | undefined]] : []),
              ["Hooks", seen.hooks.join(", ") || (seen.failure ? <span key="h" className="muted">not known until it starts</span> : "none")],
              // How long it took to fail is no time of a start.
              ...(seen.failure ? [] : [["Started in", duration(seen.start_duration_ms)] as [string, React.ReactNode]]),
            ]}
          />
          {seen.warnings.map((warning) => <Note key={warning} tone="warn">{warning}</Note>)}
          {Object.keys(manifest).length > 0 && (
            <details><summary className="small muted">The whole manifest</summary><div style={{ marginTop: 8 }}><Code long text={JSON.stringify(manifest, null, 2)} /></div></details>
          )}
        </div>
      </Card>
      <Card title={`Endpoints (${seen.endpoints.length})`} flush>
        {seen.endpoints.length === 0 && <p className="muted" style={{ padding: 16 }}>{seen.failure ? "Not known until it starts." : "It offers none."}</p>}
        {seen.endpoints.map((endpoint) => (
          <div className="scope" key={`${endpoint.methods.join()} ${endpoint.path}`}>
            <div className="stack tight" style={{ gap: 4 }}>
              <code className="wrap-anywhere">/plugins/{slug || "SLUG"}{endpoint.path}</code>
              <Methods methods={endpoint.methods} />
              {endpoint.description && <span className="small muted">{endpoint.description}</span>}
            </div>
            <div className="stack tight" style={{ gap: 4, justifyItems: "end" }}>
              <Access endpoint={endpoint} />
              {endpoint.stream_response && <Badge icon="stream">Stream</Badge>}
            </div>
          </div>
        ))}
      </Card>
      {seen.first_lines.length > 0 && <Card title="What it printed"><Code long text={seen.first_lines.map((line) => `${line.stream} ${line.message}`).join("\n")} /></Card>}
    </div>
  );
}
