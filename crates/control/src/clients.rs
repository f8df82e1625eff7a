//! From where somebody comes who asks through a proxy that is believed. Who believes whom is not the control plane's
//! business.

use http::HeaderMap;
use std::fmt;
use std::net::IpAddr;

/// Tells the address of whoever asks.
pub trait ClientAddresses: Send + Sync + 'static {
    /// The client's, where `peer` is a proxy whose word is believed and tells it in these headers; else that of `peer`.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr;
}

impl fmt::Debug for dyn ClientAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientAddresses")
    }
}
