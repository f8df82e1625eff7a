//! The roles that a process can have.

/// Which parts a process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// All of them.
    Standalone,
    /// The data plane.
    Edge,
    /// The control plane of edges.
    Control,
}
