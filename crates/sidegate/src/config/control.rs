//! The settings of a control plane: where edges find it, and how long they may take to join.

use super::reader::Reader;
use sidegate_enrolment::ControlUrl;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What a control plane needs to know.
#[derive(Debug, Clone)]
pub(crate) struct ControlPlaneSettings {
    /// Where it listens for edges.
    pub(crate) sync_addr: SocketAddr,
    /// Where edges find it; empty where nobody said so.
    pub(crate) sync_urls: Vec<ControlUrl>,
    /// How long join tokens can be redeemed.
    pub(crate) join_token_expiry: Duration,
}

impl ControlPlaneSettings {
    /// Gives the texts their meaning.
    pub(super) fn read(read: &mut Reader<'_>) -> Self {
        let sync_addr =
            SocketAddr::new(read.host("SIDEGATE_SYNC_HOST"), read.port("SIDEGATE_SYNC_PORT"));
        let texts = read.text("SIDEGATE_SYNC_URL");
        let mut sync_urls = Vec::new();
        for text in texts.split(',').map(str::trim).filter(|text| !text.is_empty()) {
            match ControlUrl::parse(text) {
                Ok(url) => sync_urls.push(url),
                Err(error) => read.wrong("SIDEGATE_SYNC_URL", error.to_string()),
            }
        }
        let join_token_expiry = read.duration("SIDEGATE_JOIN_TOKEN_EXPIRY");
        if join_token_expiry.is_zero() {
            read.wrong("SIDEGATE_JOIN_TOKEN_EXPIRY", "give a duration, as in 1h".to_owned());
        }
        Self { sync_addr, sync_urls, join_token_expiry }
    }

    /// Where edges find it, as far as that can be guessed: by the name of this machine.
    pub(crate) fn urls(&self, listens: SocketAddr) -> Vec<ControlUrl> {
        if !self.sync_urls.is_empty() {
            return self.sync_urls.clone();
        }
        let host = match listens.ip() {
            ip if ip.is_unspecified() => {
                rustix::system::uname().nodename().to_string_lossy().into_owned()
            }
            IpAddr::V6(ip) => format!("[{ip}]"),
            IpAddr::V4(ip) => ip.to_string(),
        };
        ControlUrl::parse(&format!("https://{host}:{}", listens.port())).into_iter().collect()
    }
}
