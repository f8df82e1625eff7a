// Operations as people say them. Every operation that can change something must have words here: the compiler compares the
// table with the document of the admin API.
import type { operations } from "../../api/schema.gen";

type Reading =
  | Extract<keyof operations, `list_${string}` | `show_${string}` | `watch_${string}` | `follow_${string}` | `diff_${string}`>
  | "explain_request" | "whoami" | "api_health" | "health" | "ready" | "metrics";
/** What the gateway does by itself, or on behalf of plugins and edges. */
type Chore = "begin_history" | "record_public_endpoints" | "record_secret_settings" | "seal_secrets" | "join_edge" | "update_plugin_config" | "change_app_by_plugin" | "system" | "refused";
type Known = Exclude<keyof operations, Reading> | Chore;

/** What happened; what somebody did, with `{}` for the things; what they wanted, where it was refused; whether it makes revisions. */
type Words = [happened: string, did: string, wanted: string, revises?: true];

const WORDS: Record<Known, Words> = {
  create_plugin: ["Plugin added", "added {}", "add a plugin", true],
  change_plugin: ["Plugin changed", "changed {}", "change a plugin", true],
  delete_plugin: ["Plugin removed", "removed {}", "remove a plugin", true],
  reload_plugin: ["Plugin reloaded", "reloaded {}", "reload a plugin", true],
  grant_plugin_scopes: ["Permissions granted", "granted permissions to {}", "grant permissions to a plugin", true],
  revoke_plugin_scopes: ["Permissions taken back", "took permissions back from {}", "take permissions back from a plugin", true],
  approve_plugin_scopes: ["Wished permissions decided", "decided on what {} wishes", "decide on what a plugin wishes", true],
  change_public_endpoints: ["Public endpoints decided", "decided what {} serves without a token", "decide what a plugin serves without a token", true],
  inspect_plugin: ["Program looked at", "looked at the program of {}", "look at a program"],
  validate_and_load: ["Program looked at", "looked at the program of {}", "look at a program"],
  try_plugin: ["Request tried", "tried a request to {}", "try a request"],
  call_plugin: ["Page of a plugin used", "used the page of {}", "use the page of a plugin"],
  delete_plugin_storage: ["Stored entry removed", "removed an entry of the storage of {}", "remove an entry of a plugin's storage"],
  update_plugin_config: ["Configuration changed by the plugin", "changed the configuration of {}", "change a configuration", true],
  create_app: ["App registered", "registered {}", "register an app", true],
  change_app: ["App changed", "changed {}", "change an app", true],
  change_app_by_plugin: ["App changed by a plugin", "changed {}", "change an app", true],
  delete_app: ["App removed", "removed {}", "remove an app", true],
  create_issuer: ["Issuer trusted", "trusted the issuer {}", "trust an issuer", true],
  change_issuer: ["Issuer changed", "changed the issuer {}", "change an issuer", true],
  delete_issuer: ["Issuer removed", "removed the issuer {}", "remove an issuer", true],
  create_token: ["Token made", "made {}", "make a token", true],
  rotate_token: ["Token rotated", "rotated {}", "rotate a token", true],
  revoke_token: ["Token revoked", "revoked {}", "revoke a token", true],
  end_open_request: ["Request ended", "ended a request of {}", "end a request"],
  create_admin_token: ["Admin token made", "made {}", "make an admin token"],
  revoke_admin_token: ["Admin token revoked", "revoked {}", "revoke an admin token"],
  create_user: ["User added", "added {}", "add a user"],
  change_user: ["User changed", "changed {}", "change a user"],
  delete_user: ["User removed", "removed {}", "remove a user"],
  set_password: ["Password set", "set the password of {}", "set a password"],
  sign_in: ["Signed in", "signed in", "sign in"],
  begin_sign_in: ["Sign-in begun", "began to sign in", "begin to sign in"],
  sign_out: ["Signed out", "signed out", "sign out"],
  end_session: ["Session ended", "ended {}", "end a session"],
  create_console_link: ["Link to the console made", "made a link to the console", "make a link to the console"],
  create_edge: ["Edge added", "added {}", "add an edge"],
  join_edge: ["Edge joined", "let {} join", "join as an edge"],
  renew_join_token: ["Join token renewed", "gave {} another join token", "renew a join token"],
  revoke_edge: ["Edge barred", "barred {}", "bar an edge"],
  delete_edge: ["Edge removed", "removed {}", "remove an edge"],
  rotate_authority: ["Authority replaced", "replaced the authority of the edges", "replace the authority of the edges"],
  raise_lineage: ["Edges told to follow", "let edges follow what is stored now", "let edges follow what is stored"],
  create_namespace: ["Namespace added", "added {}", "add a namespace", true],
  delete_namespace: ["Namespace removed", "removed {}", "remove a namespace", true],
  roll_back: ["Rolled back", "rolled back {}", "roll back", true],
  keep_applied: ["Files applied", "applied files", "apply files"],
  change_logging: ["Log level changed", "changed how much is logged", "change how much is logged"],
  begin_history: ["History begun", "began the history", "begin the history", true],
  record_public_endpoints: ["Public endpoints noted", "noted what {} serves without a token", "note public endpoints", true],
  record_secret_settings: ["Secret settings noted", "noted which settings of {} are secrets", "note secret settings", true],
  seal_secrets: ["Secrets sealed", "sealed the secrets of {}", "seal secrets", true],
  system: ["Done by the gateway", "changed {}", "change something", true],
  refused: ["Refused", "was refused", "do something"],
};

const known = (operation: string): Words | undefined => (WORDS as Record<string, Words>)[operation];

/** One that a later gateway has. */
const plain = (operation: string) => operation.replaceAll("_", " ");
const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** What happened, as a title: `Plugin added`. */
export function happened(operation: string, backTo?: number | null): string {
  const words = known(operation)?.[0] ?? sentence(plain(operation));
  return backTo == null ? words : `${words} to revision ${backTo}`;
}

/** What somebody did to these things: `added plugin echo`. */
export function did(operation: string, things: string, backTo?: number | null): string {
  const words = known(operation)?.[1] ?? `${plain(operation)} {}`;
  const to = backTo == null ? "" : ` to revision ${backTo}${things ? ":" : ""}`;
  if (backTo != null) return `${words.replace(" {}", "")}${to} ${things}`.trim();
  return words.replace("{}", things || "something").trim();
}

/** What somebody wanted and may not: `Tried to add a plugin`. */
export function wanted(operation: string): string {
  if (operation === "refused") return WORDS.refused[0];
  const reads = operation.match(/^(?:list|show|watch|follow)_(.*)$/)?.[1];
  return `Tried to ${known(operation)?.[2] ?? (reads ? `read ${plain(reads)}` : plain(operation))}`;
}

/** Every operation that is asked for by name, with its title; for the history those that make revisions. */
export function operationChoices(onlyRevisions: boolean): [string, string][] {
  const all = Object.entries(WORDS).filter(([name, words]) => name !== "refused" && (!onlyRevisions || words[3]));
  return all.map(([name, words]): [string, string] => [name, words[0]]).sort(([, a], [, b]) => a.localeCompare(b));
}
