//! What the fuzz targets reach of the host, which nobody else needs.

use super::line::{self, LineCutter};
use super::manifest::Manifest;

/// A line of a plugin as it was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Its level.
    pub level: String,
    /// Its words.
    pub message: String,
    /// All other texts that it holds.
    pub others: Vec<String>,
}

/// Lines out of bytes that come in pieces.
pub fn cut_lines(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let (mut cutter, mut lines) = (LineCutter::default(), Vec::new());
    for piece in pieces {
        cutter.push(piece, |line| lines.push(line.to_vec()));
    }
    lines.extend(cutter.rest());
    lines
}

/// Reads a line; `panicking` remembers that a panic began.
pub fn read_log_line(text: &str, panicking: &mut bool) -> LogLine {
    let line = line::read_line(text, panicking);
    let others = [line.module, line.request_id, line.trace_id, line.fields];
    LogLine {
        level: line.level.to_string(),
        message: line.message,
        others: others.into_iter().flatten().collect(),
    }
}

/// What a manifest says, as far as the gateway heeds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Hooks it names.
    pub hooks: Vec<String>,
    /// Scopes it wishes for.
    pub scopes: Vec<String>,
    /// Whether it could be read.
    pub is_readable: bool,
}

/// Reads a manifest.
pub fn read_manifest(json: &str) -> Wishes {
    let manifest = Manifest::parse(json);
    let is_readable = manifest.is_readable();
    Wishes { hooks: manifest.hooks, scopes: manifest.scopes, is_readable }
}
