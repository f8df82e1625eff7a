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
        &["plugin", "approve-public"],
        &["plugin", "call"],
        &["plugin", "grant"],
        &["plugin", "inspect"],
        &["plugin", "logs"],
        &["plugin", "reload"],
        &["plugin", "revoke"],
        &["plugin", "show"],
        &["plugin", "storage", "list"],
        &["plugin", "update"],
        &["app", "create"],
        &["app", "update"],
        &["app", "delete"],
        &["token", "create"],
        &["token", "list"],
        &["token", "revoke"],
        &["token", "rotate"],
        &["history", "list"],
        &["history", "diff"],
        &["history", "rollback"],
        &["namespace", "create"],
        &["namespace", "delete"],
        &["admin-token", "create"],
        &["admin-token", "list"],
        &["admin-token", "revoke"],
        &["user", "create"],
        &["user", "password"],
        &["console", "link"],
        &["audit"],
        &["apply"],
        &["diff"],
        &["export"],
        &["completions"],
        &["whoami"],
        &["routes"],
        &["needs"],
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
        &["admin-token", "create", "x"],
        &["admin-token", "create", "x", "--role", "ruler"],
        &["audit", "--since", "yesterday"],
        &["audit", "--limit", "0"],
        &["app", "list", "--quiet", "--output", "json"],
        &["token", "create", "--app", "a", "--expires", "1M"],
        &["app", "create", "--name", "a", "--owner-email", "e@x", "--metadata", "novalue"],
    ] {
        let stderr = run(arguments).failure(2);
        assert!(!stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn the_help_of_groups_says_what_each_command_does() {
    for group in
        ["plugin", "app", "token", "admin-token", "user", "console", "namespace", "history"]
    {
        insta::assert_snapshot!(group, run(&[group, "--help"]).data());
    }
}

#[test]
fn a_negative_number_is_a_wrong_value_and_not_an_unknown_flag() {
    let app = ["app", "create", "--name", "a", "--owner-email", "e@x"];
    for (arguments, words) in [
        (&["token", "create", "--app", "a", "--expires", "-1h"][..], "negative"),
        (&["token", "create", "--app", "a", "--expires", "--quiet"], "the duration is missing"),
        (&["plugin", "reload", "p", "--wait", "-5s"], "negative"),
        (&["plugin", "logs", "p", "--lines", "-1"], "-1 is not in 0..=200"),
        (&[&app[..], &["--rate-limit", "-1"]].concat(), "0 is unlimited"),
        (&[&app[..], &["--monthly-budget", "-1"]].concat(), "0 or more"),
    ] {
        let stderr = run(arguments).failure(2);
        assert!(stderr.contains(words) && !stderr.contains("unexpected"), "{stderr}");
    }
}

#[test]
fn the_text_of_a_token_is_refused_without_repeating_it() {
    let token = format!("sgt_{}", "Zx9".repeat(15));
    let mut command = crate::harness::program(&["token", "revoke", &token]);
    let command =
        command.env("SIDEGATE_ADMIN_TOKEN", "t").env("SIDEGATE_URL", "http://127.0.0.1:1");
    let stderr = crate::harness::finish(command).failure(2);
    insta::assert_snapshot!(stderr, @r"
    error: this is the text of a token: give the number or name of the token
    hint: `sidegate token list` shows them
    ");
}

#[test]
fn the_version_is_told_in_every_form() {
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(run(&["version"]).data(), format!("sidegate {version}\n"));
    assert_eq!(run(&["version", "--quiet"]).data(), format!("{version}\n"));
    assert_eq!(run(&["version", "--output", "json"]).json()["version"], version);
}
