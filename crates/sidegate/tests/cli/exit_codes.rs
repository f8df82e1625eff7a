//! The exit code of each kind of failure, as `docs/cli.md` has it; and completions, which no gateway is asked for.

use crate::harness::{Server, finish, run};
use std::process::{Command, Stdio};

#[test]
fn each_kind_of_failure_has_its_exit_code() {
    let server = Server::start();
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("f.yaml");
    let text =
        "apiVersion: sidegate/v1\nkind: Configuration\napps: [{name: b, owner_email: o@x}]\n";
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let create = ["app", "create", "--name", "a", "--owner-email", "o@x"];
    server.run(&create).data();
    let gone = ["plugin", "add", "--name", "gone", "--command", "file:///no/such"];
    let rows: [(&[&str], i32); 8] = [
        (&gone, 1),
        (&["app", "list", "--frobnicate"], 2),
        (&["app", "create", "--name", "b", "--owner-email", "nobody"], 2),
        (&["diff", "/no/such/file"], 2),
        (&["diff", file], 3),
        (&["app", "show", "nobody"], 4),
        (&create, 5),
        (&["apply", file, "--plan-hash", "another"], 5),
    ];
    for (arguments, code) in rows {
        let finished = server.run(arguments);
        assert_eq!(finished.code, Some(code), "{arguments:?} {finished:?}");
    }
    let mut wrong = server.command(&["app", "list"]);
    finish(wrong.env("SIDEGATE_ADMIN_TOKEN", "wrong")).failure(6);
    let mut nobody = server.command(&["diff", file, "--url", "http://127.0.0.1:1"]);
    finish(nobody.env("SIDEGATE_ADMIN_TOKEN", "x")).failure(7);
}

#[test]
fn completions_name_every_command_and_shells_can_read_them() {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell]).data();
        for word in ["serve", "admin-token", "export", "apply", "--prune", "approve-public"] {
            let word = if shell == "fish" { word.trim_start_matches('-') } else { word };
            assert!(script.contains(word), "{word} for {shell}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("script");
        std::fs::write(&path, &script).unwrap();
        let check = if shell == "fish" { "--no-execute" } else { "-n" };
        let mut command = Command::new(shell);
        command.arg(check).arg(&path).stdin(Stdio::null()).stdout(Stdio::piped());
        // What is not on this machine cannot be asked.
        if let Ok(output) = command.stderr(Stdio::piped()).output() {
            assert!(output.status.success(), "{shell}: {output:?}");
        }
    }
    run(&["completions", "csh"]).failure(2);
}
