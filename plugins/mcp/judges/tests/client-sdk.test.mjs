// npm @modelcontextprotocol/sdk 1.x before the plugin.

import { open } from "../clients/sdk.mjs";
import { judged } from "./support/judged.mjs";

judged("sdk 1.x", open);
