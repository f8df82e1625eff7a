// Texts of the document: what stands between backticks is code, and lines flow.
export function Prose({ text }: { text: string }) {
  const parts = text.replace(/\s*\n\s*/g, " ").split("`");
  return <>{parts.map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part))}</>;
}
