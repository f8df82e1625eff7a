//! Settings from files, environment and flags, as `sidegate config` and `sidegate serve` see them.

use crate::harness::{finish, program, run};
use serde_json::Value;

fn find<'a>(settings: &'a Value, name: &str) -> (&'a str, &'a str) {
    let row = settings.as_array().unwrap().iter().find(|row| row["id"] == name).unwrap();
    (row["value"].as_str().unwrap(), row["origin"].as_str().unwrap())
}

#[test]
fn config_shows_each_value_and_where_it_came_from() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.toml");
    std::fs::write(&file, "port = 1\nadmin_port = 2\nlog_level = \"warn\"\n").unwrap();
    let shown = finish(
        program(&["config", "--output", "json", "--log-level", "debug"])
            .env("SIDEGATE_CONFIG", &file)
            .env("ADMIN_PORT", "3")
            .env("HOST", "somebody-elses")
            .env("SIDEGATE_HOST", "127.0.0.1")
            .env("SIDEGATE_ADMIN_TOKEN", "very-secret"),
    );
    assert!(!shown.stdout.contains("very-secret"));
    let settings = shown.json();
    assert_eq!(find(&settings, "PORT"), ("1", &*format!("file {}: port", file.display())));
    assert_eq!(find(&settings, "ADMIN_PORT"), ("3", "env ADMIN_PORT"));
    assert_eq!(find(&settings, "LOG_LEVEL"), ("debug", "flag --log-level"));
    assert_eq!(find(&settings, "HOST"), ("127.0.0.1", "env SIDEGATE_HOST"));
    assert_eq!(find(&settings, "ADMIN_HOST"), ("127.0.0.1", "default"));
    assert_eq!(find(&settings, "SIDEGATE_ADMIN_TOKEN"), ("(hidden)", "env SIDEGATE_ADMIN_TOKEN"));
}

#[test]
fn serve_reports_all_wrong_settings_at_once_and_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.toml");
    std::fs::write(&file, "prot = 1\n").unwrap();
    let data = folder.path().join("data");
    let mut command = program(&["serve", "--idle-timeout", "never", "--config"]);
    command.arg(&file).env("PORT", "http").env("DATA_DIR", &data).env("GATEWAY_MODE", "edge");
    let stderr = finish(&mut command).failure(2);
    let stderr = stderr.replace(file.to_str().unwrap(), "FILE");
    insta::assert_snapshot!(stderr);
    assert!(!data.exists());
}

#[test]
fn a_wrong_value_is_told_with_the_very_variable_it_came_from() {
    for variable in ["PORT", "SIDEGATE_PORT"] {
        let stderr = finish(program(&["config"]).env(variable, "http")).failure(2);
        assert!(stderr.contains(&format!("env {variable}: \"http\" is no port")), "{stderr}");
    }
}

#[test]
fn variables_that_mean_nothing_here_are_named_in_one_warning() {
    let mut command = program(&["config"]);
    let shown = finish(command.env("WRITE_TIMEOUT", "300s").env("CACHE_TTL", "1h"));
    let stderr = &shown.stderr;
    assert_eq!(stderr.matches("warning:").count(), 1, "{stderr}");
    assert!(stderr.contains("CACHE_TTL, WRITE_TIMEOUT"), "{stderr}");
    assert_eq!(shown.code, Some(0));
}

#[test]
fn every_option_of_a_plugin_is_explained_in_the_docs() {
    let page = include_str!("../../../../docs/operations.md");
    for name in sidegate_model::options::PluginOptions::NAMES {
        assert!(page.contains(&format!("| `{name}` |")), "{name}");
    }
}

#[test]
fn the_reference_is_the_page_in_the_docs() {
    let page = include_str!("../../../../docs/config.md");
    assert_eq!(run(&["config", "--reference"]).data(), page);
}
