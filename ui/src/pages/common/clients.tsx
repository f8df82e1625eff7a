// Where clients reach the gateway: as its nodes say it, unless this browser was told something better, a name or a proxy.
import { useState, useSyncExternalStore } from "react";
import { useGet } from "../../api/hooks";
import { SelectField, TextField } from "../../kit/fields";
import { clientUrl } from "./client-url";

const KEY = "sidegate.clients";
const listeners = new Set<() => void>();

function keep(origin: string) {
  const text = origin.trim().replace(/\/+$/, "");
  if (text) localStorage.setItem(KEY, text);
  else localStorage.removeItem(KEY);
  for (const listener of listeners) listener();
}

/** What this browser was told; empty where it was not. */
function useTold(): string {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => localStorage.getItem(KEY) ?? "",
  );
}

/** The nodes with their addresses; whether this gateway serves clients itself is known once they are. */
export function useClients(node?: string) {
  const list = useGet("/api/v1/nodes");
  const told = useTold();
  const nodes = (list.data?.data ?? []).map(({ attributes: { name, client_url, is_own } }) => ({ name, is_own, url: clientUrl(client_url, is_own, name, location.hostname) }));
  const chosen = nodes.find((each) => each.name === node) ?? nodes.find((each) => each.url) ?? nodes[0];
  // One of an earlier version does not say where it listens.
  const said = chosen?.url ?? `http://ADDRESS-OF-${chosen?.name ?? "GATEWAY"}`;
  return { nodes, told, said, origin: told || said, isKnown: !list.isPending, isOwn: list.data ? nodes.some((each) => each.is_own) : undefined };
}

/** The address as it is used in the lines below, to be written better; with several nodes one is chosen first. */
export function useOriginField() {
  const [node, setNode] = useState("");
  const { nodes, told, said, origin, isOwn } = useClients(node);
  const chosen = node || nodes.find((each) => each.url)?.name || "";
  const field = (
    <div className={nodes.length > 1 ? "grid-2" : undefined}>
      {nodes.length > 1 && (
        <SelectField label="Node" value={chosen} hint="Each listens at an address of its own." onChange={(event) => { setNode(event.target.value); keep(""); }}>
          {nodes.map((each) => <option key={each.name} value={each.name}>{each.name}</option>)}
        </SelectField>
      )}
      <TextField
        label="Where clients reach the gateway"
        code
        value={told}
        placeholder={said}
        hint={told ? "As you wrote it, kept in this browser. Empty it for what the gateway says." : <>As {isOwn === false ? "the edge" : "the gateway"} says it: <code>{said}</code>. Write another where a name or a proxy leads there.</>}
        onChange={(event) => keep(event.target.value)}
      />
    </div>
  );
  return { field, origin, isOwn };
}
