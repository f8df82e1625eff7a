//! The keys of an issuer that is a plugin here: asked of the plugin itself, inside the gateway and never over a network.

use bytes::Bytes;
use http::StatusCode;
use sidegate_jwt::fetch::FetchError;
use sidegate_jwt::key_set::KeySet;
use sidegate_jwt::metadata::Metadata;
use sidegate_plugins::{Instance, IssuerPlugin};
use std::sync::Weak;
use tokio::time::Instant;

/// Where what an issuer says of itself is: its metadata, in both standards' words.
const METADATA: [&str; 2] =
    ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];

/// Asks plugins.
pub(crate) trait AskInside: Send + Sync + 'static {
    /// Whether clients can know a plugin under this address.
    fn is_address_of(&self, plugin: &IssuerPlugin, address: &str) -> bool;

    /// The process of a plugin that serves now; keeps nothing of it alive.
    fn process_of(&self, plugin: &IssuerPlugin) -> Option<Weak<Instance>>;

    /// Waits until another process of a plugin serves than the one that was seen.
    fn another_process(
        &self,
        plugin: &IssuerPlugin,
        seen: Option<&Weak<Instance>>,
    ) -> impl Future<Output = ()> + Send;

    /// The document at a path of a plugin's, once it serves; deadlines are the caller's.
    fn ask_inside(
        &self,
        plugin: &IssuerPlugin,
        path: &str,
    ) -> impl Future<Output = Result<Bytes, FetchError>> + Send;
}

/// The keys of a plugin as they are now, and the `iss` that it has.
///
/// # Errors
/// [`FetchError`].
pub(crate) async fn fetch(
    asked: &impl AskInside,
    plugin: &IssuerPlugin,
) -> Result<KeySet, FetchError> {
    let document = match asked.ask_inside(plugin, METADATA[0]).await {
        Err(FetchError::Status(_, StatusCode::NOT_FOUND)) => {
            asked.ask_inside(plugin, METADATA[1]).await?
        }
        document => document?,
    };
    let wrong = |problem: String| FetchError::Document(plugin.to_string(), problem);
    let Metadata { issuer, jwks_uri, .. } = serde_json::from_slice(&document)
        .map_err(|error| wrong(format!("it says nothing of itself as an issuer: {error}")))?;
    if !(plugin.can_be(&issuer) && asked.is_address_of(plugin, &issuer)) {
        return Err(wrong(format!(
            "it calls itself {issuer:?}, which is no address of it here: see its own issuer, its option host and SIDEGATE_PUBLIC_URL"
        )));
    }
    let path = jwks_uri.strip_prefix(&*issuer).filter(|path| path.starts_with('/'));
    let path = path.filter(|path| !path.contains(['?', '#'])).ok_or_else(|| {
        wrong(format!("its keys are at {jwks_uri:?}: only what is below its own address is asked"))
    })?;
    let begun = Instant::now();
    let document = asked.ask_inside(plugin, path).await?;
    Ok(KeySet::read(&document, begun).map_err(wrong)?.of_issuer(issuer))
}
