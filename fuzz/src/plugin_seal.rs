//! What a plugin had sealed and somebody else brings back.

use crate::verdict::{Outcome, Verdict, ensure};
use sidegate_model::plugin::PluginId;
use sidegate_model::plugin_sealing::PluginKeys;
use sidegate_model::sealing::{CannotOpen, Keyring, SealingKey};

/// Words that belong into it: its form, and the nonces of what is known.
pub const WORDS: &[&[u8]] = &[b"\x01", b"\x02", &[3; 12], &[4; 12], &[5; 12], b"jane", b"cookie"];

/// All that was ever sealed for this purpose, with what is in it. Another implementation sealed it.
const SEALED: [(&[u8], &[u8]); 3] = [
    (include_bytes!("../seeds/plugin_seal/by_the_current_key"), b"jane"),
    (include_bytes!("../seeds/plugin_seal/by_the_key_before"), b"joe"),
    (include_bytes!("../seeds/plugin_seal/of_nothing"), b""),
];

/// What opens it.
pub type Opener = fn(&[u8]) -> Result<Vec<u8>, CannotOpen>;

/// The gateway's.
///
/// # Errors
/// Why it cannot be opened.
pub fn ours(sealed: &[u8]) -> Result<Vec<u8>, CannotOpen> {
    let keys = Keyring::new(SealingKey::new([2; 32]), [SealingKey::new([1; 32])]);
    PluginKeys::of(&keys, PluginId(7)).open(sealed, b"cookie")
}

/// Tries the gateway's.
///
/// # Errors
/// What it opens otherwise.
pub fn check(input: &[u8]) -> Verdict {
    check_with(ours, input)
}

/// Tries one that opens.
///
/// # Errors
/// What it opens otherwise.
pub fn check_with(open: Opener, input: &[u8]) -> Verdict {
    let opened = open(input);
    let known = SEALED.iter().find(|(sealed, _)| *sealed == input).map(|(_, clear)| *clear);
    ensure(opened.as_deref().ok() == known, || format!("{known:?} is opened as {opened:?}"))?;
    // Which key it is that nobody has is not another kind of wrong.
    let kind = opened.map_err(|error| matches!(error, CannotOpen::Damaged));
    Ok(Outcome::of(&kind))
}
