/** A node's address for clients as somebody here can call it; `null` where the node does not say it. */
export function clientUrl(url: string | null | undefined, isOwn: boolean, node: string, ownHost: string): string | null {
  const found = url?.match(/^(https?):\/\/(\[[\da-f:.]+\]|[\w.-]+):(\d+)$/);
  if (!found) return null;
  const [, scheme = "http", host = "", port = ""] = found;
  const usual = scheme === "https" ? "443" : "80";
  // It listens on every address of its machine: here that is the one this page came from, of others nobody knows.
  const everywhere = host === "0.0.0.0" || host === "[::]";
  const called = everywhere ? (isOwn ? ownHost : `ADDRESS-OF-${node}`) : host;
  return `${scheme}://${called}${port === usual ? "" : `:${port}`}`;
}
