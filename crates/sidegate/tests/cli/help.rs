//! What the program says about itself, and about arguments it does not understand.

use crate::harness::run;

#[test]
fn the_help_names_every_command() {
    insta::assert_snapshot!(run(&["--help"]).data());
}

#[test]
fn the_help_of_the_commands_names_every_flag() {
    for command in [
        &["plugin", "add"][..],
        &["plugin", "logs"],
        &["plugin", "reload"],
        &["app", "create"],
        &["app", "update"],
        &["token", "create"],
        &["token", "list"],
        &["routes"],
    ] {
        let name = command.join("_");
        insta::assert_snapshot!(name, run(&[command, &["--help"]].concat()).data());
    }
}

#[test]
fn every_setting_that_is_no_secret_is_a_flag_of_serve() {
    let help = run(&["serve", "--help"]).data();
    let reference = run(&["config", "--reference"]).data();
    let flags: Vec<_> = reference
        .lines()
        .filter(|line| line.starts_with("| [`"))
        .filter_map(|line| line.split('`').find(|cell| cell.starts_with("--")))
        .collect();
    assert!(flags.len() > 20, "{flags:?}");
    for flag in flags {
        assert!(help.contains(flag), "{flag}");
    }
    assert!(!help.contains("admin-token"));
}

#[test]
fn what_is_not_understood_is_a_usage_error() {
    for arguments in [
        &["frobnicate"][..],
        &["plugin"],
        &["plugin", "add", "--name", "x"],
        &["serve", "--prot", "1"],
        &["app", "list", "--output", "yaml"],
        &["app", "list", "--quiet", "--output", "json"],
        &["token", "create", "--app", "a", "--expires", "1M"],
        &["app", "create", "--name", "a", "--owner-email", "e@x", "--metadata", "novalue"],
    ] {
        let stderr = run(arguments).failure(2);
        assert!(!stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn the_version_is_told_in_every_form() {
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(run(&["version"]).data(), format!("sidegate {version}\n"));
    assert_eq!(run(&["version", "--quiet"]).data(), format!("{version}\n"));
    assert_eq!(run(&["version", "--output", "json"]).json()["version"], version);
}
