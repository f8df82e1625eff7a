// What a plugin may ask of the gateway, in words.
export const SCOPE_WORDS: Record<string, string> = {
  "kv.readwrite": "keep, read and remove its own entries in the gateway's storage",
  "apps.read": "list apps and read one, with its metadata",
  "apps.write": "change apps and their metadata, from its page",
  "credentials.validate": "ask whether a credential is valid, and whose it is",
  "budget.read": "read the budget of an app",
  "pricing.read": "read prices of models",
  "llms.read": "list language models and read one",
  "plugins.read": "list plugins and read its own configuration, from its page",
  "plugins.write": "change its own configuration, from its page",
  "plugins.config": "change its own configuration, from its page",
  "control.send": "hand a message to the control plane",
};
