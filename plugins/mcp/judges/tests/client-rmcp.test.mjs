// crates.io rmcp before the plugin: looking for the newer protocol first, and beginning with the older one.

import { after } from "node:test";
import { rmcp } from "../clients/program.mjs";
import { judged } from "./support/judged.mjs";

const [newer, older] = ["auto", "initialize"].map(rmcp);
after(() => Promise.all([newer.stop(), older.stop()]));

judged("rmcp", newer.open, { hasSession: false });
judged("rmcp with initialize", older.open);
