// npm @modelcontextprotocol/sdk 1.x.

import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { CreateMessageRequestSchema, ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { ANSWERS, session } from "./session.mjs";

/** What an application that signs people in is made of. */
export const parts = { Client, StreamableHTTPClientTransport, UnauthorizedError, finish: (transport, answer) => transport.finishAuth(answer.get("code")) };

export async function open(url, token) {
  const client = new Client({ name: "sdk", version: "1.0.0" }, { capabilities: { sampling: {}, elicitation: {} } });
  client.setRequestHandler(CreateMessageRequestSchema, async () => ({ role: "assistant", model: "m", content: { type: "text", text: ANSWERS.sampled } }));
  client.setRequestHandler(ElicitRequestSchema, async () => ({ action: "accept", content: ANSWERS.elicited }));
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { authorization: `Bearer ${token}` } } });
  await client.connect(transport);
  return session(client, transport, (params, options) => client.callTool(params, undefined, options));
}
