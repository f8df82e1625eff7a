//! TLS with the host that started the plugin, where it asks for it: each side lets in the one
//! certificate that it was given, and nobody else.
//!
//! Without the feature `mtls` such a host is refused. Knows nothing of what is served.

#[cfg(not(feature = "mtls"))]
mod left_out;
#[cfg(feature = "mtls")]
mod pinned;

#[cfg(not(feature = "mtls"))]
pub(crate) use left_out::HostTls;
#[cfg(feature = "mtls")]
pub(crate) use pinned::HostTls;
