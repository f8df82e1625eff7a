//! Secrets among a plugin's settings: which they are, what is shown in their place, how what was
//! shown is taken back as what is stored, and how they are encrypted where they are kept.
//!
//! It knows by which words people name secrets; it cannot know what a value means. Which others there are is said
//! by the plugin's schema and by the operator.

mod guesses;
mod hiding;
mod places;
mod restore;
mod sealed;
#[cfg(test)]
mod tests;

pub use guesses::{is_guessed, with_other_secrets, with_other_variables};
pub use hiding::{HIDDEN_TEXT, for_people, hidden, hide_config, hide_options};
pub use places::{InvalidSettingPath, MAX_STEPS, SecretPlaces, SettingPath};
pub use restore::{restore_config, restore_options};
pub use sealed::{Sealer, open_config, open_options, seal_config, seal_options, sealed_texts};
