// What the suite of the protocol's authors expects of a server: its tools, resources and prompts by the names and words it asks for.

import { setTimeout as pause } from "node:timers/promises";
import { CreateMessageResultSchema, ElicitResultSchema } from "@modelcontextprotocol/sdk/types.js";

const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
const SILENCE = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=";
const text = (words) => ({ type: "text", text: words });
const image = { type: "image", data: PIXEL, mimeType: "image/png" };
const whole = (...content) => async () => ({ content });
const embedded = (uri, mimeType, words) => ({ type: "resource", resource: { uri, mimeType, text: words } });

/** Asks the person behind the client. */
async function elicit(extra, message, properties, required = []) {
  const params = { mode: "form", message, requestedSchema: { type: "object", properties, required } };
  const { action, content } = await extra.sendRequest({ method: "elicitation/create", params }, ElicitResultSchema);
  return { content: [text(`Elicitation completed: action=${action}, content=${JSON.stringify(content ?? {})}`)] };
}

const choices = (...names) => names.map((name) => ({ const: name, title: name.toUpperCase() }));

export const tools = {
  test_simple_text: { call: whole(text("This is a simple text response for testing.")) },
  test_image_content: { call: whole(image) },
  test_audio_content: { call: whole({ type: "audio", data: SILENCE, mimeType: "audio/wav" }) },
  test_embedded_resource: { call: whole(embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")) },
  test_multiple_content_types: {
    call: whole(text("Multiple content types test:"), image, embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}')),
  },
  test_tool_with_logging: {
    async call(_, extra) {
      for (const data of ["Tool execution started", "Tool processing data", "Tool execution completed"]) {
        await extra.sendNotification({ method: "notifications/message", params: { level: "info", data } });
        await pause(50);
      }
      return { content: [text("Tool with logging executed successfully")] };
    },
  },
  test_tool_with_progress: {
    async call(_, extra) {
      const progressToken = extra._meta?.progressToken ?? 0;
      for (const progress of [0, 50, 100]) {
        await extra.sendNotification({ method: "notifications/progress", params: { progressToken, progress, total: 100 } });
        await pause(50);
      }
      return { content: [text(String(progressToken))] };
    },
  },
  test_error_handling: { call: async () => ({ isError: true, content: [text("This tool intentionally returns an error for testing")] }) },
  test_reconnection: {
    async call(_, extra) {
      extra.closeSSEStream?.();
      await pause(100);
      return { content: [text("Reconnection test completed successfully")] };
    },
  },
  test_sampling: {
    inputSchema: { type: "object", properties: { prompt: { type: "string" } }, required: ["prompt"] },
    async call({ prompt }, extra) {
      const params = { messages: [{ role: "user", content: text(prompt) }], maxTokens: 100 };
      const said = await extra.sendRequest({ method: "sampling/createMessage", params }, CreateMessageResultSchema);
      return { content: [text(`LLM response: ${said.content.text}`)] };
    },
  },
  test_elicitation: {
    inputSchema: { type: "object", properties: { message: { type: "string" } }, required: ["message"] },
    call: ({ message }, extra) => elicit(extra, message, { response: { type: "string", description: "User's response" } }, ["response"]),
  },
  test_elicitation_sep1034_defaults: {
    call: (_, extra) =>
      elicit(extra, "Please review the defaults", {
        name: { type: "string", default: "John Doe" },
        age: { type: "integer", default: 30 },
        score: { type: "number", default: 95.5 },
        status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
        verified: { type: "boolean", default: true },
      }),
  },
  test_elicitation_sep1330_enums: {
    call: (_, extra) =>
      elicit(extra, "Please choose", {
        untitledSingle: { type: "string", enum: ["option1", "option2", "option3"] },
        titledSingle: { type: "string", oneOf: choices("value1", "value2", "value3") },
        legacyEnum: { type: "string", enum: ["opt1", "opt2", "opt3"], enumNames: ["One", "Two", "Three"] },
        untitledMulti: { type: "array", items: { type: "string", enum: ["option1", "option2", "option3"] } },
        titledMulti: { type: "array", items: { anyOf: choices("value1", "value2", "value3") } },
      }),
  },
  json_schema_2020_12_tool: {
    inputSchema: {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      type: "object",
      $defs: { address: { type: "object", properties: { street: { type: "string" }, city: { type: "string" } } } },
      properties: { name: { type: "string" }, address: { $ref: "#/$defs/address" } },
      additionalProperties: false,
    },
    call: async (given) => ({ content: [text(`JSON Schema 2020-12 tool called with: ${JSON.stringify(given)}`)] }),
  },
};

export const resources = {
  "test://static-text": { name: "static-text", mimeType: "text/plain", text: "This is the content of the static text resource." },
  "test://static-binary": { name: "static-binary", mimeType: "image/png", blob: PIXEL },
  "test://watched-resource": { name: "watched-resource", mimeType: "text/plain", text: "Watched resource content" },
};

export const prompts = {
  test_simple_prompt: { args: [], get: () => [text("This is a simple prompt for testing.")] },
  test_prompt_with_arguments: { args: ["arg1", "arg2"], get: ({ arg1, arg2 }) => [text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)] },
  test_prompt_with_embedded_resource: {
    args: ["resourceUri"],
    get: ({ resourceUri }) => [embedded(resourceUri, "text/plain", "Embedded resource content for testing."), text("Please process the embedded resource above.")],
  },
  test_prompt_with_image: { args: [], get: () => [image, text("Please analyze the image above.")] },
};
