//! Who calls, whether that caller may call this, and whether now. Looks at headers only; reads no body and asks
//! no database.

pub(crate) mod access;
pub(crate) mod admit;
pub(crate) mod approval;
pub(crate) mod authenticate;
