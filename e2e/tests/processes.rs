//! What plugins inherit of the gateway's process, and what the gateway inherits as the first process of a
//! container.

use sidegate_e2e::{Gateway, Need, eventually, program, story};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The soft limit of open files of a process.
fn open_files(pid: u32) -> u64 {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn plugins_get_the_limit_of_open_files_that_the_gateway_was_started_with() {
    story(async {
        let gateway = Gateway::builder().open_files(300).start().await;
        let plugin = gateway.plugin("m").program("e2e-plugin-misbehave").ready().await;
        assert_eq!(open_files(plugin.pid().await), 300);
        assert!(open_files(gateway.pid()) > 300, "its own is raised");
    });
}

/// A gateway that is the first process of its own world of processes.
struct First {
    unshare: Child,
    /// As it is known outside.
    pid: u32,
}

impl First {
    /// `None` where this machine does not allow it.
    async fn start(folder: &Path) -> Option<Self> {
        let log = fs::File::create(folder.join("log")).unwrap();
        let ready = folder.join("ready");
        let unshare = Command::new("unshare")
            .args(["--pid", "--fork", "--mount-proc", "--kill-child"])
            .arg(program("sidegate"))
            .args(["serve", "--ready-file"])
            .arg(&ready)
            .env("DATA_DIR", folder.join("data"))
            .env("HOST", "127.0.0.1")
            .env("PORT", "0")
            .env("ADMIN_PORT", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let mut unshare = unshare.ok()?;
        let begun = eventually("the gateway is ready, or unshare is refused", async || {
            let ended = unshare.try_wait().unwrap().is_some();
            (ended || ready.exists()).then_some(!ended)
        })
        .await;
        if !begun {
            let log = fs::read_to_string(folder.join("log")).unwrap();
            assert!(log.contains("unshare"), "{log}");
            return None;
        }
        let pid = eventually("its process is found", async || {
            sidegate_e2e::descendants(unshare.id()).first().copied()
        })
        .await;
        Some(Self { unshare, pid })
    }
}

impl Drop for First {
    fn drop(&mut self) {
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
    }
}

/// Children of a process that have ended and that nobody has taken note of.
fn zombies(parent: u32) -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let stats = entries.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    let ended = format!("Z {parent} ");
    stats
        .filter(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(&ended)))
        .count()
}

#[test]
fn the_first_process_of_a_container_takes_note_of_every_end() {
    story(async {
        let folder = tempfile::tempdir().unwrap();
        let first = First::start(folder.path()).await;
        let Some(first) = Need::Unshare.or_skip(first) else { return };
        for _ in 0..10 {
            // As `docker exec` does: a process whose parent is outside, with a child that it leaves alone.
            let entered = Command::new("nsenter")
                .args(["--target", &first.pid.to_string(), "--pid", "sh", "-c", "sleep 0.2 & true"])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            assert!(entered.unwrap().success());
        }
        eventually("the orphans end", async || {
            (sidegate_e2e::descendants(first.pid).is_empty() || zombies(first.pid) > 0)
                .then_some(())
        })
        .await;
        eventually("nothing is left of them", async || {
            (sidegate_e2e::descendants(first.pid).is_empty()).then_some(())
        })
        .await;
    });
}
