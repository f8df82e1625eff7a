//! Sockets that a service manager opened for this server: `LISTEN_FDS`, as systemd passes them. They go
//! on to listen while the server is restarted, so that nobody is refused meanwhile.

use crate::error::Failure;
use listenfd::ListenFd;
use std::net::TcpListener;

/// Sockets that listen already; whatever is not there is opened.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    /// Those for clients.
    pub(crate) clients: Vec<TcpListener>,
    /// The one of the admin API.
    pub(crate) admin: Option<TcpListener>,
}

impl Sockets {
    /// Takes what was passed. `names` are those of `LISTEN_FDNAMES`: the one called `admin` is for
    /// the admin API, all others are for clients.
    ///
    /// # Errors
    /// When something is passed that is no listening TCP socket.
    pub(crate) fn passed(names: &str) -> Result<Self, Failure> {
        let mut passed = ListenFd::from_env();
        let mut names = names.split(':');
        let mut sockets = Self::default();
        for number in 0..passed.len() {
            let failed = |e: std::io::Error| {
                Failure::usage(format!("LISTEN_FDS: socket {number} cannot be used: {e}"))
                    .hint("pass TCP sockets that listen, and call the admin API's `admin`")
            };
            let Some(socket) = passed.take_tcp_listener(number).map_err(failed)? else { continue };
            match names.next() {
                Some("admin") => sockets.admin = Some(socket),
                _ => sockets.clients.push(socket),
            }
        }
        Ok(sockets)
    }
}
