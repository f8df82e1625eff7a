// npm @modelcontextprotocol/client 2.x before the plugin: beginning with the newer protocol, and with the older one.

import { open } from "../clients/client.mjs";
import { judged } from "./support/judged.mjs";

judged("client 2.x", open("auto"), { hasSession: false });
judged("client 2.x with initialize", open("legacy"));
