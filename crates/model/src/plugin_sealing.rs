//! Sealing for plugins: bytes that only the same plugin can read again, at every node that has the keys of its namespace.
//! Where those keys are is somebody else's business.

use crate::namespace::Namespace;
use crate::plugin::PluginId;
use crate::sealing::{CannotOpen, Keyring};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// Most bytes that are sealed at once.
pub const MAX_CLEAR_BYTES: usize = 64 * 1024;
/// Most bytes that must be given again to open something.
pub const MAX_ASSOCIATED_BYTES: usize = 4 * 1024;
/// How much longer sealed bytes are: form, id of the key, nonce, tag.
pub const SEAL_BYTES: usize = 1 + 8 + 12 + 16;

/// The keys of one plugin. They are made of those of its namespace, so every node has the same, and no plugin has those
/// of another one.
///
/// ```
/// use sidegate_model::plugin::PluginId;
/// use sidegate_model::plugin_sealing::PluginKeys;
/// use sidegate_model::sealing::Keyring;
/// let of_namespace = Keyring::single([7; 32]);
/// let (one, other) = (PluginId(1), PluginId(2));
/// let sealed = PluginKeys::of(&of_namespace, one).seal(b"jane", b"cookie");
/// assert_eq!(PluginKeys::of(&of_namespace, one).open(&sealed, b"cookie").unwrap(), b"jane");
/// assert!(PluginKeys::of(&of_namespace, one).open(&sealed, b"form").is_err());
/// assert!(PluginKeys::of(&of_namespace, other).open(&sealed, b"cookie").is_err());
/// ```
#[derive(Debug)]
pub struct PluginKeys(Keyring);

impl PluginKeys {
    /// Those of a plugin in the namespace that has these keys.
    pub fn of(namespace: &Keyring, plugin: PluginId) -> Self {
        Self(namespace.derived(&format!("sealing for plugin {plugin}")))
    }

    /// Seals with the newest key.
    pub fn seal(&self, clear: &[u8], associated: &[u8]) -> Vec<u8> {
        self.0.current().seal(associated, clear)
    }

    /// Opens what any of the keys sealed.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn open(&self, sealed: &[u8], associated: &[u8]) -> Result<Vec<u8>, CannotOpen> {
        self.0.open(associated, sealed)
    }
}

/// How new the keys have to be that somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Those that were seen a moment ago will do.
    Known,
    /// Something cannot be opened: perhaps there is another one by now.
    Again,
}

/// What comes of a question for keys; `None` while they cannot be reached.
pub type KeysFuture<'a> = Pin<Box<dyn Future<Output = Option<Arc<Keyring>>> + Send + 'a>>;

/// Keys of namespaces.
pub trait NamespaceKeys: Send + Sync + 'static {
    /// Those of one namespace.
    fn keys<'a>(&'a self, namespace: &'a Namespace, look: Look) -> KeysFuture<'a>;
}

/// No keys, for processes that are only looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoKeys;

impl NamespaceKeys for NoKeys {
    fn keys<'a>(&'a self, _: &'a Namespace, _: Look) -> KeysFuture<'a> {
        Box::pin(std::future::ready(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealing::SealingKey;
    use proptest::prelude::*;

    const PLUGIN: PluginId = PluginId(7);

    #[test]
    fn what_an_old_key_of_the_namespace_sealed_is_opened_while_that_key_is_known() {
        let old = PluginKeys::of(&Keyring::single([1; 32]), PLUGIN).seal(b"x", b"a");
        let both = Keyring::new(SealingKey::new([2; 32]), [SealingKey::new([1; 32])]);
        let both = PluginKeys::of(&both, PLUGIN);
        assert_eq!(both.open(&old, b"a").unwrap(), b"x");
        let new = both.seal(b"x", b"a");
        let only_new = PluginKeys::of(&Keyring::single([2; 32]), PLUGIN);
        assert_eq!(only_new.open(&new, b"a").unwrap(), b"x");
        assert!(matches!(only_new.open(&old, b"a"), Err(CannotOpen::UnknownKey(_))));
    }

    #[test]
    fn the_key_of_a_namespace_opens_nothing_of_its_plugins_by_itself() {
        let keys = Keyring::single([1; 32]);
        let sealed = PluginKeys::of(&keys, PLUGIN).seal(b"x", b"a");
        assert!(keys.open("a", &sealed).is_err());
        let own = keys.current().seal("plugin 7", b"x");
        assert!(PluginKeys::of(&keys, PLUGIN).open(&own, b"plugin 7").is_err());
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_opened_as_it_was_and_not_where_anything_is_changed(
            clear in prop::collection::vec(any::<u8>(), 0..200),
            associated in prop::collection::vec(any::<u8>(), 0..40),
            at in 0_usize..1000, bit in 0_u8..8,
        ) {
            let keys = PluginKeys::of(&Keyring::single([3; 32]), PLUGIN);
            let sealed = keys.seal(&clear, &associated);
            prop_assert_eq!(sealed.len(), clear.len() + SEAL_BYTES);
            prop_assert_eq!(keys.open(&sealed, &associated), Ok(clear));
            let mut changed = sealed.clone();
            changed[at % sealed.len()] ^= 1 << bit;
            prop_assert!(keys.open(&changed, &associated).is_err());
            prop_assert!(keys.open(&sealed[..at % sealed.len()], &associated).is_err());
            let other: Vec<u8> = [&associated[..], b"!"].concat();
            prop_assert!(keys.open(&sealed, &other).is_err());
        }
    }
}
