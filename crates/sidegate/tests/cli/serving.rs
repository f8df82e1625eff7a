//! `sidegate serve`: start, first start, conflicts and stop.

use crate::harness::{Server, finish, program, serve};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn a_first_start_makes_an_admin_token_and_later_starts_keep_it() {
    let mut server = Server::start();
    let path = server.data_dir().join("admin.token");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let token = std::fs::read_to_string(&path).unwrap();
    assert!(!server.log().contains(token.trim()));
    server.run(&["app", "create", "--name", "kept", "--owner-email", "o@x"]).data();
    server.signal("TERM");
    assert_eq!(server.ended(), Some(0));

    assert!(!server.ready_file().exists());
    let again = server.start_again();
    assert!(again.run(&["app", "list"]).data().contains("kept"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), token);
}

#[test]
fn both_signals_end_it_in_order() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::start();
        server.signal(signal);
        assert_eq!(server.ended(), Some(0), "{signal}: {}", server.log());
    }
}

#[test]
fn a_second_server_on_the_same_folder_is_refused() {
    let server = Server::start();
    let stderr = finish(&mut serve(&server.data_dir())).failure(5);
    assert!(stderr.contains("is in use by another gateway"), "{stderr}");
    assert!(stderr.contains("DATA_DIR"), "{stderr}");
}

#[test]
fn a_taken_port_is_named_with_its_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (flag, setting) in [("--admin-port", "ADMIN_PORT"), ("--port", "PORT")] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = program(&["serve", "--host", "127.0.0.1"]);
        let other = if flag == "--port" { "--admin-port" } else { "--port" };
        command.args([flag, &port, other, "0", "--data-dir"]).arg(folder.path());
        let stderr = finish(&mut command).failure(1);
        assert!(stderr.contains(&format!("127.0.0.1:{port}")), "{stderr}");
        assert!(stderr.contains(&format!("set {setting}")), "{stderr}");
    }
}

#[test]
fn json_logs_are_json_on_every_line() {
    let mut server = Server::start_with(&["--log-format", "json", "--log-level", "debug"]);
    server.run(&["app", "list"]).data();
    server.signal("TERM");
    assert_eq!(server.ended(), Some(0));
    let log = server.log();
    assert!(log.contains("sidegate listens"), "{log}");
    for line in log.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

#[test]
fn a_database_of_an_unknown_kind_is_refused_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = serve(folder.path());
    let stderr = finish(command.args(["--database-dsn", "mysql://me:pass@h/x"])).failure(1);
    assert!(stderr.contains("DATABASE_DSN") && !stderr.contains("pass@"), "{stderr}");
}
