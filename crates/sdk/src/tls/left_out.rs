//! What stands in for TLS where the feature `mtls` is off: nothing, and there is none of it.

use std::io;

use sidegate_wire::handshake::ENV_CLIENT_CERT;
use tokio::net::{UnixListener, UnixStream};
use tokio_stream::wrappers::UnixListenerStream;

use crate::error::{Error, Result};

/// TLS with the host. Never made.
#[derive(Clone)]
pub(crate) enum HostTls {}

impl HostTls {
    /// # Errors
    /// Always.
    pub(crate) fn agree(_host: &str) -> Result<Self> {
        Err(Error::new(format!(
            "the host asks for TLS ({ENV_CLIENT_CERT} is set), but this plugin was built without \
             the feature \"mtls\" of sidegate-sdk.\n\
             Build it with this feature, or register the plugin without the option mtls."
        )))
    }

    pub(crate) fn certificate(&self) -> &[u8] {
        match *self {}
    }

    pub(crate) fn incoming(&self, _listener: UnixListener) -> UnixListenerStream {
        match *self {}
    }

    pub(crate) async fn connect(&self, _stream: UnixStream) -> io::Result<UnixStream> {
        match *self {}
    }
}
