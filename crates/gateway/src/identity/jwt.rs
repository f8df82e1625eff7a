//! JWT access tokens of issuers that an operator trusts: who its caller is, who fetches the keys it is verified by, and what is
//! remembered of those that were good. A request only looks; keys are fetched by tasks of their own.

mod cache;
mod identify;
mod inside;
mod keeper;
mod keys;
#[cfg(test)]
mod tests;
mod verify;

pub(crate) use identify::{Jwts, stands};
pub(crate) use inside::AskInside;
pub(crate) use keeper::keep_keys;
pub(crate) use sidegate_jwt::reader::looks_like_jwt;
pub use sidegate_jwt::reader::{Claims, Head};
pub(crate) use verify::{VerifiedJwt, stand_in};
