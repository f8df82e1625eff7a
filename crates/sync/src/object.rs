//! Objects: what an edge needs of one plugin, of one issuer, or of the apps or tokens of one shard, and the blobs that
//! carry them. Equal objects have equal blobs; what was encoded is decoded to the same.

mod app;
mod issuer;
mod name;
mod plugin;
#[cfg(test)]
mod tests;
mod token;

pub use app::AppShard;
pub use issuer::IssuerObject;
pub use name::{Kind, ObjectName};
pub use plugin::PluginObject;
pub use token::TokenShard;

use crate::digest::Digest;
use crate::features::{Features, NotUnderstood};
use crate::limits::MAX_BLOB_BYTES;
use crate::message::{self, object::Body};
use crate::sealed_settings;
use bytes::Bytes;
use prost::Message as _;
use sidegate_model::namespace::Namespace;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Parts of an object that are left out and told one by one.
const MAX_TOLD: usize = 5;

/// One unit of content: it is understood or rejected as a whole.
#[derive(Debug, Clone, PartialEq)]
pub enum Object {
    /// A plugin.
    Plugin(PluginObject),
    /// Some of the apps.
    Apps(AppShard),
    /// Some of the tokens.
    Tokens(TokenShard),
    /// An issuer of JWTs.
    Issuer(IssuerObject),
}

/// An object as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Which object it is.
    pub name: ObjectName,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// The canonical encoding.
    pub bytes: Bytes,
    /// What an edge must know to understand it.
    pub required_features: BTreeSet<String>,
}

/// An object that cannot be published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} has {bytes} bytes: {MAX_BLOB_BYTES} are the most; make it smaller")]
pub struct TooLarge {
    /// Which object.
    pub name: ObjectName,
    /// How large it is.
    pub bytes: usize,
}

/// Why an object is rejected, in words for an operator. Holds no value of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// It needs what this version does not know.
    #[error(transparent)]
    NotUnderstood(#[from] NotUnderstood),
    /// Its kind or key means nothing to this version.
    #[error("this version knows no objects of this kind; upgrade the edge")]
    UnknownKind,
    /// Bytes that are no object.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// A field that breaks a rule.
    #[error("{0}")]
    Invalid(String),
}

impl Object {
    /// By which name a manifest lists it.
    pub fn name(&self) -> ObjectName {
        match self {
            Self::Plugin(plugin) => ObjectName::plugin(plugin.id),
            Self::Apps(shard) => ObjectName::apps(shard.shard),
            Self::Tokens(shard) => ObjectName::tokens(shard.shard),
            Self::Issuer(issuer) => ObjectName::issuer(issuer.0.id),
        }
    }

    /// The same in a namespace, which its blob does not say.
    #[must_use]
    pub fn within(mut self, namespace: &Namespace) -> Self {
        match &mut self {
            Self::Plugin(plugin) => {
                if let Some(spec) = &mut plugin.spec {
                    Arc::make_mut(spec).namespace = namespace.clone();
                }
            }
            Self::Apps(shard) => {
                for app in &mut shard.apps {
                    Arc::make_mut(app).namespace = namespace.clone();
                }
            }
            Self::Tokens(_) => {}
            Self::Issuer(issuer) => {
                Arc::make_mut(&mut issuer.0).draft.namespace = namespace.clone();
            }
        }
        self
    }

    /// What an edge must know to understand it: what was added to objects later, and must not be overlooked by an
    /// older edge, gets a name here.
    fn required_features(&self) -> BTreeSet<String> {
        let is_sealed = match self {
            Self::Plugin(plugin) => plugin.spec.as_deref().is_some_and(sealed_settings::is_sealed),
            Self::Apps(_) | Self::Tokens(_) | Self::Issuer(_) => false,
        };
        is_sealed.then(|| sealed_settings::FEATURE.to_owned()).into_iter().collect()
    }

    /// Why parts of it are not served by, although it is.
    pub fn left_out(&self) -> Option<String> {
        let left_out = match self {
            Self::Plugin(_) | Self::Issuer(_) => return None,
            Self::Apps(shard) => &shard.left_out,
            Self::Tokens(shard) => &shard.left_out,
        };
        (!left_out.is_empty()).then(|| left_out.join("; "))
    }

    /// Its blob.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub fn encode(&self) -> Result<Blob, TooLarge> {
        let name = self.name();
        let required_features = self.required_features();
        let body = match self {
            Self::Plugin(plugin) => Body::Plugin(plugin.to_message()),
            Self::Apps(shard) => Body::Apps(shard.to_message()),
            Self::Tokens(shard) => Body::Tokens(shard.to_message()),
            Self::Issuer(issuer) => Body::Issuer(issuer.to_message()),
        };
        let object = message::Object {
            required_features: required_features.iter().cloned().collect(),
            body: Some(body),
        };
        let bytes = Bytes::from(object.encode_to_vec());
        if bytes.len() > MAX_BLOB_BYTES {
            return Err(TooLarge { name, bytes: bytes.len() });
        }
        Ok(Blob { name, digest: Digest::of(&bytes), bytes, required_features })
    }

    /// Reads the blob of the object with this name.
    ///
    /// # Errors
    /// [`Rejection`]: of this object only.
    pub fn decode(name: &ObjectName, blob: &[u8], known: &Features) -> Result<Self, Rejection> {
        let object = message::Object::decode(blob)
            .map_err(|error| Rejection::Unreadable(error.to_string()))?;
        // First, for an object of a later version may look broken.
        known.check(&object.required_features)?;
        let read = match object.body {
            Some(Body::Plugin(plugin)) => Self::Plugin(PluginObject::from_message(plugin)?),
            Some(Body::Apps(shard)) => Self::Apps(AppShard::from_message(shard, known)?),
            Some(Body::Tokens(shard)) => Self::Tokens(TokenShard::from_message(shard, known)?),
            Some(Body::Issuer(issuer)) => Self::Issuer(IssuerObject::from_message(issuer)?),
            None => return Err(Rejection::UnknownKind),
        };
        match read.name() == *name {
            true => Ok(read),
            false => Err(Rejection::Invalid(format!("it is {} instead", read.name()))),
        }
    }
}

fn invalid(field: &str, problem: impl std::fmt::Display) -> Rejection {
    Rejection::Invalid(format!("{field}: {problem}"))
}

fn shard(number: u32) -> Result<u8, Rejection> {
    u8::try_from(number).map_err(|_| invalid("shard", format_args!("{number} is none: 0 to 255")))
}
