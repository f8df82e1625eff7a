// npm @modelcontextprotocol/client 2.x, of which a test says whether it looks for the newer protocol first (`auto`) or begins
// with `initialize` (`legacy`).

import { Client, StreamableHTTPClientTransport, UnauthorizedError } from "@modelcontextprotocol/client";
import { ANSWERS, session } from "./session.mjs";

/** What an application that signs people in is made of. This one looks at `iss` itself. */
export const parts = { Client, StreamableHTTPClientTransport, UnauthorizedError, finish: (transport, answer) => transport.finishAuth(answer) };

export const open = (mode) => async (url, token) => {
  const capabilities = { sampling: {}, elicitation: { form: {} } };
  const client = new Client({ name: "client", version: "2.0.0" }, { capabilities, versionNegotiation: { mode } });
  client.setRequestHandler("sampling/createMessage", async () => ({ role: "assistant", model: "m", content: { type: "text", text: ANSWERS.sampled } }));
  client.setRequestHandler("elicitation/create", async () => ({ action: "accept", content: ANSWERS.elicited }));
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { authorization: `Bearer ${token}` } } });
  await client.connect(transport);
  return session(client, transport, (params, options) => client.callTool(params, options));
};
