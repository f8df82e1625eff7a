// A text of the gateway as it is read: it begins with a capital, and what stands between backticks is code.
import { sentence } from "./wording";

export function Sentence({ text }: { text: string }) {
  const parts = sentence(text).split("`");
  // A backtick without another is one that a program printed.
  if (parts.length % 2 === 0) return <>{sentence(text)}</>;
  return <>{parts.map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part))}</>;
}
