// The API reference: what each operation does is read without opening it, and its example works.

import assert from "node:assert/strict";
import { flows } from "./support/start.mjs";

const flow = flows();

flow("the list of operations says what each does, and on a phone how to ask comes first", {}, async ({ api, come }) => {
  const visitor = await come({ size: "narrow" });
  const { page } = visitor;
  await visitor.signIn(api.token);
  await visitor.open("/reference");
  const list = page.getByRole("navigation", { name: "Operations" });
  await list.getByRole("link", { name: /POST\s*Register an app/ }).waitFor();
  const top = async (locator) => (await locator.boundingBox()).y;
  assert.ok((await top(page.getByRole("heading", { name: "How to ask" }))) < (await top(list)), "before the list of all");
  const document = (await api.ask("GET", "/openapi.json")).body;
  const summaries = Object.values(document.paths).flatMap((item) => Object.values(item).map((operation) => operation.summary));
  const text = await list.innerText();
  const missing = summaries.filter((summary) => !text.includes(summary.split(/[.;:]/)[0]));
  assert.deepEqual(missing, []);
});

flow("the example of an operation has all that must be said, and makes what it says", {}, async ({ api, come }) => {
  const visitor = await come();
  const { page } = visitor;
  await visitor.signIn(api.token);
  for (const [operation, path] of [["create_app", "/apps"], ["create_token", "/tokens"], ["create_user", "/users"], ["create_admin_token", "/admin-tokens"], ["create_namespace", "/namespaces"], ["create_plugin", "/plugins"]]) {
    await visitor.open(`/reference/${operation}`);
    const line = await page.locator("main pre").first().innerText();
    const body = line.match(/-d '(.*?)' '/)?.[1];
    const answer = await api.ask("POST", path, JSON.parse(body));
    assert.equal(answer.status, 201, `${operation}: ${line}: ${JSON.stringify(answer.body)}`);
  }
  await visitor.open("/reference/change_app");
  assert.doesNotMatch(await page.locator("main pre").first().innerText(), /\/apps\/\{/, "curl reads braces as a list");
});
