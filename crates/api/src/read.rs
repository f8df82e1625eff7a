//! From a foreign body or query to a type: everything that is wrong is collected and told in the
//! words of the API, never in those of a programming language. What is right with a type is read from
//! its schema, so that this, the type and the document cannot differ. Knows no particular noun.
//!
//! Reading order: `envelope` (from bytes to members), `reading` (from members to a type), `query`,
//! `check` (a value held against a schema).

mod check;
mod envelope;
mod query;
mod reading;

pub use envelope::{Members, members_of};
pub use query::{NoQuery, read_query};
pub use reading::{Readable, Reading, read_members};
