//! What a fleet costs: a control plane as a process, and many edges as tasks here, each with a certificate, a connection
//! and a folder of its own. They sync as edges do, and serve nobody.

mod client;
mod page;

pub use page::{MARKS, not_met, report};

use crate::admin::{ADMIN_TOKEN, Admin};
use crate::kernel::{cpu_ns, resident_kib};
use crate::program::{MEASURED, Program, beside, search_path};
use crate::tokens;
use anyhow::{Context as _, Result, ensure};
use client::{Client, JoinsBy};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use sidegate_enrolment::ControlUrl;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Joins at one time.
const JOINING: usize = 8;
/// How long the fleet is watched while nothing is saved.
const IDLE: Duration = Duration::from_secs(10);
/// How long a save may take to be everywhere before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(60);
/// Edges of the large namespace.
const WITH_TOKENS: u32 = 2;

/// How large everything is.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Edges.
    pub edges: u32,
    /// Tokens, where bytes are counted.
    pub tokens: u32,
    /// How often something is saved.
    pub saves: u16,
}

/// What was measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    /// Edges that were connected.
    pub edges: u32,
    /// From the request that saves to each edge that has it, of every save and edge, in milliseconds and sorted.
    pub reached_ms: Vec<f64>,
    /// How often something was saved.
    pub saves: usize,
    /// Edges that a save did not reach in time.
    pub missed: usize,
    /// Processor time of the control plane for a save, in milliseconds.
    pub save_cpu_ms: f64,
    /// Of its processor time for a second in which nothing is saved, in milliseconds.
    pub idle_cpu_ms: f64,
    /// Its processor time for one edge that joins and connects, in milliseconds.
    pub join_cpu_ms: f64,
    /// Its memory without edges, and for one more edge, in KiB.
    pub memory_kib: (u64, f64),
    /// Tokens of the large namespace.
    pub tokens: u32,
    /// Bytes that an edge reads for all of it, and for one token more.
    pub bytes: (u64, u64),
}

/// Measures it.
///
/// # Errors
/// When the control plane or an edge does not do as it should.
pub async fn run(sizes: &Sizes, folder: &Path) -> Result<Measured> {
    let mut measured = Measured { edges: sizes.edges, tokens: sizes.tokens, ..<_>::default() };
    measured.bytes = bytes_of_a_token(sizes, &subfolder(folder, "tokens")?).await?;
    many_edges(sizes, &subfolder(folder, "edges")?, &mut measured).await?;
    Ok(measured)
}

/// A process of a control plane.
struct Control {
    program: Program,
    admin: Admin,
    url: ControlUrl,
    folder: PathBuf,
}

impl Control {
    async fn start(folder: &Path, tokens: u32) -> Result<Self> {
        let (data, ready) = (folder.join("data"), folder.join("ready.json"));
        fs::DirBuilder::new().mode(0o700).create(&data)?;
        if tokens > 0 {
            tokens::fill(&data.join("sidegate.db"), tokens).await?;
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut command = Command::new(beside("sidegate")?);
        command.args(["serve", "--role", "control", "--ready-file"]).arg(&ready).env_clear();
        command.env("PATH", search_path()).env("DATA_DIR", &data);
        command.env("ADMIN_PORT", "0").env("LOG_LEVEL", "warn");
        command.env("SIDEGATE_SYNC_HOST", "127.0.0.1");
        command.env("SIDEGATE_SYNC_PORT", port.to_string());
        command.env("SIDEGATE_ADMIN_TOKEN", ADMIN_TOKEN);
        let mut program = Program::start(command, MEASURED, folder)?;
        let read = || serde_json::from_slice::<Value>(&fs::read(&ready).ok()?).ok();
        let said = program.wait_for(async || read()).await?;
        let addr = said["admin_addr"].as_str().and_then(|addr| addr.parse::<SocketAddr>().ok());
        let admin = Admin::new(addr.context("admin_addr in the ready file")?);
        let url = ControlUrl::parse(&format!("https://127.0.0.1:{port}"))?;
        Ok(Self { program, admin, url, folder: folder.to_owned() })
    }

    /// One more edge, connected and with all that there is.
    async fn edge(&self, number: u32) -> Result<Client> {
        let name = format!("edge-{number}");
        let made = self.admin.call("POST", "edges", &json!({"name": name})).await?;
        let token = made["attributes"]["join_token"].as_str().context("a join token")?;
        let folder = subfolder(&self.folder, &name)?;
        Client::start(JoinsBy { token, url: &self.url, folder: &folder }).await
    }

    fn cpu_ms(&self) -> Result<f64> {
        Ok(cpu_ns(self.program.pid())? as f64 / 1e6)
    }

    /// An app to which tokens can belong.
    async fn app(&self) -> Result<u32> {
        let app = json!({"name": "fleet", "owner_email": "bench@example.com"});
        let app = self.admin.call("POST", "apps", &app).await?;
        app["id"].as_str().and_then(|id| id.parse().ok()).context("the number of an app")
    }
}

/// Bytes for a namespace with many tokens, and for one more of them.
async fn bytes_of_a_token(sizes: &Sizes, folder: &Path) -> Result<(u64, u64)> {
    eprintln!("fleet: one token among {}", sizes.tokens);
    let control = Control::start(folder, sizes.tokens).await?;
    let app = control.app().await?;
    let mut clients = Vec::new();
    for number in 0..WITH_TOKENS {
        let mut client = control.edge(number).await?;
        timeout(PATIENCE, client.has_tokens(as_len(sizes.tokens))).await.context("all tokens")?;
        clients.push(client);
    }
    let whole = clients.iter().map(Client::read_bytes).max().unwrap_or_default();
    control.admin.call("POST", "tokens", &json!({"app_id": app})).await?;
    let mut one = 0;
    for client in &mut clients {
        let all = client.has_tokens(as_len(sizes.tokens) + 1);
        timeout(PATIENCE, all).await.context("one token more")?;
        one = one.max(client.read_bytes() - whole.min(client.read_bytes()));
    }
    Ok((whole, one))
}

fn as_len(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// All edges of a fleet at one control plane, with few things to serve by.
async fn many_edges(sizes: &Sizes, folder: &Path, measured: &mut Measured) -> Result<()> {
    let control = Control::start(folder, 0).await?;
    let app = control.app().await?;
    let alone_kib = resident_kib(control.program.pid())?;
    let before = control.cpu_ms()?;
    eprintln!("fleet: {} edges join", sizes.edges);
    let joining = stream::iter(0..sizes.edges).map(|number| control.edge(number));
    let mut clients: Vec<Client> = joining.buffer_unordered(JOINING).try_collect().await?;
    measured.join_cpu_ms = (control.cpu_ms()? - before) / f64::from(sizes.edges);
    let before = (control.cpu_ms()?, Instant::now());
    sleep(IDLE).await;
    measured.idle_cpu_ms = (control.cpu_ms()? - before.0) / before.1.elapsed().as_secs_f64();
    let grown = resident_kib(control.program.pid())?.saturating_sub(alone_kib);
    measured.memory_kib = (alone_kib, grown as f64 / f64::from(sizes.edges));
    let before = control.cpu_ms()?;
    for save in 1..=usize::from(sizes.saves) {
        eprintln!("fleet: save {save}");
        let begun = Instant::now();
        let token = json!({"app_id": app});
        let saved = control.admin.call("POST", "tokens", &token);
        let everywhere = stream::iter(&mut clients)
            .map(|client| async move { timeout(PATIENCE, client.has_tokens(save)).await.ok() })
            .buffer_unordered(usize::MAX)
            .collect::<Vec<_>>();
        let (saved, reached) = tokio::join!(saved, everywhere);
        saved?;
        measured.missed += reached.iter().filter(|at| at.is_none()).count();
        let took = |at: Instant| at.saturating_duration_since(begun).as_secs_f64() * 1e3;
        measured.reached_ms.extend(reached.into_iter().flatten().map(took));
    }
    measured.saves = usize::from(sizes.saves);
    measured.save_cpu_ms = (control.cpu_ms()? - before) / f64::from(sizes.saves);
    measured.reached_ms.sort_by(f64::total_cmp);
    ensure!(!measured.reached_ms.is_empty(), "no save reached any edge");
    Ok(())
}

fn subfolder(folder: &Path, name: &str) -> Result<PathBuf> {
    let made = folder.join(name);
    fs::create_dir(&made).with_context(|| format!("make {}", made.display()))?;
    Ok(made)
}
