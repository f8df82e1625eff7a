//! Secrets among a plugin's settings: which they are, what is shown in their place, and how what was
//! shown is taken back as what is stored.
//!
//! It knows by which words people name secrets; it cannot know what a value means.

mod hiding;
mod restore;
#[cfg(test)]
mod tests;

pub use hiding::{HIDDEN_TEXT, for_people, hidden, hide_config, hide_options};
pub use restore::{restore_config, restore_options};
