// Tools and a prompt of the revision 2026-07-28 that ask the client back, as the suite of the protocol's authors expects them.

import { createHmac } from "node:crypto";
import { MissingRequiredClientCapabilityError, ProtocolError, inputRequired, inputResponse } from "@modelcontextprotocol/server";

const text = (...words) => ({ content: words.map((text) => ({ type: "text", text })) });
const question = (message, property, type = "string") => ({
  method: "elicitation/create",
  params: { mode: "form", message, requestedSchema: { type: "object", properties: { [property]: { type } }, required: [property] } },
});
const sampling = (words, maxTokens = 100) => ({ method: "sampling/createMessage", params: { messages: [{ role: "user", content: { type: "text", text: words } }], maxTokens } });
const roots = () => ({ method: "roots/list", params: {} });

const seal = (words) => `${words}.${createHmac("sha256", "a key of the tests").update(words).digest("hex")}`;
function opened(state) {
  const words = state?.split(".")[0];
  if (state && state !== seal(words)) throw new ProtocolError(-32602, "the state was tampered with");
  return words;
}

/** Asks for all of `requests`; then `done` makes the result out of what was given. */
function asks(requests, done, state) {
  return async (ctx) => {
    const held = opened(ctx.mcpReq.requestState());
    const given = Object.fromEntries(Object.keys(requests).map((key) => [key, inputResponse(ctx.mcpReq.inputResponses, key)]));
    if (Object.values(given).some(({ kind }) => kind === "missing")) return inputRequired({ inputRequests: requests, ...(state ? { requestState: seal(state) } : {}) });
    return done(given, held);
  };
}

const declared = (ctx) => ctx.mcpReq.envelope?.["io.modelcontextprotocol/clientCapabilities"] ?? {};

export const askingPrompt = {
  test_input_required_result_prompt: asks({ user_context: question("What context should the prompt use?", "context") }, ({ user_context }) => ({
    messages: [{ role: "user", content: { type: "text", text: `Context: ${user_context.content?.context}` } }],
  })),
};

export const asking = {
  test_input_required_result_elicitation: asks({ user_name: question("What is your name?", "name") }, ({ user_name }) => text(`Hello, ${user_name.content?.name}!`)),
  test_input_required_result_sampling: asks({ capital_question: sampling("What is the capital of France?") }, ({ capital_question }) => text(capital_question.result.content.text)),
  test_input_required_result_list_roots: asks({ client_roots: roots() }, ({ client_roots }) => text(client_roots.roots.map(({ uri }) => uri).join())),
  test_input_required_result_request_state: asks({ confirm: question("Please confirm", "ok", "boolean") }, (_, state) => text(`state-ok ${state}`), "held"),
  test_input_required_result_tampered_state: asks({ confirm: question("Please confirm", "ok", "boolean") }, (_, state) => text(`state-ok ${state}`), "held"),
  test_input_required_result_multiple_inputs: asks(
    { user_name: question("What is your name?", "name"), greeting: sampling("Generate a greeting", 50), client_roots: roots() },
    ({ user_name, greeting, client_roots }) => text(user_name.content?.name, greeting.result.content.text, client_roots.roots[0]?.uri ?? "none"),
    "all",
  ),
  async test_input_required_result_multi_round(ctx) {
    const at = opened(ctx.mcpReq.requestState());
    const step = (key) => inputResponse(ctx.mcpReq.inputResponses, key);
    if (at === "two" && step("step2").kind === "elicit") return text(`color ${step("step2").content?.color}`);
    if (at === "one" && step("step1").kind === "elicit") return inputRequired({ inputRequests: { step2: question("Step 2: What is your favorite color?", "color") }, requestState: seal("two") });
    return inputRequired({ inputRequests: { step1: question("Step 1: What is your name?", "name") }, requestState: seal("one") });
  },
  async test_input_required_result_capabilities(ctx) {
    const can = declared(ctx);
    const inputRequests = { ...(can.sampling ? { say: sampling("Hello?") } : {}), ...(can.elicitation ? { tell: question("Well?", "word") } : {}) };
    return Object.keys(inputRequests).length ? inputRequired({ inputRequests }) : text("nothing to ask");
  },
  async test_missing_capability(ctx) {
    if (!declared(ctx).sampling) throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { sampling: {} } });
    return text("sampled");
  },
  test_streaming_elicitation: asks({ user_name: question("What is your name?", "name") }, ({ user_name }) => text(`Hello, ${user_name.content?.name}!`)),
  async test_logging_tool(ctx) {
    await ctx.mcpReq.log("info", "a word");
    return text("logged");
  },
  test_sampling: asks({ said: sampling("?") }, ({ said }) => text(`LLM response: ${said.result.content.text}`)),
  test_elicitation: asks({ said: question("?", "response") }, ({ said }) => text(`Elicitation completed: action=${said.action}, content=${JSON.stringify(said.content ?? {})}`)),
};
