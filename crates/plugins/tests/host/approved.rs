//! The option `sha256`: exactly the bytes that were approved run, or nothing does.

use crate::bench::{Bench, With, example, get, spec, text};
use sidegate_model::plugin::PluginSpec;
use sidegate_model::sha256::Sha256;
use sidegate_model::status::PluginState;
use std::fs;
use std::path::Path;
use std::process::Command;

fn sha256(path: &Path) -> Sha256 {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    Sha256::parse(&String::from_utf8(output.stdout).unwrap()[..64]).unwrap()
}

fn approved(id: u32, path: &Path, sha256: Sha256) -> PluginSpec {
    let mut spec = spec(id, &format!("s{id}"), &format!("file://{}", path.display()));
    spec.options.sha256 = Some(sha256);
    spec
}

/// A copy of the good plugin that a test may change.
fn copied(bench: &Bench) -> std::path::PathBuf {
    let path = bench.dir.path().join("program");
    fs::copy(example("host_subject"), &path).unwrap();
    path
}

#[tokio::test]
async fn the_approved_bytes_run_from_a_copy_that_nobody_can_change() {
    for bench in [Bench::new(), Bench::without_guards()] {
        let path = copied(&bench);
        bench.want(approved(1, &path, sha256(&path)));
        let status = bench.status_where(1, |s| s.state == PluginState::Ready).await;
        let pid = status.pid.unwrap();
        let answer = get(&bench.instance("s1").unwrap(), "/pid").await.unwrap();
        assert_eq!(text(answer), pid.to_string());
        let exe = fs::read_link(format!("/proc/{pid}/exe")).unwrap();
        assert!(exe.to_string_lossy().starts_with("/memfd:plugin"), "{exe:?}");
        let name = fs::read(format!("/proc/{pid}/cmdline")).unwrap();
        assert_eq!(name, [path.as_os_str().as_encoded_bytes(), b"\0"].concat());
        bench.host.shutdown().await;
    }
}

#[tokio::test]
async fn other_bytes_are_refused_with_both_checksums_and_not_tried_again() {
    for bench in [Bench::new(), Bench::without_guards()] {
        let path = copied(&bench);
        let demanded = Sha256([0x5a; 32]);
        bench.want(approved(1, &path, demanded));
        let status = bench.status_where(1, |s| s.state == PluginState::Stopped).await;
        let reason = status.reason.unwrap();
        for digest in [demanded, sha256(&path)] {
            assert!(reason.contains(&digest.to_string()), "{reason}");
        }
        assert_eq!((status.restarts, bench.private_dirs()), (0, 0));
    }
}

#[tokio::test]
async fn a_program_replaced_after_its_approval_is_refused_and_the_old_one_goes_on() {
    let bench = Bench::new();
    let path = copied(&bench);
    let spec = approved(1, &path, sha256(&path));
    bench.want(spec.clone());
    let pid = bench.status_where(1, |s| s.state == PluginState::Ready).await.pid;
    let other = bench.dir.path().join("other");
    let mut bytes = fs::read(&path).unwrap();
    bytes.push(0);
    fs::write(&other, bytes).unwrap();
    fs::set_permissions(&other, fs::metadata(&path).unwrap().permissions()).unwrap();
    fs::rename(&other, &path).unwrap();
    bench.want(spec.reloaded());
    let status = bench.status_where(1, |s| !s.warnings.is_empty()).await;
    assert!(status.warnings[0].contains("option sha256 demands"), "{:?}", status.warnings);
    assert_eq!((status.pid, status.state), (pid, PluginState::Ready));
    bench.host.shutdown().await;
}

#[tokio::test]
async fn a_script_is_refused_although_its_bytes_are_right() {
    for bench in [Bench::new(), Bench::without_guards()] {
        let command = bench.script("p", "sleep 1000");
        let path = Path::new(command.trim_start_matches("file://"));
        bench.want(approved(1, path, sha256(path)));
        let status = bench.status_where(1, |s| s.state == PluginState::Stopped).await;
        let reason = status.reason.unwrap();
        assert!(reason.contains("only a binary (ELF) can be started"), "{reason}");
        assert_eq!(bench.pids("p").len(), 0);
    }
}
