//! An app as requests need it.

use bytes::Bytes;
use rustc_hash::FxBuildHasher;
use sidegate_model::app::{App, AppId};
use sidegate_model::convert;
use sidegate_model::quota::Quota;
use sidegate_model::sharded::Keyed;
use sidegate_transport::codec::encode_app;
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

/// Operators choose the keys and clients only look them up: nobody gains from keys that collide.
impl Keyed for AppIdentity {
    type Key = AppId;
    type Hasher = FxBuildHasher;

    fn key(&self) -> AppId {
        self.app.id
    }
}

impl AppIdentity {
    /// Prepares an app; its count goes on where it was there before.
    fn new(app: &Arc<App>, before: Option<&Arc<Self>>) -> Arc<Self> {
        let quota = before.map_or_else(Arc::default, |before| before.quota.clone());
        Arc::new(Self { encoded: encode_app(&convert::app(app)), app: app.clone(), quota })
    }

    /// The same where the app is the one of before.
    pub(crate) fn next(app: &Arc<App>, before: Option<&Arc<Self>>) -> Arc<Self> {
        match before {
            Some(before) if Arc::ptr_eq(&before.app, app) => before.clone(),
            before => Self::new(app, before),
        }
    }
}
