//! Which role a change of a plugin needs, by what it really changes: what decides which code runs, as whom,
//! and with whose rights, is an admin's; values, policy and on and off are an operator's.
//!
//! Knows fields and options by name. Each option is decided here; one that is not does not compile.

use crate::name::shortened;
use crate::plugin::{PluginDraft, PluginOptions};
use crate::role::Role;
use crate::secret::SettingPath;
use std::collections::BTreeSet;

/// Fields that only an admin changes, beside some options.
pub const ADMIN_FIELDS: [&str; 4] = ["command", "hook_type", "hook_types", "managed_by"];

/// Options that only an admin sets: what is run (`sha256`, `env`), how its process is reached (`mtls`), whether
/// it is handed credentials of others (`pass_token`), and whether it answers for a whole host (`host`).
pub const ADMIN_OPTIONS: [&str; 5] = ["pass_token", "mtls", "sha256", "host", "env.NAME"];

/// Options that an operator sets.
const OPERATOR_OPTIONS: [&str; 38] = [
    "optional_auth",
    "lenient_done",
    "required",
    "drain_deadline",
    "start_timeout",
    "initialize_timeout",
    "ping_interval",
    "ping_timeout",
    "restart.base",
    "restart.max",
    "restart.park_after",
    "restart.window",
    "restart.healthy_after",
    "cors.origins",
    "cors.headers",
    "cors.expose",
    "cors.credentials",
    "cors.max_age",
    "stream_timeout",
    "stream_end",
    "stream_recheck",
    "oauth.authorization_servers",
    "oauth.resource",
    "secret_settings",
    "require_auth",
    "apps",
    "scopes_required",
    "issuers",
    "query_token",
    "allowed_origins",
    "timeout",
    "stream_idle_timeout",
    "max_body",
    "rate_limit",
    "rate_limit_per_client",
    "max_concurrent",
    "max_concurrent.queue",
    "max_concurrent.queue_timeout",
];

const _: () = assert!(
    each_is_decided_once(),
    "every option stands in exactly one of ADMIN_OPTIONS and OPERATOR_OPTIONS"
);

const fn each_is_decided_once() -> bool {
    let names = PluginOptions::NAMES;
    let mut at = 0;
    while at < names.len() {
        if times(&ADMIN_OPTIONS, names[at]) + times(&OPERATOR_OPTIONS, names[at]) != 1 {
            return false;
        }
        at += 1;
    }
    names.len() == ADMIN_OPTIONS.len() + OPERATOR_OPTIONS.len()
}

const fn times(list: &[&str], name: &str) -> usize {
    let (mut at, mut found) = (0, 0);
    while at < list.len() {
        if is_same(list[at].as_bytes(), name.as_bytes()) {
            found += 1;
        }
        at += 1;
    }
    found
}

const fn is_same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// The role that setting, changing or removing an option needs; an admin's where it is unknown.
///
/// ```
/// use sidegate_model::{plugin_roles::role_of_option, role::Role};
/// assert_eq!(role_of_option("max_body"), Role::Operator);
/// assert_eq!(role_of_option("env.LD_LIBRARY"), Role::Admin);
/// ```
pub fn role_of_option(name: &str) -> Role {
    if OPERATOR_OPTIONS.contains(&name) { Role::Operator } else { Role::Admin }
}

/// What really changes from `before` to `after` and is not for this role, by the names that the admin API has for it.
/// `of_admins` are the settings that the plugin's schema leaves to admins.
pub fn changes_beyond(
    role: Role,
    before: &PluginDraft,
    after: &PluginDraft,
    of_admins: &BTreeSet<SettingPath>,
) -> Vec<String> {
    // A new field does not compile without a decision.
    let PluginDraft {
        // It never changes, which is looked after where it is stored.
        namespace: _,
        name,
        description,
        command,
        config,
        options,
        hook_type,
        hook_types,
        service_scopes,
        is_active,
        managed_by,
    } = after;
    let fields = [
        ("name", Role::Operator, *name != before.name),
        ("description", Role::Operator, *description != before.description),
        ("command", Role::Admin, *command != before.command),
        ("config", Role::Operator, *config != before.config),
        ("hook_type", Role::Admin, *hook_type != before.hook_type),
        ("hook_types", Role::Admin, *hook_types != before.hook_types),
        ("service_scopes", Role::Operator, *service_scopes != before.service_scopes),
        ("is_active", Role::Operator, *is_active != before.is_active),
        ("managed_by", Role::Admin, *managed_by != before.managed_by),
    ];
    let beyond =
        |(_, needed, is_changed): &(&str, Role, bool)| *is_changed && !role.covers(*needed);
    let fields = fields.into_iter().filter(beyond).map(|(name, _, _)| name.to_owned());
    let is_touched =
        |path: &&SettingPath| !role.covers(Role::Admin) && !path.is_same_in(&before.config, config);
    let settings = of_admins.iter().filter(is_touched);
    let settings = settings.map(|path| format!("config{}", path.to_string().replace('/', ".")));
    let named: BTreeSet<_> = before.options.keys().chain(options.keys()).collect();
    let is_beyond = |name: &&String| {
        before.options.get(*name) != options.get(*name) && !role.covers(role_of_option(name))
    };
    let options = named.into_iter().filter(is_beyond);
    let options = options.map(|name| format!("options.{}", shortened(name)));
    fields.chain(settings).chain(options).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn draft() -> PluginDraft {
        let mut draft = PluginDraft::new("p", "file:///p");
        draft.config.insert("url".to_owned(), json!("a"));
        draft.options.insert("sha256".to_owned(), "ab".repeat(32));
        draft.options.insert("env.MODE".to_owned(), "secret".to_owned());
        draft.options.insert("max_body".to_owned(), "1KiB".to_owned());
        draft
    }

    #[test]
    fn each_field_needs_the_role_that_is_decided_for_it() {
        type Change = fn(&mut PluginDraft);
        let rows: [(&[&str], Change); 12] = [
            (&[], |draft| draft.name.push('x')),
            (&[], |draft| draft.description.push('x')),
            (&[], |draft| drop(draft.config.insert("url".to_owned(), json!("b")))),
            (&[], |draft| draft.is_active = false),
            (&[], |draft| {
                draft.service_scopes.insert("kv.readwrite".to_owned());
            }),
            (&[], |draft| drop(draft.options.remove("max_body"))),
            (&["command"], |draft| draft.command.push('x')),
            (&["hook_type"], |draft| draft.hook_type.push('x')),
            (&["hook_types"], |draft| draft.hook_types.clear()),
            (&["options.sha256"], |draft| drop(draft.options.remove("sha256"))),
            (&["options.env.MODE", "options.env.NEW"], |draft| {
                draft.options.insert("env.NEW".to_owned(), "1".to_owned());
                draft.options.insert("env.MODE".to_owned(), "other".to_owned());
            }),
            (&["options.of_another_version"], |draft| {
                draft.options.insert("of_another_version".to_owned(), "1".to_owned());
            }),
        ];
        for (expected, change) in rows {
            let mut after = draft();
            change(&mut after);
            assert_ne!(after, draft());
            let beyond = |role| changes_beyond(role, &draft(), &after, &BTreeSet::new());
            assert_eq!(beyond(Role::Operator), expected);
            assert_eq!(beyond(Role::Admin), [""; 0]);
            assert!(!beyond(Role::Viewer).is_empty());
        }
        let same = changes_beyond(Role::Viewer, &draft(), &draft(), &BTreeSet::new());
        assert_eq!(same, [""; 0]);
    }

    #[test]
    fn a_setting_that_the_schema_leaves_to_admins_is_theirs() {
        let of_admins: BTreeSet<SettingPath> =
            ["url", "db.dsn"].map(|path| path.parse().unwrap()).into();
        let beyond = |role, name: &str, value| {
            let mut after = draft();
            after.config.insert(name.to_owned(), value);
            changes_beyond(role, &draft(), &after, &of_admins)
        };
        assert_eq!(beyond(Role::Operator, "url", json!("b")), ["config.url"]);
        assert_eq!(beyond(Role::Operator, "db", json!({"dsn": "d"})), ["config.db.dsn"]);
        assert_eq!(beyond(Role::Operator, "db", json!({"pool": 1})), [""; 0]);
        assert_eq!(beyond(Role::Operator, "url", json!("a")), [""; 0]);
        assert_eq!(beyond(Role::Admin, "url", json!("b")), [""; 0]);
    }

    proptest! {
        #[test]
        fn what_is_beyond_a_role_is_beyond_every_weaker_one(
            before in proptest::collection::btree_map("[a-z.]{1,6}|env\\.[A-Z]|sha256|max_body", "[ab]", 0..6),
            after in proptest::collection::btree_map("[a-z.]{1,6}|env\\.[A-Z]|sha256|max_body", "[ab]", 0..6),
        ) {
            let [before, after] = [before, after].map(|options| PluginDraft { options, ..draft() });
            let [viewer, operator, admin] =
                Role::ALL.map(|role| changes_beyond(role, &before, &after, &BTreeSet::new()));
            prop_assert!(admin.is_empty());
            prop_assert!(operator.iter().all(|name| viewer.contains(name)));
            prop_assert_eq!(viewer.is_empty(), before == after);
            for name in operator {
                let option = name.strip_prefix("options.").unwrap();
                prop_assert_ne!(before.options.get(option), after.options.get(option));
            }
        }
    }
}
