//! The steps from an empty database to today's schema, and which Sidegate a database needs that has
//! steps of a later one. It knows of tables only what the steps say.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// One step. Its number and its statements never change once they were released.
struct Step {
    number: i64,
    /// The first release that has it. It is kept in the database, for programs that are too old.
    since: &'static str,
    what: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

const STEPS: [Step; 16] = [
    Step {
        number: 1,
        since: "0.1.0",
        what: "apps, tokens and plugins",
        sqlite: include_str!("../migrations/sqlite/0001_apps_tokens_plugins.sql"),
        postgres: include_str!("../migrations/postgres/0001_apps_tokens_plugins.sql"),
    },
    Step {
        number: 2,
        since: "0.1.0",
        what: "service scopes",
        sqlite: include_str!("../migrations/sqlite/0002_service_scopes.sql"),
        postgres: include_str!("../migrations/postgres/0002_service_scopes.sql"),
    },
    Step {
        number: 3,
        since: "0.1.0",
        what: "what plugins keep",
        sqlite: include_str!("../migrations/sqlite/0003_plugin_kv.sql"),
        postgres: include_str!("../migrations/postgres/0003_plugin_kv.sql"),
    },
    Step {
        number: 4,
        since: "0.2.0",
        what: "who may call plugins, and tokens over time",
        sqlite: include_str!("../migrations/sqlite/0004_policy.sql"),
        postgres: include_str!("../migrations/postgres/0004_policy.sql"),
    },
    Step {
        number: 5,
        since: "0.3.0",
        what: "sealed secrets",
        sqlite: include_str!("../migrations/sqlite/0005_sealed_secrets.sql"),
        postgres: include_str!("../migrations/postgres/0005_sealed_secrets.sql"),
    },
    Step {
        number: 6,
        since: "0.3.0",
        what: "admin tokens and the audit log",
        sqlite: include_str!("../migrations/sqlite/0006_admin_tokens_and_audit.sql"),
        postgres: include_str!("../migrations/postgres/0006_admin_tokens_and_audit.sql"),
    },
    Step {
        number: 7,
        since: "0.4.0",
        what: "namespaces and history",
        sqlite: include_str!("../migrations/sqlite/0007_namespaces_and_history.sql"),
        postgres: include_str!("../migrations/postgres/0007_namespaces_and_history.sql"),
    },
    Step {
        number: 8,
        since: "0.4.0",
        what: "fleets",
        sqlite: include_str!("../migrations/sqlite/0008_fleet.sql"),
        postgres: include_str!("../migrations/postgres/0008_fleet.sql"),
    },
    Step {
        number: 9,
        since: "0.4.0",
        what: "what files named that were applied",
        sqlite: include_str!("../migrations/sqlite/0009_applied_files.sql"),
        postgres: include_str!("../migrations/postgres/0009_applied_files.sql"),
    },
    Step {
        number: 10,
        since: "0.5.0",
        what: "questions to edges that are connected elsewhere",
        sqlite: include_str!("../migrations/sqlite/0010_edge_questions.sql"),
        postgres: include_str!("../migrations/postgres/0010_edge_questions.sql"),
    },
    Step {
        number: 11,
        since: "0.5.0",
        what: "users and sessions of the console",
        sqlite: include_str!("../migrations/sqlite/0011_console.sql"),
        postgres: include_str!("../migrations/postgres/0011_console.sql"),
    },
    Step {
        number: 12,
        since: "0.5.0",
        what: "keys of sessions of the console",
        sqlite: include_str!("../migrations/sqlite/0012_console_session_keys.sql"),
        postgres: include_str!("../migrations/postgres/0012_console_session_keys.sql"),
    },
    Step {
        number: 13,
        since: "0.5.0",
        what: "settings that are left to admins",
        sqlite: include_str!("../migrations/sqlite/0013_admin_settings.sql"),
        postgres: include_str!("../migrations/postgres/0013_admin_settings.sql"),
    },
    Step {
        number: 14,
        since: "0.5.0",
        what: "issuers of JWTs",
        sqlite: include_str!("../migrations/sqlite/0014_issuers.sql"),
        postgres: include_str!("../migrations/postgres/0014_issuers.sql"),
    },
    Step {
        number: 15,
        since: "0.5.0",
        what: "users of the console who are people of an OpenID Connect provider",
        sqlite: include_str!("../migrations/sqlite/0015_console_identities.sql"),
        postgres: include_str!("../migrations/postgres/0015_console_identities.sql"),
    },
    Step {
        number: 16,
        since: "0.5.0",
        what: "clients for which apps were made on first sight",
        sqlite: include_str!("../migrations/sqlite/0016_apps_of_clients.sql"),
        postgres: include_str!("../migrations/postgres/0016_apps_of_clients.sql"),
    },
];

/// This program.
const OURS: &str = env!("CARGO_PKG_VERSION");

/// What a SQLite file is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Schema {
    /// All that an installation has.
    Installation,
    /// What the plugins of an edge keep.
    Edge,
}

impl Schema {
    /// All steps to it.
    pub(crate) fn migrator(self) -> Migrator {
        let statements = match self {
            Self::Installation => return with(|step| step.sqlite),
            Self::Edge => include_str!("../migrations/edge/0001_plugin_kv.sql").into_sql_str(),
        };
        let told = "0.4.0: what plugins of an edge keep".into();
        let step = Migration::new(1, told, MigrationType::Simple, statements, false);
        Migrator::with_migrations(vec![step])
    }

    /// What to say of a file that has steps which this program does not know; the last of them is `number`.
    pub(crate) fn too_new(self, number: i64, told: &str) -> String {
        match self {
            Self::Installation => too_new(number, told),
            Self::Edge => {
                "it was written by a newer Sidegate; use that one, or remove the file, which loses \
                           what plugins keep"
                    .to_owned()
            }
        }
    }
}

/// All steps for PostgreSQL.
pub(crate) fn for_postgres() -> Migrator {
    with(|step| step.postgres)
}

fn with(statements: impl Fn(&Step) -> &'static str) -> Migrator {
    let migration = |step: &Step| {
        let statements = statements(step).into_sql_str();
        Migration::new(step.number, told(step).into(), MigrationType::Simple, statements, false)
    };
    Migrator::with_migrations(STEPS.iter().map(migration).collect())
}

/// What the database keeps of a step beside its number.
fn told(step: &Step) -> String {
    format!("{}: {}", step.since, step.what)
}

/// Whether what a database keeps of its first step is what we would have written.
pub(crate) fn is_ours(first: &str) -> bool {
    first == told(&STEPS[0])
}

/// What to say of a database whose steps were others than ours.
pub(crate) const OF_ANOTHER_BUILD: &str =
    "its schema is that of another build of Sidegate; use that build, or restore a backup";

/// What to say of a database that has steps which this program does not know; the last of them is `number`.
pub(crate) fn too_new(number: i64, told: &str) -> String {
    let known = STEPS[STEPS.len() - 1].number;
    let needed = match told.split_once(": ") {
        Some((since, _)) if release(since).is_some() => format!("use Sidegate {since} or newer"),
        _ => "use the version that wrote it".to_owned(),
    };
    format!(
        "it was written by a newer Sidegate (its schema is {number}, Sidegate {OURS} knows {known}); \
         {needed}, or restore a backup"
    )
}

/// The parts of a release's number.
fn release(text: &str) -> Option<Vec<u32>> {
    let parts: Option<Vec<u32>> = text.split('.').map(|part| part.parse().ok()).collect();
    parts.filter(|parts| parts.len() == 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_follows_the_one_before_and_names_a_release_that_has_it() {
        for (index, step) in STEPS.iter().enumerate() {
            assert_eq!(usize::try_from(step.number), Ok(index + 1), "{}", step.what);
            assert!(release(step.since).unwrap() <= release(OURS).unwrap(), "{}", step.what);
            assert!(!step.sqlite.is_empty() && !step.postgres.is_empty(), "{}", step.what);
        }
        assert!(STEPS.is_sorted_by_key(|step| release(step.since)));
    }

    #[test]
    fn the_version_that_is_needed_is_named_where_it_is_known() {
        assert_eq!(
            too_new(i64::try_from(STEPS.len()).unwrap() + 1, "0.12.0: fleets"),
            format!(
                "it was written by a newer Sidegate (its schema is {}, Sidegate {OURS} knows {}); \
                 use Sidegate 0.12.0 or newer, or restore a backup",
                STEPS.len() + 1,
                STEPS.len()
            )
        );
        assert!(too_new(7, "who: knows").contains("; use the version that wrote it, or"));
        assert!(too_new(7, "future").contains("; use the version that wrote it, or"));
    }
}
