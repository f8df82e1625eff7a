//! What an edge has to know of its control plane: who may issue certificates, who may sign manifests, and the keys
//! of its namespaces' secrets. What is shown of it for debugging holds no key.

use crate::certificate::{AuthorityCertificate, InvalidCertificate};
use crate::control_url::ControlUrl;
use crate::message;
use prost::Message as _;
use sidegate_sync::{Namespace, PinError, PinnedSigners, SignerKey};
use std::collections::BTreeMap;
use std::fmt;

/// Most authorities of a bundle: one that issues, one that will, and some that leave.
pub const MAX_AUTHORITIES: usize = 8;
/// Most namespaces, keys of one namespace, signers and addresses; an edge has two namespaces.
const MAX_OF_EACH: usize = 64;
/// Largest bundle, in bytes.
pub const MAX_TRUST_BUNDLE_BYTES: usize = 256 * 1024;

/// A key that secrets of a namespace are sealed by.
#[derive(Clone, PartialEq, Eq)]
pub struct DataKey {
    /// Which one of its namespace it is; later ones have greater numbers.
    pub number: u64,
    /// The key.
    pub bytes: [u8; 32],
}

/// What an edge has to know of its control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustBundle {
    /// Which one it is: another content has another number.
    pub version: u64,
    /// Who may issue certificates; the one that issues comes first.
    pub authorities: Vec<AuthorityCertificate>,
    /// Who may sign manifests.
    pub signers: Vec<SignerKey>,
    /// The keys of each namespace, sorted by number; the last one seals.
    pub data_keys: BTreeMap<Namespace, Vec<DataKey>>,
    /// Where control planes are, beside what the edge was told at its start.
    pub control_urls: Vec<ControlUrl>,
}

/// Bytes that are no trust bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTrustBundle {
    /// Not such a message.
    #[error("these bytes are no trust bundle")]
    Encoding,
    /// A bundle that would be of no use, or take too much room.
    #[error("the trust bundle has {count} {of}: {least} to {most} are possible")]
    Count {
        /// So many there are.
        count: usize,
        /// Of these.
        of: &'static str,
        /// So many there must be.
        least: usize,
        /// So many there can be.
        most: usize,
    },
    /// An authority that is none.
    #[error("authority {0} of the trust bundle: {1}")]
    Authority(usize, InvalidCertificate),
    /// A signer's key or a namespace's key of another length.
    #[error("the trust bundle has a {0} of {1} bytes: it must have 32")]
    KeyLength(&'static str, usize),
    /// A name that is no namespace's.
    #[error("the name of namespace {0} of the trust bundle is not valid")]
    Namespace(usize),
    /// Namespaces or keys that come twice, or not in their order.
    #[error("the trust bundle has {0} that are not in their order")]
    Order(&'static str),
    /// An address that is none.
    #[error("address {0} of the trust bundle is no address of a control plane")]
    Address(usize),
    /// It is too large.
    #[error("the trust bundle has {0} bytes: {MAX_TRUST_BUNDLE_BYTES} are the most")]
    Size(usize),
}

impl TrustBundle {
    /// The bundle as bytes. The same content gives the same bytes.
    pub fn encode(&self) -> Vec<u8> {
        let keys = |(namespace, keys): (&Namespace, &Vec<DataKey>)| message::NamespaceKeys {
            namespace: namespace.as_str().to_owned(),
            keys: keys
                .iter()
                .map(|key| message::DataKey { number: key.number, key: key.bytes.to_vec() })
                .collect(),
        };
        let message = message::TrustBundle {
            version: self.version,
            authorities: self.authorities.iter().map(|one| one.der().to_vec()).collect(),
            signers: self.signers.iter().map(|one| one.as_bytes().to_vec()).collect(),
            data_keys: self.data_keys.iter().map(keys).collect(),
            control_urls: self.control_urls.iter().map(ToString::to_string).collect(),
        };
        message.encode_to_vec()
    }

    /// Reads a bundle.
    ///
    /// # Errors
    /// [`InvalidTrustBundle`], which tells nothing of what is in it.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidTrustBundle> {
        if bytes.len() > MAX_TRUST_BUNDLE_BYTES {
            return Err(InvalidTrustBundle::Size(bytes.len()));
        }
        let message = message::TrustBundle::decode(bytes);
        let message = message.map_err(|_| InvalidTrustBundle::Encoding)?;
        counted("authorities", &message.authorities, 1, MAX_AUTHORITIES)?;
        counted("signers", &message.signers, 1, MAX_SIGNERS)?;
        counted("namespaces", &message.data_keys, 0, MAX_OF_EACH)?;
        counted("addresses of control planes", &message.control_urls, 0, MAX_OF_EACH)?;
        let authority = |(at, der): (usize, &Vec<u8>)| {
            let read = AuthorityCertificate::read(der);
            read.map_err(|error| InvalidTrustBundle::Authority(at + 1, error))
        };
        let signer = |key: &Vec<u8>| Ok(SignerKey::from_bytes(key_bytes("signer", key)?));
        let mut data_keys = BTreeMap::new();
        for (at, of_namespace) in message.data_keys.iter().enumerate() {
            let namespace = Namespace::parse(&of_namespace.namespace);
            let namespace = namespace.map_err(|_| InvalidTrustBundle::Namespace(at + 1))?;
            if data_keys.last_key_value().is_some_and(|(last, _)| *last >= namespace) {
                return Err(InvalidTrustBundle::Order("namespaces"));
            }
            data_keys.insert(namespace, keys_of(&of_namespace.keys)?);
        }
        let authorities = message.authorities.iter().enumerate().map(authority);
        let signers = message.signers.iter().map(signer);
        let url = |(at, url): (usize, &String)| {
            ControlUrl::parse(url).map_err(|_| InvalidTrustBundle::Address(at + 1))
        };
        let urls = message.control_urls.iter().enumerate().map(url);
        Ok(Self {
            version: message.version,
            authorities: authorities.collect::<Result<_, _>>()?,
            signers: signers.collect::<Result<_, InvalidTrustBundle>>()?,
            data_keys,
            control_urls: urls.collect::<Result<_, _>>()?,
        })
    }

    /// Those whose manifests the edge takes.
    ///
    /// # Errors
    /// [`PinError`] for a bundle that was not read: one that was has a few.
    pub fn pinned_signers(&self) -> Result<PinnedSigners, PinError> {
        PinnedSigners::new(self.signers.iter().copied())
    }
}

/// As many as can be pinned.
const MAX_SIGNERS: usize = 16;

fn counted<T>(
    of: &'static str,
    all: &[T],
    least: usize,
    most: usize,
) -> Result<(), InvalidTrustBundle> {
    let count = all.len();
    match (least..=most).contains(&count) {
        true => Ok(()),
        false => Err(InvalidTrustBundle::Count { count, of, least, most }),
    }
}

fn key_bytes(what: &'static str, bytes: &[u8]) -> Result<[u8; 32], InvalidTrustBundle> {
    bytes.try_into().map_err(|_| InvalidTrustBundle::KeyLength(what, bytes.len()))
}

fn keys_of(keys: &[message::DataKey]) -> Result<Vec<DataKey>, InvalidTrustBundle> {
    counted("keys of a namespace", keys, 1, MAX_OF_EACH)?;
    if !keys.is_sorted_by(|one, next| one.number < next.number) {
        return Err(InvalidTrustBundle::Order("keys of a namespace"));
    }
    let key = |key: &message::DataKey| {
        Ok(DataKey { number: key.number, bytes: key_bytes("data key", &key.key)? })
    };
    keys.iter().map(key).collect()
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({}, …)", self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::CertificateAuthority;
    use crate::clock::Clock;
    use proptest::prelude::*;
    use sidegate_sync::Signer;

    fn bundle() -> TrustBundle {
        let authority = CertificateAuthority::generate(&Clock::of(|| 0)).unwrap();
        let key = |number| DataKey { number, bytes: [b'K'; 32] };
        TrustBundle {
            version: 7,
            authorities: vec![authority.certificate().clone()],
            signers: vec![Signer::generate().unwrap().key()],
            data_keys: [
                (Namespace::global(), vec![key(1)]),
                (Namespace::parse("berlin").unwrap(), vec![key(2), key(9)]),
            ]
            .into(),
            control_urls: vec![ControlUrl::parse("https://control.example:8443").unwrap()],
        }
    }

    #[test]
    fn a_bundle_is_read_as_it_was_written() {
        let bundle = bundle();
        assert_eq!(TrustBundle::decode(&bundle.encode()), Ok(bundle));
    }

    #[test]
    fn a_bundle_that_would_lock_its_edge_out_is_refused() {
        let changed = |change: fn(&mut TrustBundle)| {
            let mut bundle = bundle();
            change(&mut bundle);
            TrustBundle::decode(&bundle.encode()).unwrap_err().to_string()
        };
        let none = changed(|bundle| bundle.authorities.clear());
        assert_eq!(none, "the trust bundle has 0 authorities: 1 to 8 are possible");
        let none = changed(|bundle| bundle.signers.clear());
        assert_eq!(none, "the trust bundle has 0 signers: 1 to 16 are possible");
        let none = changed(|bundle| *bundle.data_keys.values_mut().next().unwrap() = Vec::new());
        assert_eq!(none, "the trust bundle has 0 keys of a namespace: 1 to 64 are possible");
        let twice = changed(|bundle| {
            let keys = bundle.data_keys.values_mut().next().unwrap();
            keys.push(keys[0].clone());
        });
        assert_eq!(twice, "the trust bundle has keys of a namespace that are not in their order");
        assert_eq!(TrustBundle::decode(b"x").unwrap_err(), InvalidTrustBundle::Encoding);
    }

    #[test]
    fn what_is_shown_for_debugging_holds_no_key() {
        let shown = format!("{:?}", bundle());
        assert!(shown.contains("DataKey(9, …)") && !shown.contains("75, 75"), "{shown}");
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_what_is_read_is_written_again(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(),
        ) {
            let _ = TrustBundle::decode(&bytes);
            let mut near = bundle().encode();
            let at = at.index(near.len());
            near[at] = bytes.first().copied().unwrap_or_default();
            if let Ok(read) = TrustBundle::decode(&near) {
                prop_assert_eq!(TrustBundle::decode(&read.encode()), Ok(read));
            }
        }
    }
}
