//! What plugins start, and that nothing of it outlives them, however it tries and whoever dies.

use crate::bench::{Bench, With, alive, example, signal, spec};
use crate::eventually::becomes_true;
use rustix::process::Signal;
use sidegate_model::plugin::PluginId;
use sidegate_model::status::PluginState;
use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Starts a child, one in a session of its own, and one that nobody is the parent of any more.
const FAMILY: &str = "sleep 1000 & echo $! >> $PIDS
setsid sh -c 'echo $$ >> '$PIDS'; exec sleep 1000' &
(setsid sh -c 'echo $$ >> '$PIDS'; exec sleep 1000' &)
";

/// Runs a plugin with a family of four, itself included.
async fn with_family(bench: &Bench, rest: &str) -> Vec<u32> {
    let command = bench.script("p", &format!("{FAMILY}{rest}"));
    bench.want(spec(1, "s", &command));
    becomes_true("all four run", || bench.pids("p").len() >= 4).await;
    bench.pids("p")
}

fn parent(pid: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_stopped_plugin_takes_along_what_left_its_group_on_purpose() {
    let bench = Bench::new();
    let family = with_family(&bench, "sleep 1000; true").await;
    bench.host.shutdown().await;
    assert!(!family.into_iter().any(alive));
    assert_eq!(bench.private_dirs(), 0);
}

#[tokio::test]
async fn a_plugin_that_ends_by_itself_leaves_nothing_behind() {
    let bench = Bench::new();
    let waits = format!("while [ ! -e {}/go ]; do sleep 0.01; done", bench.dir.path().display());
    let family = with_family(&bench, &waits).await;
    fs::write(bench.dir.path().join("go"), "").unwrap();
    becomes_true("the family is gone", || !family.iter().any(|pid| alive(*pid))).await;
}

#[tokio::test]
async fn a_plugin_whose_guard_is_killed_dies_with_its_group_and_starts_again() {
    let bench = Bench::new();
    let command = bench.script("p", "sleep 1000 & echo $! >> $PIDS; sleep 1000; true");
    bench.want(spec(1, "s", &command));
    becomes_true("both run", || bench.pids("p").len() == 2).await;
    let before = bench.pids("p");
    // A guard that is killed before the host knows the process cannot be stood in for.
    let known = || bench.host.records(PluginId(1), 0).iter().any(|r| r.pid == Some(before[0]));
    becomes_true("the host knows it", known).await;
    let guard = parent(before[0]);
    assert_ne!(guard, std::process::id());
    signal(guard, Signal::KILL);
    becomes_true("both are gone", || !before.iter().any(|pid| alive(*pid))).await;
    becomes_true("it runs again", || bench.pids("p").len() == 4).await;
    bench.host.shutdown().await;
    assert!(!bench.pids("p").into_iter().any(alive));
}

#[tokio::test]
async fn a_guard_is_deaf_to_the_signals_that_end_a_service() {
    let bench = Bench::new();
    let command = bench.script("p", "sleep 1000; true");
    bench.want(spec(1, "s", &command));
    becomes_true("it runs", || bench.pids("p").len() == 1).await;
    let pid = bench.pids("p")[0];
    for sent in [Signal::TERM, Signal::INT, Signal::HUP] {
        signal(parent(pid), sent);
    }
    bench.host.shutdown().await;
    assert_eq!(bench.pids("p"), [pid]);
    assert!(!alive(pid));
}

#[tokio::test]
async fn a_plugin_gets_its_name_and_its_output_and_no_more() {
    let bench = Bench::new();
    let seen = bench.dir.path().join("seen");
    let body = format!(
        "(echo \"$# $0\"; ulimit -c; ulimit -Sn; readlink /proc/$$/fd/0; grep Sig[BI] /proc/$$/status) \
         > {0}.tmp; mv {0}.tmp {0}; sleep 1000",
        seen.display()
    );
    let command = bench.script("p", &body);
    bench.want(spec(1, "s", &command));
    becomes_true("it wrote what it sees", || seen.exists()).await;
    let text = fs::read_to_string(&seen).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let script = Path::new(command.trim_start_matches("file://"));
    assert_eq!(lines[0], format!("0 {}", script.display()));
    assert_eq!(lines[1..4], ["0", "512", "/dev/null"], "{text}");
    // The shell holds its script; what this test was started with comes along.
    let inherited = inherited_files();
    let files = fs::read_dir(format!("/proc/{}/fd", bench.pids("p")[0])).unwrap().flatten();
    let files = files.filter(|file| fs::read_link(file.path()).unwrap() != script);
    let files: Vec<_> = files.map(|file| file.file_name().into_string().unwrap()).collect();
    let more: Vec<_> = files.iter().filter(|number| !inherited.contains(*number)).collect();
    assert_eq!(more, ["0", "1", "2"]);
    assert!(text.contains("SigBlk:\t0000000000000000"), "{text}");
    let ignored = text.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).unwrap();
    let service = [Signal::TERM, Signal::INT, Signal::HUP, Signal::CHILD, Signal::PIPE];
    let service: u64 = service.map(|signal| 1 << (signal.as_raw() - 1)).iter().sum();
    assert_eq!(u64::from_str_radix(ignored, 16).unwrap() & service, 0, "{text}");
}

/// Open files above the first three that this process passes on to whatever it starts.
fn inherited_files() -> HashSet<String> {
    const CLOSES_AT_EXEC: u32 = 0o2_000_000;
    let infos = fs::read_dir("/proc/self/fdinfo").unwrap().flatten();
    let passed_on = infos.filter(|info| {
        let text = fs::read_to_string(info.path()).unwrap_or_default();
        let flags = text.lines().find_map(|line| line.strip_prefix("flags:\t")).unwrap_or("0");
        u32::from_str_radix(flags, 8).unwrap() & CLOSES_AT_EXEC == 0
    });
    let numbers = passed_on.map(|info| info.file_name().into_string().unwrap());
    numbers.filter(|number| !["0", "1", "2"].contains(&number.as_str())).collect()
}

#[tokio::test]
async fn programs_that_the_system_does_not_run_are_told_apart_with_and_without_guards() {
    for bench in [Bench::new(), Bench::without_guards()] {
        let rows = [("#!/\n", "Permission denied"), ("#!/nonexistent\n", "No such file")];
        for (id, (content, _)) in (1..).zip(rows) {
            let command = bench.script(&format!("p{id}"), "");
            fs::write(command.trim_start_matches("file://"), content).unwrap();
            bench.want(spec(id, &format!("s{id}"), &command));
        }
        for (id, (_, words)) in (1..).zip(rows) {
            let status = bench.status_where(id, |s| s.state == PluginState::Parked).await;
            let reason = status.reason.unwrap();
            assert!(reason.contains("cannot be started: ") && reason.contains(words), "{reason}");
        }
    }
}

#[tokio::test]
async fn a_program_that_is_being_written_is_waited_for_and_then_named() {
    let bench = Bench::new();
    let path = bench.dir.path().join("program");
    fs::copy(example("host_subject"), &path).unwrap();
    let writer = fs::File::options().append(true).open(&path).unwrap();
    bench.want(spec(1, "s", &format!("file://{}", path.display())));
    let status = bench.status_where(1, |s| s.reason.is_some()).await;
    assert!(status.reason.unwrap().contains("Text file busy"));
    drop(writer);
    bench.want(spec(1, "s", &format!("file://{}", path.display())).reloaded());
    bench.status_where(1, |s| s.state == PluginState::Ready).await;
    bench.host.shutdown().await;
}

#[tokio::test]
async fn without_guards_the_group_at_least_is_ended() {
    let bench = Bench::without_guards();
    let body = "trap '' TERM; sleep 1000 & echo $! >> $PIDS; sleep 1000; true";
    let command = bench.script("p", body);
    bench.want(spec(1, "s", &command));
    becomes_true("both run", || bench.pids("p").len() == 2).await;
    assert_eq!(parent(bench.pids("p")[0]), std::process::id());
    bench.host.shutdown().await;
    becomes_true("both are gone", || !bench.pids("p").into_iter().any(alive)).await;
}

/// A guard as the gateway starts it, with the gateway's end of its socket.
fn guard(program: &str, dir: &Path) -> (Child, UnixStream) {
    let (ours, guards) = UnixStream::pair().unwrap();
    let guard = Command::new(example("host_launcher"))
        .args(["__guard-plugin", program, "any"])
        .arg(dir)
        .arg("any")
        .stdin(OwnedFd::from(guards))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    (guard, ours)
}

#[tokio::test]
async fn a_plugin_lives_on_when_the_thread_that_started_it_ends() {
    let bench = Bench::new();
    let go = bench.dir.path().join("go");
    let body = format!("while [ ! -e {} ]; do sleep 0.01; done; exit 7", go.display());
    let command = bench.script("p", &body);
    let private = bench.dir.path().join("private");
    fs::create_dir(&private).unwrap();
    let start = {
        let private = private.clone();
        move || guard(command.trim_start_matches("file://"), &private)
    };
    let (mut guard, socket) = std::thread::spawn(start).join().unwrap();
    becomes_true("it runs", || bench.pids("p").len() == 1).await;
    fs::write(go, "").unwrap();
    let said: Vec<_> = BufReader::new(socket).lines().map(Result::unwrap).collect();
    assert_eq!(said, [format!("started {}", bench.pids("p")[0]), "exited 7".to_owned()]);
    assert!(guard.wait().unwrap().success());
    assert!(!private.exists());
}

#[test]
fn the_hidden_words_alone_do_nothing() {
    for word in ["__guard-plugin", "__start-plugin"] {
        let output = Command::new(example("host_launcher")).arg(word).output().unwrap();
        assert!(!output.status.success());
        assert!(String::from_utf8_lossy(&output.stderr).contains("by the gateway only"));
    }
}
