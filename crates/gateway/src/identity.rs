//! Who calls, whether that caller may call this, and whether now. Looks at headers only; reads no body and asks
//! no database.

pub(crate) mod access;
pub(crate) mod admit;
pub(crate) mod approval;
pub(crate) mod authenticate;
pub(crate) mod client_authority;
pub(crate) mod client_certificate;
pub(crate) mod jwt;
pub(crate) mod newcomers;
pub(crate) mod unidentified;
pub(crate) mod validity;
