// An HTTP status by number, shape and colour.
import { Badge, type Tone } from "../../kit/basics";

export function StatusBadge({ status }: { status: number }) {
  const tone: Tone = status >= 500 ? "bad" : status >= 400 ? "warn" : status >= 300 ? "info" : "good";
  return <Badge tone={tone} icon={status >= 500 ? "error" : status >= 400 ? "warn" : undefined}>{status}</Badge>;
}
