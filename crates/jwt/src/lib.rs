//! JWTs of issuers that somebody trusts: what one says, by which keys it is verified, and how an issuer is asked for its
//! documents. Whom to trust, and what a JWT is worth then, is decided elsewhere.
//!
//! Reading order: [`reader`] (three parts, of which nothing is believed), [`key_set`] (what verifies them), [`fetch`] (where
//! documents come from, and from where never), [`metadata`] (where an issuer says that its keys are).

mod addresses;
pub mod fetch;
pub mod key_set;
pub mod metadata;
pub mod reader;
