//! An app as requests need it.

use bytes::Bytes;
use sidegate_model::app::App;
use sidegate_model::quota::Quota;
use std::sync::Arc;

/// An app as requests need it, prepared once.
pub struct AppIdentity {
    /// What the operator said of it.
    pub app: Arc<App>,
    /// What every request of the app tells plugins of it.
    pub encoded: Bytes,
    /// Its running count, shared by all generations.
    pub quota: Arc<Quota>,
}
