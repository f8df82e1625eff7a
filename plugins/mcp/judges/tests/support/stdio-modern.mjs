// A server of the revision 2026-07-28 as a program: it speaks by stdin and stdout. A file that it is given has what it says
// of itself, as it is when the program starts.

import { readFileSync } from "node:fs";
import { serveProgram } from "./modern.mjs";

const text = (words) => ({ content: [{ type: "text", text: words }] });
const { tools = {}, instructions } = process.argv[2] ? JSON.parse(readFileSync(process.argv[2], "utf8")) : {};
const own = Object.entries(tools).map(([name, description]) => [name, { description, call: async () => text("done") }]);
serveProgram({ instructions, tools: { pid: { call: async () => text(String(process.pid)) }, crash: { call: async () => process.exit(1) }, ...Object.fromEntries(own) } });
