//! The life of a plugin process: the cookie, the socket, the first line, the service, the end.

use std::ffi::OsString;
use std::fmt;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sidegate_wire::handshake::{
    APP_PROTOCOL, COOKIE_KEY, COOKIE_VALUE, ENV_CLIENT_CERT, ENV_PROTOCOL_VERSIONS, ENV_TMPDIR,
    ENV_UNIX_SOCKET_DIR, Handshake, Network,
};
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::log;
use crate::machine;
use crate::program::Program;
use crate::service::{self, Master, Stop};
use crate::standalone;
use crate::tls::HostTls;

/// Longest path the system binds a socket to. In bytes, without the closing NUL.
const SOCKET_PATH_BYTES: usize = 107;

/// Serves until the host ends the process; where there is none, until a signal does.
pub(crate) async fn serve(program: Program) -> Result<()> {
    let orders = Orders::read(machine::variable)
        .map_err(|alone| Error::new(alone.explain(&program.about.name)))?;
    log::install();
    log::log_panics();
    match orders {
        Orders::Below(orders) => below_host(program, &orders).await,
        Orders::Alone(address) => standalone::serve(program, &address).await,
    }
}

/// Serves the host that started the process.
async fn below_host(program: Program, orders: &HostOrders) -> Result<()> {
    if !orders.version_agreed {
        tracing::warn!("the host names no protocol version that this plugin speaks");
    }
    // Before the first line: afterwards the host would wait for a plugin that cannot serve it.
    let tls = orders.host_certificate.as_deref().map(HostTls::agree).transpose()?;
    let stop = CancellationToken::new();
    hold_signals()?;
    let socket = Socket::bind(&orders.socket_folder)?;
    announce(&socket.path, tls.as_ref())?;
    let Socket { listener, path: _path } = socket;
    if let Some(tls) = &tls {
        program.host.encrypt(tls.clone());
    }
    let program = Arc::new(program);
    match tls {
        None => {
            let incoming = UnixListenerStream::new(listener);
            service::run(program, incoming, Master::Host, Stop::by_host(stop)).await;
        }
        Some(tls) => {
            let incoming = tls.incoming(listener);
            service::run(program, incoming, Master::Host, Stop::by_host(stop)).await;
        }
    }
    Ok(())
}

/// What the environment asks for.
#[derive(Debug, PartialEq)]
enum Orders {
    /// Serve the host that started the process. Its cookie comes before everything else, for hosts
    /// may pass on variables that were not meant for their plugins.
    Below(HostOrders),
    /// Serve whoever comes to this address.
    Alone(String),
}

/// What the host's environment asks for.
#[derive(Debug, PartialEq)]
struct HostOrders {
    socket_folder: PathBuf,
    version_agreed: bool,
    /// As PEM text, where the host asks for TLS.
    host_certificate: Option<String>,
}

/// The program was started by nobody who could use it.
#[derive(Debug, PartialEq, Eq)]
struct NoHost;

impl Orders {
    fn read(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, NoHost> {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        if variable(COOKIE_KEY).is_none_or(|cookie| cookie != COOKIE_VALUE) {
            let address = set(standalone::ENV_LISTEN).ok_or(NoHost)?;
            return Ok(Self::Alone(address.to_string_lossy().into_owned()));
        }
        let folder = set(ENV_UNIX_SOCKET_DIR).or_else(|| set(ENV_TMPDIR));
        let versions = set(ENV_PROTOCOL_VERSIONS);
        let agreed =
            |versions: &str| versions.split(',').any(|v| v.trim().parse() == Ok(APP_PROTOCOL));
        Ok(Self::Below(HostOrders {
            socket_folder: folder.map_or_else(std::env::temp_dir, PathBuf::from),
            version_agreed: versions.is_none_or(|v| v.to_str().is_some_and(agreed)),
            host_certificate: set(ENV_CLIENT_CERT).map(|pem| pem.to_string_lossy().into_owned()),
        }))
    }
}

impl NoHost {
    fn explain(&self, name: &str) -> String {
        format!(
            "\"{name}\" is a Sidegate plugin; a gateway starts it, it does not run on its own.\n\
             Register it with: sidegate plugin add --name {name} --slug {name} --command file://{}\n\
             (To let it run on its own for --command grpc://host:port, set {}=host:port.)",
            std::env::current_exe().unwrap_or_default().display(),
            standalone::ENV_LISTEN
        )
    }
}

/// The plugin's socket; its file goes with it.
struct Socket {
    listener: UnixListener,
    path: SocketPath,
}

/// A socket file that is removed when this is dropped.
struct SocketPath(PathBuf);

impl Socket {
    /// Binds a socket of a random name that only the same user can reach.
    fn bind(folder: &Path) -> Result<Self> {
        let path = std::path::absolute(folder.join(format!("plugin{:016x}", random()?)))?;
        check_path(&path)?;
        let bind = || {
            let listener = UnixListener::bind(&path)?;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
            Ok::<_, std::io::Error>(listener)
        };
        let doing = || format!("make the plugin's socket in {}", folder.display());
        let listener = bind().map_err(|error| Error::from(error).context(doing()))?;
        Ok(Self { listener, path: SocketPath(path) })
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        // The host sweeps the folder; a file that is gone already is no loss.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl fmt::Display for SocketPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

fn random() -> Result<u64> {
    getrandom::u64()
        .map_err(|error| Error::new(format!("the system has no random numbers: {error}")))
}

fn check_path(path: &Path) -> Result<()> {
    let text = path.to_str().unwrap_or_default();
    if text.is_empty() || text.contains(['|', '\n']) {
        return Err(Error::new(format!(
            "the socket folder {path:?} must be UTF-8 text without '|' and line breaks"
        )));
    }
    if text.len() > SOCKET_PATH_BYTES {
        return Err(Error::new(format!(
            "the socket path {text} is longer than {SOCKET_PATH_BYTES} bytes; \
             set {ENV_UNIX_SOCKET_DIR} to a shorter folder"
        )));
    }
    Ok(())
}

/// Prints the one line the host waits for. The socket accepts already.
fn announce(path: &SocketPath, tls: Option<&HostTls>) -> Result<()> {
    let certificate = tls.map(|tls| tls.certificate().to_vec());
    let plain = Handshake::new(Network::Unix(path.0.clone()));
    let line = Handshake { certificate, ..plain }.line();
    let mut stdout = std::io::stdout().lock();
    let printed = stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush());
    printed.map_err(|error| Error::from(error).context("print the handshake line"))
}

/// A signal that asks a service to stop reaches the host and its plugins alike: from a terminal, or from
/// a service manager that ends a whole control group. The host is still answering with this plugin
/// then, and ends it in order; so none of them ends it by itself. Nor does the one that asks a service to
/// read its settings again, which a service manager may send to all of them.
fn hold_signals() -> Result<()> {
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        // Once caught a signal stays caught, also when nobody listens. Not ignored, because what the
        // plugin starts would inherit that.
        drop(signal(kind)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Orders, NoHost> {
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
        Orders::read(|name| find(name).map(|(_, value)| OsString::from(value)))
    }

    fn below(variables: &[(&str, &str)]) -> HostOrders {
        match read(variables) {
            Ok(Orders::Below(orders)) => orders,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_address_lets_the_program_run_alone_unless_a_host_started_it() {
        let address = (standalone::ENV_LISTEN, "127.0.0.1:1");
        assert_eq!(read(&[address]), Ok(Orders::Alone("127.0.0.1:1".to_owned())));
        assert_eq!(read(&[(standalone::ENV_LISTEN, "")]), Err(NoHost));
        below(&[(COOKIE_KEY, COOKIE_VALUE), address]);
    }

    #[test]
    fn without_the_cookie_the_program_explains_itself_in_three_lines() {
        assert_eq!(read(&[]), Err(NoHost));
        assert_eq!(read(&[(COOKIE_KEY, "v2")]), Err(NoHost));
        let text = NoHost.explain("hello");
        assert_eq!(text.lines().count(), 3);
        assert!(text.contains("sidegate plugin add --name hello"), "{text}");
    }

    #[test]
    fn the_socket_folder_is_the_most_particular_one_that_is_set() {
        let cookie = (COOKIE_KEY, COOKIE_VALUE);
        let folder = |more: &[(&str, &str)]| below(&[&[cookie], more].concat()).socket_folder;
        let (dir, tmp) = ((ENV_UNIX_SOCKET_DIR, "/d"), (ENV_TMPDIR, "/t"));
        assert_eq!(folder(&[tmp, dir]), Path::new("/d"));
        assert_eq!(folder(&[tmp, (ENV_UNIX_SOCKET_DIR, "")]), Path::new("/t"));
        assert_eq!(folder(&[]), std::env::temp_dir());
    }

    #[test]
    fn versions_are_compared_and_tls_is_served_where_a_certificate_is_given() {
        let cookie = (COOKIE_KEY, COOKIE_VALUE);
        let agreed = |versions| below(&[cookie, (ENV_PROTOCOL_VERSIONS, versions)]).version_agreed;
        assert!(agreed("1") && agreed("2, 1") && agreed("") && !agreed("2,3"));
        let certificate = |pem| below(&[cookie, (ENV_CLIENT_CERT, pem)]).host_certificate;
        assert_eq!(certificate("-----BEGIN"), Some("-----BEGIN".to_owned()));
        assert_eq!(certificate(""), None);
    }

    #[tokio::test]
    async fn the_socket_is_private_and_its_file_goes_with_it() {
        let folder = std::env::temp_dir();
        let socket = Socket::bind(&folder).unwrap();
        let path = socket.path.0.clone();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(socket);
        assert!(!path.exists());
        let deep = folder.join("x".repeat(SOCKET_PATH_BYTES));
        assert!(Socket::bind(&deep).err().unwrap().to_string().contains("longer than"));
        assert!(Socket::bind(Path::new("/does/not/exist")).is_err());
        assert!(Socket::bind(Path::new("/a|b")).is_err());
    }
}
