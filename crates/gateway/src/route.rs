//! Which endpoint a request names. Looks at method and path only.

pub(crate) mod lookup;
