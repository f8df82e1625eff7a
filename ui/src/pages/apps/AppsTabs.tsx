// The two lists of this part of the console.
import { Tabs } from "../../kit/basics";

export function AppsTabs() {
  return <Tabs label="Apps and tokens" tabs={[{ href: "/apps", text: "Apps" }, { href: "/apps/tokens", text: "Tokens" }, { href: "/apps/issuers", text: "Issuers" }]} />;
}
