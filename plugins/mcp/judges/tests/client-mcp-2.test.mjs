// PyPI mcp 2.x before the plugin: beginning with the newer protocol, and with the older one.

import { after } from "node:test";
import { python } from "../clients/program.mjs";
import { judged } from "./support/judged.mjs";

const [newer, older] = ["auto", "legacy"].map((mode) => python(2, "mcp_2.py", mode));
after(() => Promise.all([newer.stop(), older.stop()]));

judged("mcp 2.x", newer.open, { hasSession: false });
judged("mcp 2.x with initialize", older.open);
