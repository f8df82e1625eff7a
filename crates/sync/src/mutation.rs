//! Checks that the simulation leaves out on purpose, to see that it would find out. Outside of tests none is
//! ever left out.

/// A check that keeps a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// A blob's bytes are those of its digest.
    Digest,
    /// Within a lineage no edge goes back.
    Order,
    /// A pinned signer signed the manifest.
    Signature,
    /// What was lost on the way is sent again.
    Repeat,
    /// What is served by is on the disk.
    StoredFirst,
    /// A trust bundle counts only when it is on the disk.
    #[cfg(test)]
    TrustStored,
    /// What could not be opened is tried again with new keys.
    TryAgain,
    /// Whoever is ahead of what is published is asked for a proof.
    Prove,
}

/// Whether this one is left out.
#[cfg(not(test))]
pub(crate) const fn leaves_out(_: Check) -> bool {
    false
}

#[cfg(test)]
thread_local! {
    static LEFT_OUT: std::cell::Cell<Option<Check>> = const { std::cell::Cell::new(None) };
}

#[cfg(test)]
pub(crate) fn leaves_out(check: Check) -> bool {
    LEFT_OUT.get() == Some(check)
}

/// Leaves one out, on this thread, from now on.
#[cfg(test)]
pub(crate) fn leave_out(check: Option<Check>) {
    LEFT_OUT.set(check);
}
