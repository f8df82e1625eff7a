//! HTTP proxies on the way to a control plane: a tunnel is asked for by CONNECT, and what goes through it is
//! encrypted for the control plane.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use percent_encoding::percent_decode_str;
use std::fmt;
use std::io;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longest answer of a proxy, in bytes.
const MAX_ANSWER: usize = 8 * 1024;

/// An HTTP proxy: `http://[USER:PASSWORD@]HOST[:PORT]`. What is shown of it holds no password.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    host: String,
    port: u16,
    /// As it is sent.
    authorization: Option<String>,
}

/// A text that is no proxy. It tells nothing of the text, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the proxy's address cannot be used: {0}; write http://[USER:PASSWORD@]HOST:PORT")]
pub struct InvalidProxy(&'static str);

impl Proxy {
    /// Reads the address of a proxy; without a port it is 80.
    ///
    /// # Errors
    /// [`InvalidProxy`].
    pub fn parse(text: &str) -> Result<Self, InvalidProxy> {
        let uri: Uri = text.trim().parse().map_err(|_| InvalidProxy("it is no URL"))?;
        if uri.scheme_str() != Some("http") {
            return Err(InvalidProxy("it must begin with http://"));
        }
        let authority = uri.authority().ok_or(InvalidProxy("it names no host"))?;
        let (user, _) = authority.as_str().rsplit_once('@').unwrap_or_default();
        let host = authority.host().to_owned();
        if host.is_empty() {
            return Err(InvalidProxy("it names no host"));
        }
        let port = authority.port_u16().unwrap_or(80);
        let authorization = (!user.is_empty()).then(|| {
            let (user, password) = user.split_once(':').unwrap_or((user, ""));
            let decoded = |part| percent_decode_str(part).collect::<Vec<u8>>();
            let pair = [decoded(user), b":".to_vec(), decoded(password)].concat();
            format!("Basic {}", STANDARD.encode(pair))
        });
        Ok(Self { host, port, authorization })
    }

    /// A connection to a host behind it. The proxy looks its name up.
    pub(super) async fn connect(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let mut socket = connect_tcp(&self.host, self.port).await?;
        let mut ask = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
        if let Some(authorization) = &self.authorization {
            ask.push_str(&format!("Proxy-Authorization: {authorization}\r\n"));
        }
        ask.push_str("\r\n");
        socket.write_all(ask.as_bytes()).await?;
        match status(&head(&mut socket).await?) {
            Some(200..=299) => Ok(socket),
            Some(407) => Err(self.failed("wants a user and a password (407)")),
            Some(status) => Err(self.failed(&format!("answers {status} to CONNECT {host}:{port}"))),
            None => Err(self.failed("gives an answer that is not HTTP")),
        }
    }

    fn failed(&self, problem: &str) -> io::Error {
        io::Error::other(format!("the proxy {self} {problem}"))
    }
}

/// To a host as an address writes it: an IPv6 address has brackets.
pub(super) async fn connect_tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    TcpStream::connect((bare, port)).await
}

/// All up to the empty line, and no byte of what comes behind it.
async fn head(socket: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == MAX_ANSWER {
            return Err(io::Error::other("the answer of the proxy has no end"));
        }
        head.push(socket.read_u8().await?);
    }
    Ok(head)
}

/// Of `HTTP/1.1 200 Connection established`.
fn status(head: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(head).ok()?.lines().next()?;
    let (version, rest) = line.split_once(' ')?;
    let status = rest.get(..3)?.parse().ok()?;
    version.starts_with("HTTP/1.").then_some(status)
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_read_with_its_password_which_is_never_shown() {
        let proxy = Proxy::parse("http://me:hunter%40@proxy.example:3128").unwrap();
        assert_eq!(proxy.to_string(), "http://proxy.example:3128");
        let basic = format!("Basic {}", STANDARD.encode("me:hunter@"));
        assert_eq!(proxy.authorization, Some(basic));
        assert!(!format!("{proxy:?}").contains("Basic"));
        assert_eq!(Proxy::parse("http://proxy").unwrap().port, 80);
        for wrong in ["", "proxy:3128", "https://me:hunter2@proxy", "http://"] {
            let told = Proxy::parse(wrong).unwrap_err().to_string();
            assert!(!told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn only_http_1_answers() {
        assert_eq!(status(b"HTTP/1.0 200 OK\r\n\r\n"), Some(200));
        assert_eq!(status(b"HTTP/1.1 407\r\n\r\n"), Some(407));
        for other in [&b"HTTP/2 200\r\n"[..], b"", b"\xff", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 2"] {
            assert_eq!(status(other), None);
        }
    }
}
