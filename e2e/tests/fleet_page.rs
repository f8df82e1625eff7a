//! "A fleet in ten minutes" of the page on control planes, as it stands there: its blocks in their order, each in the
//! terminal that the page says. Only ports are other ones, so that several of these can run at one time.

use sidegate_e2e::{
    Need, curl, eventually, free_port, long_story, program, search_path, terminate, within,
};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;

/// How long a block may take, and the whole page.
const BLOCK: Duration = Duration::from_secs(30);
const LIMIT: Duration = Duration::from_secs(150);
/// Lines that nobody has looked at yet, more than there ever are.
const UNREAD: usize = 10_000;
/// Ports of the page.
const PORTS: [&str; 4] = ["9080", "9443", "9081", "9082"];

/// The blocks of shell in the section.
fn blocks() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/control-plane.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once("\n## A fleet in ten minutes\n").unwrap();
    let (section, _) = section.split_once("\n### ").unwrap();
    let (mut blocks, mut rest) = (Vec::new(), section);
    while let Some((_, after)) = rest.split_once("\n```sh\n") {
        let (block, after) = after.split_once("\n```\n").unwrap();
        blocks.push(block.to_owned());
        rest = after;
    }
    blocks
}

/// Ports that nobody listens on, one for each of the page.
fn free_ports() -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    while found.len() < PORTS.len() {
        let number = free_port().to_string();
        // None in which one of the page would be found in turn.
        if !PORTS.iter().any(|port| number.contains(port)) {
            found.push((PORTS[found.len()], number));
        }
    }
    found
}

/// A checkout as far as the page needs one: what was built is where the page looks for it.
fn checkout(folder: &Path) -> PathBuf {
    let checkout = folder.join("checkout");
    std::fs::create_dir_all(checkout.join("target")).unwrap();
    let built = program("sidegate");
    symlink(built.parent().unwrap(), checkout.join("target/debug")).unwrap();
    checkout
}

/// A shell that reads what is typed.
struct Terminal {
    shell: Child,
    typed: ChildStdin,
    lines: mpsc::Receiver<String>,
    /// What it printed since it was looked at last.
    printed: String,
}

impl Terminal {
    /// A fresh one in the checkout.
    fn open(checkout: &Path) -> Self {
        let mut command = Command::new("bash");
        // What fails ends the shell.
        command.args(["-e"]).env_clear().env("PATH", search_path()).env("HOME", checkout);
        command.current_dir(checkout).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        let mut shell = command.spawn().expect("there is a bash");
        let typed = shell.stdin.take().unwrap();
        let (told, lines) = mpsc::channel(UNREAD);
        let output = BufReader::new(shell.stdout.take().unwrap()).lines();
        tokio::spawn(read(output, told.clone()));
        let errors = BufReader::new(shell.stderr.take().unwrap()).lines();
        tokio::spawn(read(errors, told));
        Self { shell, typed, lines, printed: String::new() }
    }

    async fn type_in(&mut self, text: &str) {
        self.printed.clear();
        self.typed.write_all(format!("{text}\n").as_bytes()).await.unwrap();
    }

    /// Waits until it prints this, and gives all that it has printed since something was typed.
    async fn prints(&mut self, text: &str) -> String {
        let reading = async {
            while !self.printed.contains(text) {
                let line = self.lines.recv().await;
                let line = line.unwrap_or_else(|| {
                    panic!("the shell has ended, and never said {text:?}:\n{}", self.printed)
                });
                self.printed.push_str(&line);
                self.printed.push('\n');
            }
        };
        if tokio::time::timeout(BLOCK, reading).await.is_err() {
            panic!("it does not say {text:?}:\n{}", self.printed);
        }
        self.printed.clone()
    }

    /// Runs a block to its end, every command of which is to succeed.
    async fn run(&mut self, block: &str) -> String {
        self.type_in(&format!("{block}\necho the-block-is-over")).await;
        self.prints("the-block-is-over").await
    }

    /// Ends what runs in it, as Ctrl-C does, and waits until it has.
    async fn interrupt(&mut self) {
        let runs = self.foreground().expect("something runs in it");
        let runs = rustix::process::Pid::from_raw(runs.cast_signed()).unwrap();
        rustix::process::kill_process(runs, rustix::process::Signal::INT).unwrap();
        eventually("what ran in the terminal has ended", async || {
            self.foreground().is_none().then_some(())
        })
        .await;
    }

    /// The process that runs in it.
    fn foreground(&self) -> Option<u32> {
        let shell = self.shell.id()?;
        let children = format!("/proc/{shell}/task/{shell}/children");
        let children = std::fs::read_to_string(children).ok()?;
        children.split_whitespace().next()?.parse().ok()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(runs) = self.foreground() {
            terminate(runs);
        }
    }
}

async fn read<R: tokio::io::AsyncBufRead + Unpin>(
    mut from: tokio::io::Lines<R>,
    to: mpsc::Sender<String>,
) {
    while let Ok(Some(line)) = from.next_line().await {
        let _ = to.send(line).await;
    }
}

/// The row of a list that begins with this edge's id.
fn row<'a>(list: &'a str, edge: &str) -> &'a str {
    list.lines().find(|line| line.contains(edge)).unwrap_or_else(|| panic!("{edge} in {list}"))
}

/// Waits until a command prints something for which this holds.
async fn comes_to_print(terminal: &mut Terminal, command: &str, holds: impl Fn(&str) -> bool) {
    let asking = async {
        loop {
            if holds(&terminal.run(command).await) {
                return;
            }
        }
    };
    within(BLOCK, command, asking).await;
}

/// What the page tells beside its blocks: an edge goes on, and starts, while its control plane is stopped.
async fn goes_on_without(
    [one, two, three]: [&mut Terminal; 3],
    [control, shown, ask]: [&str; 3],
    ready: &str,
) {
    // The control plane is stopped; the edge goes on, and starts without it.
    one.interrupt().await;
    let answer = two.run(ask).await;
    assert!(answer.contains("200 OK"), "{answer}");
    comes_to_print(two, ready, |ready| ready.contains("\"connected\":false")).await;
    assert!(two.run(ready).await.contains("staleness_seconds"));
    three.interrupt().await;
    three.type_in(shown).await;
    comes_to_print(two, &format!("{ask} || true"), |answer| answer.contains("200 OK")).await;
    one.type_in(control).await;
    one.prints("sidegate listens as a control plane").await;
    comes_to_print(two, "sidegate edge list", |list| row(list, "berlin-1").contains("connected"))
        .await;
}

#[test]
fn a_fleet_in_ten_minutes_works_as_the_page_says() {
    let Some(_curl) = Need::Curl.or_skip(curl()) else { return };
    long_story(LIMIT, async {
        let folder = tempfile::tempdir().unwrap();
        let (checkout, ports) = (checkout(folder.path()), free_ports());
        let here = |text: &str| {
            ports.iter().fold(text.to_owned(), |text, (port, ours)| text.replace(port, ours))
        };
        let blocks: Vec<_> = blocks().iter().map(|block| here(block)).collect();
        let [begin, control, administer, edge, save, go_back] = blocks.as_slice() else {
            panic!("the page has other blocks now, and this story has to run them: {blocks:#?}")
        };
        let mut terminals = [1, 2, 3].map(|_| Terminal::open(&checkout));
        for terminal in &mut terminals {
            terminal.run(begin).await;
        }
        let [one, two, three] = &mut terminals;

        one.type_in(control).await;
        one.prints("sidegate listens as a control plane").await;
        let registered = two.run(administer).await;
        let line = registered.lines().find(|line| line.starts_with("start it with"));
        let line = line.unwrap_or_else(|| panic!("no line with the command in {registered}"));
        let made = line.trim_start_matches("start it with").trim();
        let (_, token) = made.rsplit_once(' ').unwrap();
        let shown = edge.replace("sgj_…", token);
        assert!(shown.ends_with(made), "the page shows {edge:?}, and the answer is {made:?}");
        three.type_in(&shown).await;
        three.prints("joined edge=\"berlin-1\"").await;
        three.prints("what this edge knows is fresh").await;
        comes_to_print(two, "sidegate edge list", |list| {
            let row = row(list, "berlin-1");
            row.contains("connected") && row.contains("fresh")
        })
        .await;

        let saved = two.run(save).await;
        assert!(saved.contains("200 OK") && saved.contains("\"app\""), "{saved}");
        assert!(saved.contains("401"), "why it is 401 without a token: {saved}");

        let back = two.run(go_back).await;
        assert!(back.contains("config.slug"), "{back}");
        let listed = two.run("sidegate history list --output json").await;
        assert!(
            listed.contains("\"rolled_back_to\": 4") || listed.contains("\"rolled_back_to\":4"),
            "{listed}"
        );
        let ask = save.lines().find(|line| line.starts_with("curl")).unwrap();
        // Without what the page says behind it.
        let (ask, _) = ask.split_once('#').unwrap();
        comes_to_print(two, ask, |answer| answer.contains("200 OK")).await;

        goes_on_without(
            [&mut *one, &mut *two, &mut *three],
            [control, &shown, ask],
            &here("curl localhost:9081/ready"),
        )
        .await;

        // To be rid of it all.
        three.interrupt().await;
        one.interrupt().await;
        std::fs::remove_dir_all(checkout.join("fleet")).unwrap();
    });
}
