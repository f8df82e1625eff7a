//! How large things may be, at both ends and on disk. What is larger is refused with its size, never cut.

use std::time::Duration;

/// Largest blob, in bytes.
pub const MAX_BLOB_BYTES: usize = 32 * 1024 * 1024;
/// All blobs of one manifest together, in bytes.
pub const MAX_SNAPSHOT_BYTES: u64 = 1024 * 1024 * 1024;
/// Largest manifest, in bytes.
pub const MAX_MANIFEST_BYTES: usize = 8 * 1024 * 1024;
/// Most objects of one manifest.
pub const MAX_ENTRIES: usize = 65_536;
/// Longest name of an object's kind and longest key, in bytes.
pub const MAX_NAME_BYTES: usize = 128;
/// Most features that one object can require.
pub const MAX_FEATURES: usize = 64;
/// Longest author, in bytes.
pub const MAX_AUTHOR_BYTES: usize = 1024;
/// Most bytes of a blob in one message.
pub const CHUNK_BYTES: usize = 256 * 1024;
/// Largest message from a control plane, in bytes: a head.
pub const MAX_DOWNWARD_BYTES: usize = MAX_MANIFEST_BYTES + 64 * 1024;
/// Largest message from an edge, in bytes: an answer to a command. What can be longer comes in parts.
pub const MAX_UPWARD_BYTES: usize = MAX_ANSWER_BYTES + 4 * 1024;
/// Most bytes of a part of something that an edge says.
pub const PART_BYTES: usize = 128 * 1024;
/// Most bytes of a report.
pub const MAX_REPORT_BYTES: usize = 3 * 1024 * 1024;
/// Most bytes of a proof: a manifest and its signature.
pub const MAX_PROOF_BYTES: usize = MAX_MANIFEST_BYTES + 1024;
/// Largest trust bundle, in bytes.
pub const MAX_TRUST_BYTES: usize = 1024 * 1024;
/// Most tokens whose last use is told in one message.
pub const MAX_TOKEN_USES: usize = 1000;
/// Commands that one edge carries out at one time.
pub const MAX_COMMANDS: usize = 16;
/// Largest answer to a command, in bytes; most commands have many.
pub const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// Bytes of answers to one command that are on their way or wait to be read. Each answer counts for its bytes and
/// [`ANSWER_COST`] more.
pub const ANSWER_WINDOW_BYTES: usize = 512 * 1024;
/// What an answer counts for beside its bytes.
pub const ANSWER_COST: usize = 64;
/// The longest that a command may take.
pub const MAX_COMMAND_TIME: Duration = Duration::from_secs(3600);
/// Blobs that an edge waits for at one time.
pub const WINDOW_BLOBS: usize = 64;
/// Bytes that an edge waits for at one time, unless one blob alone is larger.
pub const WINDOW_BYTES: u64 = 8 * 1024 * 1024;
/// Rejected objects that are told one by one.
pub const MAX_REJECTED: usize = 256;
/// Longest reason that is told, in bytes.
pub const MAX_REASON_BYTES: usize = 500;
// All that is told of one namespace fits into one message.
const _: () =
    assert!(MAX_REJECTED * (MAX_REASON_BYTES + 2 * MAX_NAME_BYTES + 16) < MAX_UPWARD_BYTES);
/// Manifests that last good versions of rejected objects are kept from.
pub const MAX_KEPT_MANIFESTS: usize = 32;

/// A reason that is not too long to be told.
pub(crate) fn told(reason: &str) -> String {
    beginning(reason, MAX_REASON_BYTES).to_owned()
}

/// So many bytes of a text, or fewer where a character does not end there.
pub(crate) fn beginning(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
