// PyPI mcp 1.x before the plugin.

import { after } from "node:test";
import { python } from "../clients/program.mjs";
import { judged } from "./support/judged.mjs";

const client = python(1, "mcp_1.py");
after(() => client.stop());

judged("mcp 1.x", client.open);
