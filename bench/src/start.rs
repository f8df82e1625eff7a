//! Starts contestants, each with a folder of its own below the folder of the run.

use crate::admin::{ADMIN_TOKEN, Admin};
use crate::caller::Kind;
use crate::contestant::Contestant;
use crate::http::{Connection, request};
use crate::naive as wire;
use crate::payload::{HELLO, MOUNT};
use crate::program::{MEASURED, Program, beside, find, search_path};
use crate::tokens;
use anyhow::{Context as _, Result, bail, ensure};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sidegate_wire::handshake::{
    COOKIE_KEY, COOKIE_VALUE, ENV_UNIX_SOCKET_DIR, FEATURE_HEADER_LIST, Handshake, Network,
};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};
use wire::plugin_service_client::PluginServiceClient;

/// A gateway of ours that is to be started.
#[derive(Debug, Clone)]
pub struct Sidegate {
    /// How reports call it.
    pub name: String,
    /// The gateway's program.
    pub program: PathBuf,
    /// The plugin's program.
    pub plugin: PathBuf,
    /// `GATEWAY_SHARDS`.
    pub shards: usize,
    /// The cores of gateway and plugin.
    pub cores: &'static [usize],
    /// How many routes the plugin has on top.
    pub routes: u32,
    /// How many tokens there are.
    pub tokens: u32,
    /// `LOG_LEVEL`.
    pub log_level: &'static str,
}

impl Sidegate {
    /// The usual one: built together with this program, one shard, one token.
    ///
    /// # Errors
    /// When it was not built.
    pub fn usual(name: &str) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            program: beside("sidegate")?,
            plugin: beside("bench-plugin")?,
            shards: 1,
            cores: MEASURED,
            routes: 0,
            tokens: 1,
            log_level: "warn",
        })
    }

    /// Starts it and waits until its plugin serves.
    ///
    /// # Errors
    /// When it does not.
    pub async fn start(&self, folder: &Path) -> Result<Contestant> {
        let contestant = self.start_without_plugin(folder).await?;
        let admin = contestant.admin.as_ref().context("ours has an admin API")?;
        admin.add_plugin(&self.plugin, self.routes).await?;
        serves(contestant).await
    }

    /// Starts it alone.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start_without_plugin(&self, folder: &Path) -> Result<Contestant> {
        let folder = private_folder(folder, &self.name)?;
        let (data, ready) = (folder.join("data"), folder.join("ready.json"));
        fs::DirBuilder::new().mode(0o700).create(&data)?;
        let mut tokens = match self.tokens {
            0 | 1 => Vec::new(),
            many => tokens::fill(&data.join("sidegate.db"), many).await?,
        };
        let mut command = Command::new(&self.program);
        command.args(["serve", "--ready-file"]).arg(&ready).env_clear();
        command.env("PATH", search_path());
        command.env("DATA_DIR", &data).env("HOST", "127.0.0.1");
        command.env("PORT", "0").env("ADMIN_PORT", "0").env("SHUTDOWN_TIMEOUT", "1s");
        command.env("SIDEGATE_ADMIN_TOKEN", ADMIN_TOKEN).env("LOG_LEVEL", self.log_level);
        command.env("GATEWAY_SHARDS", self.shards.to_string()).env("MAX_CONNECTIONS", "20000");
        let mut gateway = Program::start(command, self.cores, &folder)?;
        let said = gateway.wait_for(async || read_json(&ready)).await?;
        let addr = |key: &str| -> Result<SocketAddr> {
            let addr = said[key].as_str().and_then(|addr| addr.parse().ok());
            addr.with_context(|| format!("{key} in the ready file: {said}"))
        };
        let admin = Admin::new(addr("admin_addr")?);
        if tokens.is_empty() {
            tokens.push(admin.token().await?);
        }
        let name = self.name.clone();
        let addr = addr("gateway_addr")?;
        Ok(Contestant { name, addr, tokens, admin: Some(admin), gateway, backend: None })
    }
}

/// nginx, one worker, as a proxy to the same answers over HTTP/1.1 on a unix socket. `None` where
/// nginx is not installed.
///
/// # Errors
/// When it is there and does not start.
pub async fn nginx(folder: &Path) -> Result<Option<Contestant>> {
    nginx_telling(folder, None).await
}

/// The same with its access log on, and where that is.
///
/// # Errors
/// When it is there and does not start.
pub async fn nginx_with_log(folder: &Path) -> Result<Option<(Contestant, PathBuf)>> {
    let log = folder.join("nginx-access.log");
    Ok(nginx_telling(folder, Some(&log)).await?.map(|contestant| (contestant, log)))
}

async fn nginx_telling(folder: &Path, log: Option<&Path>) -> Result<Option<Contestant>> {
    let Some(program) = find_nginx() else { return Ok(None) };
    let folder = private_folder(folder, "nginx")?;
    let socket = folder.join("upstream.sock");
    let backend = behind_socket("bench-upstream", &socket, &folder).await?;
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let file = folder.join("nginx.conf");
    fs::write(&file, nginx_conf(&folder, port, log))?;
    let mut command = Command::new(program);
    command.arg("-p").arg(&folder).arg("-c").arg(&file).arg("-e").arg(folder.join("error.log"));
    let mut gateway = Program::start(command, MEASURED, &folder)?;
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    gateway.wait_for(async || Connection::open(addr).await.ok()).await?;
    serves(plain("nginx", addr, gateway, Some(backend))).await.map(Some)
}

/// The naive gateway with the naive plugin.
///
/// # Errors
/// When it does not start.
pub async fn naive(folder: &Path) -> Result<Contestant> {
    let folder = private_folder(folder, "naive")?;
    let socket = folder.join("plugin.sock");
    let backend = behind_socket("bench-tonic-plugin", &socket, &folder).await?;
    let mut command = Command::new(beside("bench-naive")?);
    command.arg(&socket).arg(TOKEN);
    let mut gateway = Program::start(command, MEASURED, &folder)?;
    let addr = gateway.first_line()?.parse()?;
    serves(plain("naive", addr, gateway, Some(backend))).await
}

/// Processes that only call a plugin, one for each of these clients, all of them the same plugin: the one of
/// the benchmark, without a gateway.
///
/// # Errors
/// When one of them does not start.
pub async fn callers(folder: &Path, clients: &[(&str, Kind)]) -> Result<Vec<Contestant>> {
    let folder = private_folder(folder, "callers")?;
    let mut command = Command::new(beside("bench-plugin")?);
    command.env(COOKIE_KEY, COOKIE_VALUE).env(ENV_UNIX_SOCKET_DIR, &folder);
    let mut plugin = Program::start(command, MEASURED, &folder)?.killed_at_the_end();
    let Network::Unix(socket) = Handshake::parse(&plugin.first_line()?)?.network else {
        bail!("the plugin listens at no unix socket");
    };
    initialize(&socket).await.context("initialize the plugin")?;
    let plugin = Rc::new(plugin);
    let mut callers = Vec::new();
    for (name, kind) in clients {
        let mut command = Command::new(beside("bench-caller")?);
        command.arg(kind.name()).arg(&socket);
        let mut caller = Program::start(command, MEASURED, &folder)?;
        let addr = caller.first_line()?.parse()?;
        callers.push(plain(name, addr, caller, Some(Rc::clone(&plugin))));
    }
    Ok(callers)
}

/// As the gateway does before the first call.
async fn initialize(socket: &Path) -> Result<()> {
    let features = vec![FEATURE_HEADER_LIST.to_owned()];
    let request = wire::InitRequest { features, ..Default::default() };
    let channel = channel_to(socket.to_owned()).await?;
    let answer = PluginServiceClient::new(channel).initialize(request).await?.into_inner();
    ensure!(answer.success, "{}", answer.error_message);
    Ok(())
}

/// A channel of tonic's to a unix socket.
///
/// # Errors
/// When nobody listens there.
pub async fn channel_to(socket: PathBuf) -> Result<Channel> {
    let connector = tower::service_fn(move |_: http::Uri| {
        let socket = socket.clone();
        async move { UnixStream::connect(socket).await.map(TokioIo::new) }
    });
    Ok(Endpoint::from_static("http://localhost").connect_with_connector(connector).await?)
}

/// hyper that answers itself: what a request costs without any gateway.
///
/// # Errors
/// When it does not start.
pub async fn hyper(folder: &Path) -> Result<Contestant> {
    let folder = private_folder(folder, "hyper")?;
    let mut command = Command::new(beside("bench-upstream")?);
    command.arg("--tcp");
    let mut gateway = Program::start(command, MEASURED, &folder)?;
    let addr = gateway.first_line()?.parse()?;
    serves(plain("hyper", addr, gateway, None)).await
}

/// The token that those know who have no admin API.
const TOKEN: &str = "sgt_the-benchmarks-own-token-of-a-usual-length-";

pub(crate) fn plain(
    name: &str,
    addr: SocketAddr,
    gateway: Program,
    backend: Option<Rc<Program>>,
) -> Contestant {
    let tokens = vec![TOKEN.to_owned()];
    Contestant { name: name.to_owned(), addr, tokens, admin: None, gateway, backend }
}

async fn behind_socket(name: &str, socket: &Path, folder: &Path) -> Result<Rc<Program>> {
    let mut command = Command::new(beside(name)?);
    command.arg("--socket").arg(socket);
    let mut program = Program::start(command, MEASURED, folder)?;
    program.wait_for(async || socket.exists().then_some(())).await?;
    Ok(Rc::new(program))
}

/// Checks one answer, so that nobody measures an error page.
async fn serves(contestant: Contestant) -> Result<Contestant> {
    let asked = async {
        let request = request("GET", &format!("{MOUNT}/auth/hello"), contestant.token(), b"");
        Connection::open(contestant.addr).await?.exchange(&request, HELLO.len()).await
    };
    asked.await.with_context(|| format!("{} does not answer as it should", contestant.name))?;
    Ok(contestant)
}

pub(crate) fn private_folder(below: &Path, name: &str) -> Result<PathBuf> {
    let letters = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    let folder = below.join(letters.collect::<String>());
    let made = fs::DirBuilder::new().mode(0o700).create(&folder);
    made.with_context(|| format!("make {}", folder.display()))?;
    Ok(folder)
}

fn read_json(path: &Path) -> Option<Value> {
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}

/// Where nginx is, also where a user's search path does not lead.
pub fn find_nginx() -> Option<PathBuf> {
    find("nginx")
}

fn nginx_conf(folder: &Path, port: u16, log: Option<&Path>) -> String {
    let folder = folder.display();
    let access_log = log.map_or("off".to_owned(), |log| format!("{} combined", log.display()));
    // As root, nginx would give its worker to somebody who cannot reach the folder.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    format!(
        "daemon off; {user} worker_processes 1; worker_rlimit_nofile 20000;
pid {folder}/nginx.pid; error_log {folder}/error.log error;
events {{ worker_connections 19000; }}
http {{
  access_log {access_log}; tcp_nodelay on; client_max_body_size 8m;
  keepalive_requests 1000000000; keepalive_timeout 600s;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream behind {{
    server unix:{folder}/upstream.sock;
    keepalive 128; keepalive_requests 1000000000; keepalive_timeout 600s;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host $host;
    proxy_request_buffering off; proxy_max_temp_file_size 0; proxy_read_timeout 1h;
    location / {{ proxy_pass http://behind; }}
    location /plugins/bench/sse {{ proxy_buffering off; proxy_pass http://behind; }}
  }}
}}
"
    )
}
