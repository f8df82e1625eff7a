//! The guard of a client's socket with the HTTP library behind it, over a pair of sockets: what reaches
//! the library are the requests of a literal reading, and whoever is refused is told so.
//!
//! The first byte of an input says where the rest is cut; the rest is what a client sends.

use crate::http1::library::Seen;
use crate::http1::literal::{End, Message, Reading};
use crate::http1::{LIMITS, library};
use crate::pieces::Pieces;
use crate::verdict::{Outcome, Verdict, ensure};
use bytes::Bytes;
use http::Response;
use http_body_util::Empty;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sidegate_gateway::fuzzing;
use sidegate_gateway::fuzzing::{
    ClientConnection, CloseOnEnd, ConnectionTimeouts, Peer, Scheme, ShardMetrics,
};
use sidegate_gateway::log::AccessLog;
use std::cell::RefCell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Runtime;
use tokio::time::timeout;

pub use crate::http1::WORDS;

/// Nobody waits so long but for a fault.
const PATIENCE: Duration = Duration::from_secs(15);

/// A socket with both ways.
pub trait Io: AsyncRead + AsyncWrite + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Unpin + 'static> Io for T {}

/// The guard that is tried: what the library reads and writes instead of a client's socket.
pub type Guard = fn(TcpStream, &Arc<ClientConnection>) -> Pin<Box<dyn Io>>;

/// The gateway's.
pub fn guard(socket: TcpStream, connection: &Arc<ClientConnection>) -> Pin<Box<dyn Io>> {
    let timeouts = ConnectionTimeouts { head: PATIENCE, idle: PATIENCE, stalled_write: PATIENCE };
    Box::pin(fuzzing::guard(socket, connection.clone(), timeouts, LIMITS))
}

thread_local! {
    static RUNTIME: Option<Runtime> =
        tokio::runtime::Builder::new_current_thread().enable_all().build().ok();
}

/// Tries the gateway's guard.
///
/// # Errors
/// What comes through it, or does not.
pub fn check(input: &[u8]) -> Verdict {
    check_with(guard, input)
}

/// Tries a guard.
///
/// # Errors
/// What comes through it, or does not.
pub fn check_with(guard: Guard, input: &[u8]) -> Verdict {
    let pieces = Pieces::of(input);
    let literal = Reading::of(pieces.whole, &LIMITS);
    let told = RUNTIME.with(|runtime| match runtime {
        Some(runtime) => runtime.block_on(talk(guard, &pieces)),
        None => Err("no runtime".into()),
    })?;
    let refusals = library::refusals(&told.answers);
    literal.agrees_with(&told.seen, &refusals)?;
    let text = String::from_utf8_lossy(&told.answers);
    ensure(
        refusals.len() == text.to_ascii_lowercase().matches("x-sidegate-error: ").count(),
        || format!("a refusal that is not the gateway's: {text}"),
    )?;
    // Within a body the request fails, and with it the connection.
    let between = literal.messages.iter().all(|message| message.is_whole);
    let goes_on = !literal.messages.iter().any(Message::may_be_last);
    if literal.end == End::Refused && between && goes_on {
        let begins = literal.approved;
        ensure(refusals.len() == 1, || {
            format!("what begins at {begins} ({}) is refused without a word: {text}", literal.why)
        })?;
    }
    Ok(Outcome::of(&(told.seen.len(), refusals, literal.end, literal.why)))
}

/// What came of a connection.
struct ForwardedInfo {
    seen: Vec<Seen>,
    answers: Vec<u8>,
}

async fn talk(guard: Guard, pieces: &Pieces<'_>) -> Result<ForwardedInfo, String> {
    let (near, far) = StdUnixStream::pair().map_err(|e| format!("no pair of sockets: {e}"))?;
    let far = std::net::TcpStream::from(OwnedFd::from(far));
    let sockets = near.set_nonblocking(true).and_then(|()| far.set_nonblocking(true));
    sockets.map_err(|e| e.to_string())?;
    let mut near = UnixStream::from_std(near).map_err(|e| e.to_string())?;
    let far = TcpStream::from_std(far).map_err(|e| e.to_string())?;
    let seen = Rc::new(RefCell::new(Vec::new()));
    let server = serve(guard, far, Rc::clone(&seen));
    let client = async {
        for piece in &pieces.cuts {
            // The other end may be gone already.
            if near.write_all(piece).await.is_err() {
                break;
            }
            // Gives the server its turn, so that pieces arrive as they are.
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
        }
        let _ = near.shutdown().await;
        let mut answers = Vec::new();
        let _ = near.read_to_end(&mut answers).await;
        answers
    };
    let both = async { tokio::join!(server, client) };
    let ((), answers) =
        timeout(PATIENCE * 2, both).await.map_err(|_| "the connection never ends".to_owned())?;
    let seen = seen.borrow().clone();
    Ok(ForwardedInfo { seen, answers })
}

async fn serve(guard: Guard, socket: TcpStream, seen: Rc<RefCell<Vec<Seen>>>) {
    let addr = SocketAddr::from(([127, 0, 0, 1], 1));
    let peer = Peer { addr, is_proxy: false, scheme: Scheme::Http };
    let (metrics, access) = (Arc::new(ShardMetrics::default()), Arc::new(AccessLog::none()));
    let connection = ClientConnection::new(peer, 0, metrics, access);
    let service = service_fn(|request| {
        let (seen, open) = (Rc::clone(&seen), connection.begin(None));
        async move {
            let request = Seen::of(request).await;
            seen.borrow_mut().extend(request);
            drop(open);
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    let io = TokioIo::new(guard(socket, &connection));
    let serving = http1::Builder::new()
        .header_read_timeout(None)
        .max_headers(LIMITS.max_headers)
        .serve_connection(io, service);
    // How it ends the client sees.
    let _ = CloseOnEnd::new(serving, &connection).await;
}
