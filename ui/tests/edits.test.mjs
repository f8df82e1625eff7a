// Promises that need no browser: merging two people's changes, what differs, what a schema says is wrong, what is written how.
import assert from "node:assert/strict";
import { test } from "node:test";
import { runnerImport } from "vite";

const load = async (path) => (await runnerImport(new URL(`../src/${path}`, import.meta.url).pathname, { configFile: false, logLevel: "error" })).module;
const { mergeThree, withValue } = await load("kit/merge.ts");
const { differences, same } = await load("kit/same.ts");
const { validator } = await load("forms/validator.ts");
const { soundsSecret } = await load("forms/secrets.ts");
const { nameProblem, slugProblem } = await load("pages/plugins/wizard/checks.ts");
const { roundTop, valueSteps, TIME_STEPS } = await load("kit/ticks.ts");
const { sentence } = await load("kit/wording.ts");
const { nameOf, registrationOf, commandOf, EMPTY } = await load("pages/plugins/wizard/wanted.ts");

test("what only one of two changed is kept of both", () => {
  const base = { name: "a", config: { url: "x", retries: 1 } };
  const merge = mergeThree(base, { name: "a", config: { url: "mine", retries: 1 } }, { name: "b", config: { url: "x", retries: 1, extra: true } });
  assert.deepEqual(merge.merged, { name: "b", config: { url: "mine", retries: 1, extra: true } });
  assert.deepEqual(merge.conflicts, []);
  assert.deepEqual(merge.theirs.map((change) => change.path).sort(), ["config.extra", "name"]);
});

test("what both changed differently is a conflict, in which mine stands until somebody chooses", () => {
  const merge = mergeThree({ a: { b: 1 } }, { a: { b: 2 } }, { a: { b: 3 } });
  assert.deepEqual(merge.merged, { a: { b: 2 } });
  assert.deepEqual(merge.conflicts, [{ path: "a.b", base: 1, mine: 2, theirs: 3 }]);
  assert.deepEqual(withValue(merge.merged, ["a", "b"], 3), { a: { b: 3 } });
});

test("what both changed alike, or removed, is no conflict", () => {
  assert.deepEqual(mergeThree({ a: 1, b: 1 }, { a: 2 }, { a: 2 }), { merged: { a: 2 }, conflicts: [], theirs: [] });
});

test("what one removed and the other changed is a conflict", () => {
  assert.deepEqual(mergeThree({ a: 1 }, {}, { a: 2 }).conflicts, [{ path: "a", base: 1, mine: undefined, theirs: 2 }]);
});

test("a secret that is kept is no difference, and one that is replaced is one", () => {
  const kept = { $secret: "set" };
  assert.deepEqual(differences({ key: kept }, { key: { $secret: "set" } }), []);
  assert.deepEqual(differences({ key: kept }, { key: "new" }), [{ path: "key", from: kept, to: "new" }]);
  assert.equal(same({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }), true);
});

const SCHEMA = {
  type: "object",
  required: ["url"],
  properties: { url: { type: "string" }, port: { type: "integer", minimum: 1 }, nested: { type: "object", properties: { mode: { enum: ["a", "b"] } } } },
};
const wrong = (schema, data) => validator.validateFormData(data, schema).errors.map((error) => error.property).sort();

test("every field that a schema finds wrong is named by its path", () => {
  assert.deepEqual(wrong(SCHEMA, { port: 0, nested: { mode: "c" } }), [".nested.mode", ".port", ".url"]);
  assert.deepEqual(wrong(SCHEMA, { url: "x", port: 1, nested: { mode: "a" } }), []);
});

test("an emptied field counts as absent", () => {
  assert.deepEqual(wrong(SCHEMA, { url: undefined }), [".url"]);
});

test("a stored secret fits whatever the schema says of its setting", () => {
  assert.deepEqual(wrong({ properties: { key: { type: "string", minLength: 9 } } }, { key: { $secret: "set" } }), []);
});

test("both drafts that plugins use are understood, and references elsewhere permit everything", () => {
  const items = { $schema: "https://json-schema.org/draft/2020-12/schema", type: "object", properties: { pair: { prefixItems: [{ type: "string" }] } } };
  assert.equal(wrong(items, { pair: [1] }).length, 1);
  assert.equal(wrong({ $schema: "http://json-schema.org/draft-07/schema#", definitions: { n: { type: "number" } }, properties: { n: { $ref: "#/definitions/n" } } }, { n: "x" }).length, 1);
  assert.deepEqual(wrong({ properties: { n: { $ref: "https://example.com/elsewhere.json" } } }, { n: "x" }), []);
});

test("settings that sound like secrets are written like passwords, and counts are not", () => {
  assert.deepEqual(["client_secret", "api_key", "dbPassword"].map(soundsSecret), [true, true, true]);
  assert.deepEqual(["max_tokens", "key_size", "token-ttl", "url"].map(soundsSecret), [false, false, false, false]);
});

test("a program's path becomes its name, its command, and a line without its secrets", () => {
  assert.equal(nameOf("/opt/plugins/sidegate-plugin-Web_Hook.bin"), "web-hook");
  assert.equal(nameOf("grpc://oauth:9000"), "oauth");
  const wanted = { ...EMPTY, name: "hooks", slug: "hooks", command: "/opt/hooks", config: { webhook_secret: "s3cret", retries: 3 }, scopes: ["kv.readwrite"] };
  assert.deepEqual(registrationOf(wanted, true).config, { webhook_secret: "s3cret", retries: 3, slug: "hooks" });
  assert.equal(registrationOf(wanted, true).command, "file:///opt/hooks");
  assert.equal(registrationOf(wanted, false).service_scopes, undefined);
  assert.doesNotMatch(commandOf(wanted), /s3cret/);
  assert.match(commandOf(wanted), /plugin grant hooks kv\.readwrite$/);
});

const OTHERS = [
  { attributes: { name: "hooks", slug: "hooks", namespace: "" } },
  { attributes: { name: "maps", slug: "maps", namespace: "berlin" } },
];

test("a name or slug that cannot be is told while it is written, by the rules and by what others have", () => {
  assert.equal(nameProblem("", "", OTHERS), undefined);
  for (const name of ["42", "a\u0007", "x".repeat(256), "hooks", " hooks "]) assert.ok(nameProblem(name, "", OTHERS), name);
  for (const slug of ["Hooks", "-a", "a b", "x".repeat(64), "hooks"]) assert.ok(slugProblem(slug, "", OTHERS), slug);
  assert.equal(slugProblem("a.b_c-1", "", OTHERS), undefined);
  // What no edge sees beside it is free; the global namespace is seen by all.
  assert.equal(nameProblem("maps", "paris", OTHERS), undefined);
  assert.equal(slugProblem("maps", "paris", OTHERS), undefined);
  assert.ok(slugProblem("maps", "", OTHERS));
  assert.ok(slugProblem("hooks", "paris", OTHERS));
});

test("what the gateway says begins as a sentence, and a name at its beginning stays as it is", () => {
  assert.equal(sentence("the process ended"), "The process ended");
  assert.equal(sentence("parked"), "Parked");
  for (const text of ["custom_content is required", "config.slug: taken", "kv.readwrite", "/opt/hello is not there", "`slug` is taken", "42 of them", ""]) assert.equal(sentence(text), text);
});

test("the lines of a chart are at round values", () => {
  assert.deepEqual([0, 0.03, 3, 17, 1234].map((most) => roundTop(most, "count")), [1, 0.03, 3, 20, 1500]);
  assert.deepEqual([0.5, 3, 17].map((most) => roundTop(most, "whole")), [1, 3, 20]);
  assert.equal(roundTop(50 * 2 ** 20, "bytes"), 64 * 2 ** 20);
  assert.ok(valueSteps("count").every((step) => ["1", "2", "5"].includes(step.toExponential()[0])));
  assert.ok(TIME_STEPS.every((step) => step % 60 === 0));
});
