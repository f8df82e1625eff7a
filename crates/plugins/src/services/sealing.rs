//! Sealing for plugins: bytes that only the same plugin can read again, here or at another node of its namespace. What is
//! sealed is never logged.

use sidegate_model::plugin::PluginId;
use sidegate_model::plugin_sealing::{
    Look, MAX_ASSOCIATED_BYTES, MAX_CLEAR_BYTES, NamespaceKeys, PluginKeys, SEAL_BYTES,
};
use sidegate_model::sealing::CannotOpen;
use sidegate_model::snapshot::Snapshot;
use sidegate_wire::host as wire;
use tonic::Status;

/// Seals bytes with the newest key of the plugin.
pub(super) async fn seal(
    keys: &dyn NamespaceKeys,
    snapshot: &Snapshot,
    plugin: PluginId,
    request: &wire::SealRequest,
) -> Result<wire::SealResponse, Status> {
    within("clear", request.clear.len(), MAX_CLEAR_BYTES)?;
    within("associated_data", request.associated_data.len(), MAX_ASSOCIATED_BYTES)?;
    let keys = of_plugin(keys, snapshot, plugin, Look::Known).await?;
    let sealed = keys.seal(&request.clear, &request.associated_data).into();
    Ok(wire::SealResponse { sealed })
}

/// Opens what the same plugin has sealed.
pub(super) async fn open(
    keys: &dyn NamespaceKeys,
    snapshot: &Snapshot,
    plugin: PluginId,
    request: &wire::OpenRequest,
) -> Result<wire::OpenResponse, Status> {
    within("sealed", request.sealed.len(), MAX_CLEAR_BYTES + SEAL_BYTES)?;
    within("associated_data", request.associated_data.len(), MAX_ASSOCIATED_BYTES)?;
    let (sealed, associated) = (&request.sealed, &request.associated_data);
    let known = of_plugin(keys, snapshot, plugin, Look::Known).await?;
    let opened = match known.open(sealed, associated) {
        // Perhaps another node has a newer one.
        Err(CannotOpen::UnknownKey(_)) => {
            let known = of_plugin(keys, snapshot, plugin, Look::Again).await?;
            known.open(sealed, associated)
        }
        opened => opened,
    };
    match opened {
        Ok(clear) => Ok(wire::OpenResponse { clear: clear.into() }),
        Err(CannotOpen::UnknownKey(_)) => Err(Status::invalid_argument(
            "it cannot be opened: it was sealed by another plugin, or with a key that is not there (any more)",
        )),
        Err(CannotOpen::Damaged) => Err(Status::invalid_argument(
            "it cannot be opened: it was changed, or sealed with other associated data",
        )),
    }
}

async fn of_plugin(
    keys: &dyn NamespaceKeys,
    snapshot: &Snapshot,
    plugin: PluginId,
    look: Look,
) -> Result<PluginKeys, Status> {
    // It is among them: it was granted something.
    let namespace = snapshot.plugins.get(&plugin).map(|spec| &spec.namespace);
    let namespace = namespace.ok_or_else(|| Status::permission_denied("the plugin is removed"))?;
    let keys = keys.keys(namespace, look).await.ok_or_else(|| {
        Status::unavailable("the key to seal with is not here right now; try again in a moment")
    })?;
    Ok(PluginKeys::of(&keys, plugin))
}

fn within(name: &str, bytes: usize, most: usize) -> Result<(), Status> {
    if bytes <= most {
        return Ok(());
    }
    Err(Status::invalid_argument(format!("{name} has {bytes} bytes, {most} are the most")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidegate_model::namespace::Namespace;
    use sidegate_model::plugin::PluginSpec;
    use sidegate_model::plugin_sealing::{KeysFuture, NoKeys};
    use sidegate_model::sealing::{Keyring, SealingKey};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tonic::Code;

    const PLUGIN: PluginId = PluginId(7);

    /// Another key for each namespace; a newer one is there for those who look again.
    #[derive(Default)]
    struct Keys {
        looked_again: AtomicUsize,
    }

    impl NamespaceKeys for Keys {
        fn keys<'a>(&'a self, namespace: &'a Namespace, look: Look) -> KeysFuture<'a> {
            let first = SealingKey::new([u8::from(namespace.is_global()); 32]);
            let ring = match look {
                Look::Known => Keyring::new(first, []),
                Look::Again => {
                    self.looked_again.fetch_add(1, Ordering::Relaxed);
                    Keyring::new(SealingKey::new([9; 32]), [first])
                }
            };
            Box::pin(std::future::ready(Some(Arc::new(ring))))
        }
    }

    fn snapshot(namespace: &Namespace) -> Snapshot {
        let spec = |id| PluginSpec {
            namespace: namespace.clone(),
            ..PluginSpec::new(id, "p", "file:///p")
        };
        let (one, other) = (PLUGIN, PluginId(8));
        Snapshot::default().with_plugin(one, Some(spec(one))).with_plugin(other, Some(spec(other)))
    }

    async fn sealed(snapshot: &Snapshot, clear: &'static str) -> bytes::Bytes {
        let request = wire::SealRequest { clear: clear.into(), associated_data: "for jane".into() };
        seal(&Keys::default(), snapshot, PLUGIN, &request).await.unwrap().sealed
    }

    async fn opened(
        keys: &Keys,
        snapshot: &Snapshot,
        plugin: PluginId,
        sealed: bytes::Bytes,
    ) -> Result<bytes::Bytes, Code> {
        let request = wire::OpenRequest { sealed, associated_data: "for jane".into() };
        let opened = open(keys, snapshot, plugin, &request).await;
        opened.map(|opened| opened.clear).map_err(|status| status.code())
    }

    #[tokio::test]
    async fn the_same_plugin_opens_what_it_sealed_and_no_other_and_none_of_another_namespace() {
        let keys = Keys::default();
        let (global, berlin) = (Namespace::global(), Namespace::parse("berlin").unwrap());
        let here = snapshot(&global);
        let text = sealed(&here, "secret").await;
        assert_eq!(opened(&keys, &here, PLUGIN, text.clone()).await.unwrap(), "secret");
        assert_eq!(keys.looked_again.load(Ordering::Relaxed), 0);
        let refused = Err(Code::InvalidArgument);
        assert_eq!(opened(&keys, &here, PluginId(8), text.clone()).await, refused);
        assert_eq!(opened(&keys, &snapshot(&berlin), PLUGIN, text.clone()).await, refused);
        let mut changed = text.to_vec();
        changed[30] ^= 1;
        assert_eq!(opened(&keys, &here, PLUGIN, changed.into()).await, refused);
        assert_eq!(opened(&keys, &here, PLUGIN, bytes::Bytes::new()).await, refused);
    }

    #[tokio::test]
    async fn what_a_newer_key_sealed_elsewhere_is_opened_after_another_look() {
        let (keys, here) = (Keys::default(), snapshot(&Namespace::global()));
        let newer = PluginKeys::of(&Keyring::single([9; 32]), PLUGIN).seal(b"new", b"for jane");
        assert_eq!(opened(&keys, &here, PLUGIN, newer.into()).await.unwrap(), "new");
        assert_eq!(keys.looked_again.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn what_is_too_large_or_cannot_be_done_now_is_said_so() {
        let here = snapshot(&Namespace::global());
        let too_large = wire::SealRequest {
            clear: vec![0; MAX_CLEAR_BYTES + 1].into(),
            associated_data: bytes::Bytes::new(),
        };
        let refused = seal(&Keys::default(), &here, PLUGIN, &too_large).await.unwrap_err();
        assert_eq!(refused.message(), "clear has 65537 bytes, 65536 are the most");
        let nothing = wire::SealRequest::default();
        let refused = seal(&NoKeys, &here, PLUGIN, &nothing).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable);
        let largest = wire::SealRequest {
            clear: vec![7; MAX_CLEAR_BYTES].into(),
            associated_data: "for jane".into(),
        };
        let keys = Keys::default();
        let sealed = seal(&keys, &here, PLUGIN, &largest).await.unwrap().sealed;
        assert_eq!(opened(&keys, &here, PLUGIN, sealed).await.unwrap(), largest.clear);
    }
}
