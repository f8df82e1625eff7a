//! Where an edge's control planes are, and a way to one of them: each in its turn, through a proxy if there is one.

use super::proxy::{Proxy, connect_tcp};
use super::server::Stranger;
use crate::control_url::ControlUrl;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long one of them may take, from the first packet to the end of the handshake.
pub(super) const REACH_WITHIN: Duration = Duration::from_secs(5);

/// The control planes that an edge knows. A clone is cheap and the same.
#[derive(Debug, Clone)]
pub struct ControlPlanes(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    urls: Vec<ControlUrl>,
    proxy: Option<Proxy>,
    /// Whose turn it is.
    next: AtomicUsize,
}

/// No address is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no address of a control plane is given: name one as https://HOST:PORT")]
pub struct NoControlPlane;

impl ControlPlanes {
    /// These ones.
    ///
    /// # Errors
    /// [`NoControlPlane`] when there is none.
    pub fn new(urls: Vec<ControlUrl>, proxy: Option<Proxy>) -> Result<Self, NoControlPlane> {
        if urls.is_empty() {
            return Err(NoControlPlane);
        }
        // Edges that are started together do not all come to the same one first.
        let mut first = [0; 4];
        let first = getrandom::fill(&mut first).map_or(0, |()| u32::from_le_bytes(first) as usize);
        Ok(Self(Arc::new(Inner { urls, proxy, next: AtomicUsize::new(first) })))
    }

    /// Tries each once until one can be used, beginning where the last one was not. `more` are known beside them.
    /// The error is a [`Stranger`] where each of them is one.
    pub(super) async fn each<T, F>(
        &self,
        more: &[ControlUrl],
        reach: impl Fn(TcpStream) -> F,
    ) -> io::Result<T>
    where
        F: Future<Output = io::Result<T>>,
    {
        let more = more.iter().filter(|url| !self.0.urls.contains(url));
        let urls: Vec<&ControlUrl> = self.0.urls.iter().chain(more).collect();
        let mut failed = String::new();
        let mut are_strangers = true;
        for _ in 0..urls.len() {
            // It moves on before it is tried, since whoever waits may give up.
            let turn = self.0.next.fetch_add(1, Ordering::Relaxed);
            let url = urls[turn % urls.len()];
            let reached = timeout(REACH_WITHIN, async {
                let socket = self.connect(url).await?;
                socket.set_nodelay(true)?;
                reach(socket).await
            });
            let problem = match reached.await {
                Ok(Ok(reached)) => return Ok(reached),
                Ok(Err(error)) => {
                    are_strangers &= Stranger::is_cause_of(&error);
                    error.to_string()
                }
                Err(_) => {
                    are_strangers = false;
                    format!("no answer within {REACH_WITHIN:?}")
                }
            };
            let separator = if failed.is_empty() { "" } else { "; " };
            failed.push_str(&format!("{separator}{url}: {problem}"));
        }
        Err(match are_strangers {
            true => Stranger(failed).into(),
            false => io::Error::other(failed),
        })
    }

    async fn connect(&self, url: &ControlUrl) -> io::Result<TcpStream> {
        match &self.0.proxy {
            Some(proxy) => proxy.connect(url.host(), url.port()).await,
            None => connect_tcp(url.host(), url.port()).await,
        }
    }
}
