//! Whatever ends the gateway: nothing that a plugin started lives on, and no folder stays for ever.

use crate::eventually::{PATIENCE, some_time_blocking};
use crate::harness::Server;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How soon everything must be gone after the gateway was killed.
const SOON: Duration = Duration::from_secs(1);

/// A plugin that never says anything, with a child, a grandchild, one that left for a session of its
/// own, and one that nobody is the parent of any more.
const FAMILY: &str = "#!/bin/sh
echo $$ >> PIDS
sleep 1000 & echo $! >> PIDS
sh -c 'sleep 1000 & echo $! >> PIDS; wait' &
setsid sh -c 'echo $$ >> PIDS; exec sleep 1000' &
(setsid sh -c 'echo $$ >> PIDS; exec sleep 1000' &)
sleep 1000; true
";
const FAMILY_SIZE: usize = 5;

struct Family {
    server: Server,
    dir: TempDir,
    members: Vec<u32>,
    guard: u32,
}

impl Family {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(runtime_dir(&dir)).unwrap();
        let server = Server::start_at(tempfile::tempdir().unwrap(), &runtime_dir(&dir));
        let program = dir.path().join("program");
        let pids = dir.path().join("pids");
        fs::write(&program, FAMILY.replace("PIDS", pids.to_str().unwrap())).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let command = format!("file://{}", program.display());
        let add = ["plugin", "add", "--name", "p", "--slug", "s", "--command", &command];
        server.run(&[&add[..], &["--no-wait"]].concat()).data();
        let members = some_time_blocking(|| {
            let noted = fs::read_to_string(&pids).unwrap_or_default();
            let members: Vec<u32> = noted.lines().filter_map(|line| line.parse().ok()).collect();
            (members.len() == FAMILY_SIZE).then_some(members)
        });
        let members = members.expect("the family starts");
        let guard = parent(members[0]).unwrap();
        assert_eq!(parent(guard), Some(server.pid()));
        Self { server, dir, members, guard }
    }

    fn anybody_lives(&self) -> bool {
        self.members.iter().chain([&self.guard]).any(|pid| is_alive(*pid))
    }

    fn folders(&self) -> Vec<PathBuf> {
        let gateways = fs::read_dir(only_folder(&runtime_dir(&self.dir))).unwrap();
        gateways.map(|entry| entry.unwrap().path()).collect()
    }
}

fn runtime_dir(dir: &TempDir) -> PathBuf {
    dir.path().join("tmp")
}

fn stat(pid: u32) -> Option<(char, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

fn parent(pid: u32) -> Option<u32> {
    stat(pid).map(|(_, parent)| parent)
}

fn is_alive(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

#[test]
fn a_killed_gateway_leaves_no_process_and_its_folder_only_until_the_next_start() {
    let mut family = Family::start();
    assert_eq!(family.folders().len(), 1);
    let killed = Instant::now();
    family.server.signal("KILL");
    let gone = some_time_blocking(|| (!family.anybody_lives()).then(|| killed.elapsed()));
    assert!(gone.is_some_and(|took| took < SOON), "{gone:?} of {PATIENCE:?}: {:?}", family.members);
    assert_eq!(family.server.ended(), None);
}

#[test]
fn the_next_gateway_removes_what_a_killed_one_left() {
    let mut family = Family::start();
    family.server.signal("KILL");
    family.server.ended();
    some_time_blocking(|| (!family.anybody_lives()).then_some(())).expect("the family goes");
    let runtime = only_folder(&runtime_dir(&family.dir));
    let left = only_folder(&runtime);
    let next = Server::start_at(tempfile::tempdir().unwrap(), &runtime_dir(&family.dir));
    assert!(!left.exists());
    next.logged("ended badly");
    // The one of a gateway that lives stays.
    let living = only_folder(&runtime);
    let third = Server::start_at(tempfile::tempdir().unwrap(), &runtime_dir(&family.dir));
    assert!(living.exists());
    drop((next, third));
    assert_eq!(fs::read_dir(runtime).unwrap().count(), 0);
}

#[test]
fn a_gateway_that_is_asked_to_stop_leaves_nothing_when_it_ends() {
    for signal in ["TERM", "INT"] {
        let mut family = Family::start();
        family.server.signal(signal);
        assert_eq!(family.server.ended(), Some(0), "{}", family.server.log());
        assert!(!family.anybody_lives(), "{signal}");
        assert_eq!(family.folders(), Vec::<PathBuf>::new());
    }
}

#[test]
fn the_log_says_how_far_plugins_are_contained() {
    let server = Server::start_with(&[]);
    server.logged("containment=\"descendants\"");
}

#[test]
fn the_hidden_arguments_are_no_commands_for_people() {
    let help = crate::harness::run(&["--help"]).data();
    assert!(!help.contains("__"), "{help}");
    let refusal = crate::harness::run(&["__guard-plugin"]).failure(1);
    assert!(refusal.contains("by the gateway only"), "{refusal}");
}

fn only_folder(parent: &Path) -> PathBuf {
    let found: Vec<_> = fs::read_dir(parent).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}
