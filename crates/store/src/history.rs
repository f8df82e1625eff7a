//! History: what every revision changed, what was there at one, what differs between two, how one goes back, and
//! how long it is kept. What is kept is written by `versions`.

mod content;
mod difference;
mod list;
mod retention;
mod rollback;

pub use difference::{Difference, Versioned};
pub use list::{RevisionEntry, RevisionFilter, RevisionPage, ThingChange, ThingFilter};
pub use rollback::RolledBack;
