//! What a certificate is made of: what it says, and a fresh key.

use rcgen::{CertificateParams, KeyPair};

/// For this host, as `with` changes it.
pub(crate) fn parts(
    host: &str,
    with: impl FnOnce(&mut CertificateParams),
) -> (CertificateParams, KeyPair) {
    let key = KeyPair::generate().expect("the system has randomness");
    let mut params = CertificateParams::new([host.to_owned()]).expect("it is a name");
    with(&mut params);
    (params, key)
}
