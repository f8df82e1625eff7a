//! Sealing by the host: bytes that go out and come back unread and unchanged. Hosts other than Sidegate do not offer it.

use bytes::Bytes;
use sidegate_wire::host as wire;
use sidegate_wire::host::sidegate_host_service_client::SidegateHostServiceClient as Client;

use super::error::HostError;
use super::kv::SCOPE;
use super::line::{Again, Feature, Line};

/// The most that is sealed, that has to be given again, and how much longer sealed bytes are.
const CLEAR_BYTES: usize = 64 * 1024;
const ASSOCIATED_BYTES: usize = 4 * 1024;
const SEAL_BYTES: usize = 37;

pub(super) async fn seal(line: &Line, clear: Bytes, associated: Bytes) -> Result<Bytes, HostError> {
    ready(line)?;
    within("the bytes to seal have", clear.len(), CLEAR_BYTES)?;
    within("the associated data have", associated.len(), ASSOCIATED_BYTES)?;
    let request = wire::SealRequest { clear, associated_data: associated };
    let call = |channel| {
        let request = request.clone();
        async move { Client::new(channel).seal(request).await }
    };
    Ok(line.ask(SCOPE, Again::Yes, call).await?.sealed)
}

pub(super) async fn open(
    line: &Line,
    sealed: Bytes,
    associated: Bytes,
) -> Result<Option<Bytes>, HostError> {
    ready(line)?;
    within("the associated data have", associated.len(), ASSOCIATED_BYTES)?;
    // Nothing that long was ever sealed.
    if sealed.len() > CLEAR_BYTES + SEAL_BYTES {
        return Ok(None);
    }
    let request = wire::OpenRequest { sealed, associated_data: associated };
    let call = |channel| {
        let request = request.clone();
        async move { Client::new(channel).open(request).await }
    };
    match line.ask(SCOPE, Again::Yes, call).await {
        Ok(opened) => Ok(Some(opened.clear)),
        Err(HostError::Invalid(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn ready(line: &Line) -> Result<(), HostError> {
    // Without a host that is what the author has to hear.
    line.channel()?;
    line.require(Feature::Sealing)
}

fn within(what: &str, bytes: usize, most: usize) -> Result<(), HostError> {
    if bytes <= most {
        return Ok(());
    }
    Err(HostError::Invalid(format!("{what} {bytes} bytes, {most} are the most")))
}
