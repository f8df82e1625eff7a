//! The client of the enrolment service: one question on one connection.

use super::control_planes::ControlPlanes;
use super::dialer::encrypt;
use super::server::{Believed, Stranger, client_config};
use crate::clock::Clock;
use crate::control_url::ControlUrl;
use crate::message::enrolment_client::EnrolmentClient;
use crate::message::{Enrolled, JoinRequest, RenewRequest};
use crate::names::ENROL_NAME;
use crate::trust_bundle::MAX_TRUST_BUNDLE_BYTES;
use hyper_util::rt::TokioIo;
use rustls::sign::CertifiedKey;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Code, Status};

/// How long an answer may take once there is a connection.
const ANSWER_WITHIN: Duration = Duration::from_secs(25);
/// Largest answer: a bundle, and a certificate.
const MAX_ANSWER_BYTES: usize = MAX_TRUST_BUNDLE_BYTES + 64 * 1024;

/// Why there is no certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnrolError {
    /// No control plane could be asked; that may pass.
    #[error("no control plane could be asked: {0}")]
    Unreachable(String),
    /// The control plane cannot answer now; that passes.
    #[error("the control plane cannot answer now: {0}")]
    Busy(String),
    /// Whoever answers is not the control plane that the join token pins, and will not become it.
    #[error("{0}")]
    Stranger(String),
    /// The control plane refused, and would again.
    #[error("{0}")]
    Refused(String),
}

impl EnrolError {
    /// Whether it makes sense to ask again.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Busy(_))
    }
}

/// Who asks whom.
pub(super) struct Asking<'a> {
    pub(super) control: &'a ControlPlanes,
    /// Control planes beside those.
    pub(super) more: &'a [ControlUrl],
    pub(super) believed: Believed,
    pub(super) identity: Option<Arc<CertifiedKey>>,
    pub(super) clock: &'a Clock,
}

/// What is asked.
pub(super) enum Question {
    Join(JoinRequest),
    Renew(RenewRequest),
}

impl Asking<'_> {
    pub(super) async fn ask(self, question: Question) -> Result<Enrolled, EnrolError> {
        // One that is known may change its certificate; one that is pinned does not.
        let is_pinned = matches!(self.believed, Believed::Pinned(_));
        let unreachable = |error: io::Error| match is_pinned && Stranger::is_cause_of(&error) {
            true => EnrolError::Stranger(error.to_string()),
            false => EnrolError::Unreachable(error.to_string()),
        };
        let config = client_config(self.believed, self.identity, self.clock);
        let config = config.map_err(|error| unreachable(io::Error::other(error)))?;
        let reach = |socket| encrypt(socket, &config, ENROL_NAME);
        let stream = Box::pin(self.control.each(self.more, reach)).await.map_err(unreachable)?;
        let answered = timeout(ANSWER_WITHIN, async {
            let channel = channel(stream).await?;
            let mut client =
                EnrolmentClient::new(channel).max_decoding_message_size(MAX_ANSWER_BYTES);
            let answer = match question {
                Question::Join(request) => client.join(request).await,
                Question::Renew(request) => client.renew(request).await,
            };
            answer.map(tonic::Response::into_inner).map_err(|status| read(&status))
        });
        let late = |_| EnrolError::Busy(format!("no answer within {ANSWER_WITHIN:?}"));
        answered.await.map_err(late)?
    }
}

/// gRPC on one connection, which is there already.
async fn channel<I>(io: I) -> Result<Channel, EnrolError>
where
    I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let mut io = Some(TokioIo::new(io));
    let connector = tower::service_fn(move |_: Uri| {
        let io = io.take().ok_or_else(|| io::Error::other("the connection has ended"));
        std::future::ready(io)
    });
    let endpoint = Endpoint::from_static("http://control.sidegate");
    let connected = endpoint.connect_with_connector(connector).await;
    connected.map_err(|error| EnrolError::Unreachable(error.to_string()))
}

fn read(status: &Status) -> EnrolError {
    let message = status.message().chars().take(500).collect();
    match status.code() {
        Code::PermissionDenied | Code::InvalidArgument | Code::Unauthenticated => {
            EnrolError::Refused(message)
        }
        Code::Unimplemented => EnrolError::Refused(format!(
            "the control plane does not know this kind of enrolment; use the same version: {message}"
        )),
        _ => EnrolError::Busy(message),
    }
}
