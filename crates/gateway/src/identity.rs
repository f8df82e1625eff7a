//! Who calls, and whether that caller may call now. Looks at headers only; reads no body and asks
//! no database.

pub(crate) mod admit;
pub(crate) mod authenticate;
