// The pages below Settings.
import { Tabs } from "../../kit/basics";

export function SettingsTabs() {
  return (
    <Tabs
      label="Settings"
      tabs={[
        { href: "/settings", text: "General" },
        { href: "/settings/users", text: "Users" },
        { href: "/settings/admin-tokens", text: "Admin tokens" },
        { href: "/settings/sessions", text: "Sessions" },
      ]}
    />
  );
}
