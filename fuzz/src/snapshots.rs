//! What an edge reads of a control plane, from the network and from files.

pub mod bootstrap;
pub mod sync_manifest;
pub mod sync_stream;
pub mod trust_bundle;
