//! The two clients behind one face.

use super::{crate_h2, own};
use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use sidegate_transport::codec::Encoded;
use sidegate_transport::grpc_message::MessageReader;
use sidegate_transport::http2;
use std::str::FromStr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

/// The largest answer that is taken, in bytes.
const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// Which client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Ours, as the gateway uses it.
    Own,
    /// That of the `h2` crate.
    H2,
}

/// A connection to a plugin. Clones share it.
#[derive(Debug, Clone)]
pub struct Client(Handle);

#[derive(Debug, Clone)]
enum Handle {
    Own(Arc<http2::Client>),
    H2(Box<crate_h2::Requests>),
}

impl Client {
    /// Begins HTTP/2 on a fresh connection.
    ///
    /// # Errors
    /// When the other end does not speak HTTP/2, or hangs up.
    pub async fn connect<T>(kind: Kind, io: T) -> Result<Self>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Ok(Self(match kind {
            Kind::Own => Handle::Own(Arc::new(own::connect(io).await?)),
            Kind::H2 => Handle::H2(Box::new(crate_h2::connect(io).await?)),
        }))
    }

    /// Makes one call and gives the one message of its answer, once that has ended with gRPC status 0.
    ///
    /// # Errors
    /// When the answer is anything else.
    pub(super) async fn call(&mut self, message: &Encoded) -> Result<Bytes> {
        let mut answer = MessageReader::new(MAX_MESSAGE_BYTES);
        match &mut self.0 {
            Handle::Own(client) => own::call(client, message, &mut answer).await?,
            Handle::H2(requests) => crate_h2::call(requests, message, &mut answer).await?,
        }
        let message = answer.take()?.context("no message in the answer")?;
        ensure!(answer.is_empty(), "more than one message in the answer");
        Ok(message)
    }
}

impl Kind {
    /// As it is told to the program.
    pub fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::H2 => "h2",
        }
    }
}

impl FromStr for Kind {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        match [Self::Own, Self::H2].into_iter().find(|kind| kind.name() == name) {
            Some(kind) => Ok(kind),
            None => bail!("a client is \"own\" or \"h2\", not {name:?}"),
        }
    }
}
