//! Opening: by several at once, with what is wrong with an address or a database told, and never its password.

use crate::support::{app, keys, opened, refusal};
use sidegate_e2e::{Need, Postgres};
use sidegate_store::{Page, Store};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// The name of the schema in an address.
fn schema(dsn: &str) -> &str {
    dsn.rsplit_once("%3D").unwrap().1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_that_open_an_empty_database_at_one_moment_make_it_once() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    let dsn = server.schema();
    let mut opening = JoinSet::new();
    for number in 0..6 {
        let dsn = dsn.clone();
        opening.spawn(async move {
            let store = Store::open(&dsn, &keys()).await.unwrap();
            store.create_app(&app(&format!("app {number}"))).await.unwrap();
            store.close().await;
        });
    }
    opening.join_all().await;
    assert_eq!(opened(&dsn).await.revision().await.unwrap(), 6);
}

#[tokio::test]
async fn what_does_not_let_us_in_is_told_without_the_password() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    let right = server.password();
    let elsewhere = server.guarded_dsn("hunter2", "postgres").replace("127.0.0.1", "none.invalid");
    let closed = format!("postgres://me:hunter2@127.0.0.1:{}/x", unused_port());
    for (dsn, expected) in [
        (server.guarded_dsn("hunter2", "postgres"), "check user, password"),
        (server.guarded_dsn(right, "hunter3"), "there is no such database; create it"),
        (server.guarded_dsn(right, "postgres"), "permission denied; let this user own"),
        (closed, "nobody listens at its address"),
        (elsewhere, "cannot open the database postgres://guarded@none"),
    ] {
        let begun = Instant::now();
        let told = refusal(&dsn).await;
        assert!(told.contains(expected), "{told}");
        assert!(told.starts_with("cannot open the database postgres://"), "{told}");
        assert!(!told.contains("hunter2") && !told.contains("@1@"), "{told}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{told}");
    }
}

/// One that nobody listens on for now.
fn unused_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn a_user_with_a_password_and_a_schema_of_its_own_needs_no_other_right() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    server.tell("CREATE SCHEMA own AUTHORIZATION guarded");
    let dsn = server.guarded_dsn(server.password(), "postgres");
    let dsn = format!("{dsn}&options=-c%20search_path%3Down");
    let store = opened(&dsn).await;
    store.create_app(&app("a")).await.unwrap();
    store.close().await;
    // Where there is nothing to be made, the right to make things is not needed.
    server.tell("ALTER SCHEMA own OWNER TO tests; GRANT USAGE ON SCHEMA own TO guarded");
    assert_eq!(opened(&dsn).await.revision().await.unwrap(), 1);
}

#[tokio::test]
async fn a_schema_that_is_not_there_or_belongs_to_another_program_is_refused_and_left_alone() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    let missing = format!("{}&options=-c%20search_path%3Dnowhere", server.dsn("postgres"));
    let told = refusal(&missing).await;
    assert!(told.contains("names no schema that exists; create one"), "{told}");

    let tables = "SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class AS c \
        JOIN pg_namespace AS n ON n.oid = relnamespace WHERE relkind = 'r' AND nspname = ";
    let migrated = "CREATE TABLE {}._sqlx_migrations (version BIGINT, description TEXT, checksum BYTEA); \
        INSERT INTO {}._sqlx_migrations VALUES (1, 'theirs', '')";
    for theirs in ["CREATE TABLE {}.apps (id INT)", "CREATE VIEW {}.apps AS SELECT 1", migrated] {
        let dsn = server.schema();
        let name = schema(&dsn);
        server.tell(&theirs.replace("{}", name));
        let before = server.tell(&format!("{tables}'{name}'"));
        let told = refusal(&dsn).await;
        let expected =
            format!("{name:?} has tables of another program; give Sidegate a database or");
        assert!(told.contains(&expected), "{told}");
        assert_eq!(server.tell(&format!("{tables}'{name}'")), before);
    }
}

#[tokio::test]
async fn what_an_extension_brought_along_does_not_count_as_foreign() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    let dsn = server.schema();
    server.tell(&format!(
        "CREATE VIEW {0}.of_extension AS SELECT 1; ALTER EXTENSION plpgsql ADD VIEW {0}.of_extension",
        schema(&dsn)
    ));
    opened(&dsn).await;
}

#[tokio::test]
async fn a_database_of_a_newer_version_or_of_another_build_is_refused() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    let dsn = server.schema();
    opened(&dsn).await.close().await;
    let steps = format!("{}._sqlx_migrations", schema(&dsn));
    server.tell(&format!(
        "INSERT INTO {steps} (version, description, success, checksum, execution_time) \
         VALUES (999, '12.0.0: future', TRUE, '', 0)"
    ));
    let told = refusal(&dsn).await;
    assert!(told.contains("its schema is 999"), "{told}");
    assert!(told.contains("use Sidegate 12.0.0 or newer, or restore a backup"), "{told}");
    server.tell(&format!("DELETE FROM {steps} WHERE version = 999"));
    opened(&dsn).await.close().await;
    server.tell(&format!("UPDATE {steps} SET checksum = '' WHERE version = 2"));
    let told = refusal(&dsn).await;
    assert!(told.contains("of another build of Sidegate"), "{told}");
}

#[tokio::test]
async fn a_server_that_can_only_be_read_is_read_and_says_so_to_writers() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    let dsn = server.schema();
    opened(&dsn).await.create_app(&app("a")).await.unwrap();
    let read_only = format!("{dsn}%20-c%20default_transaction_read_only%3Don");
    let store = opened(&read_only).await;
    assert_eq!(store.app_by_name("a").await.unwrap().name, "a");
    for _ in 0..2 {
        let refused = store.create_app(&app("b")).await.unwrap_err().to_string();
        assert!(
            refused.contains("it is read-only, as a standby is; name the primary"),
            "{refused}"
        );
    }
    let empty = format!("{}%20-c%20default_transaction_read_only%3Don", server.schema());
    let told = refusal(&empty).await;
    assert!(told.contains("it is read-only"), "{told}");
}

#[tokio::test]
async fn a_server_is_spoken_to_over_tls_and_only_where_its_certificate_is_right() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    server.tell("CREATE DATABASE encrypted");
    let dsn = server.tls_dsn("encrypted");
    let store = opened(&dsn).await;
    assert_eq!(store.revision().await.unwrap(), 0);
    let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
        WHERE application_name = 'sidegate' AND datname = 'encrypted'";
    assert_eq!(server.tell(encrypted), "t");
    store.close().await;
    let other_name = dsn.replace("@localhost", "@127.0.0.1");
    let unknown = dsn.split("&sslrootcert").next().unwrap().to_owned();
    for dsn in [other_name, unknown] {
        let told = refusal(&dsn).await;
        assert!(told.contains("no TLS with the server; check sslmode"), "{told}");
    }
}

/// The statements of the first steps of the schema.
fn first_steps(count: usize) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/postgres");
    let mut steps: Vec<_> =
        fs::read_dir(folder).unwrap().map(|step| step.unwrap().path()).collect();
    steps.sort();
    steps.iter().take(count).map(|step| fs::read_to_string(step).unwrap()).collect()
}

#[tokio::test]
async fn sessions_of_the_console_from_before_they_had_keys_are_over() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    let (dsn, today) = (server.schema(), server.schema());
    opened(&today).await.close().await;
    let (name, today) = (schema(&dsn), schema(&today));
    server.tell(&format!("SET search_path TO {name}; {}", first_steps(11)));
    // As a database is that had these steps and no more.
    server.tell(&format!(
        "CREATE TABLE {name}._sqlx_migrations (LIKE {today}._sqlx_migrations INCLUDING ALL); \
         INSERT INTO {name}._sqlx_migrations SELECT * FROM {today}._sqlx_migrations WHERE version <= 11; \
         INSERT INTO {name}.console_sessions (hash, via, root_hash, created_at, last_used_at, expires_at) \
         VALUES (decode(repeat('01', 32), 'hex'), 'link', decode(repeat('02', 32), 'hex'), 1, \
         4102444800000, 4102444800000)"
    ));
    let store = opened(&dsn).await;
    let left = store.view().list_console_sessions(0, 0, Page::default()).await.unwrap();
    assert_eq!(left.total, 0);
    store.close().await;
    assert_eq!(server.tell(&format!("SELECT count(*) FROM {name}.console_sessions")), "0");
}
