//! What a report may cost whoever reads it: it is weighed as bytes before anything of it is made, since a few bytes of a
//! message can become many of memory.

use crate::limits::MAX_REPORT_BYTES;

/// The most that a report may weigh: about as many bytes as it takes when it is read.
const MAX_WEIGHT: usize = 32 * 1024 * 1024;
/// What anything of its own length costs beside its bytes.
const FIELD: usize = 64;
/// Plugins, and endpoints of plugins, in the message; see `sidegate_sync.proto`.
const PLUGINS: u64 = 4;
const ENDPOINTS: [u64; 2] = [14, 15];
const PLUGIN: usize = 512;
const ENDPOINT: usize = 256;

/// Why a report is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// Too many bytes.
    #[error("it has {0} bytes, and {MAX_REPORT_BYTES} are the most")]
    TooLong(usize),
    /// Too many plugins, endpoints and texts.
    #[error("it has more plugins, endpoints and texts than are kept of one edge")]
    TooHeavy,
    /// Something else.
    #[error("it is no report")]
    Malformed,
}

/// Where in a report.
#[derive(Clone, Copy)]
enum Level {
    Report,
    Plugin,
    Endpoint,
}

/// Whether a report can be read.
pub(super) fn check(bytes: &[u8]) -> Result<(), ReportError> {
    if bytes.len() > MAX_REPORT_BYTES {
        return Err(ReportError::TooLong(bytes.len()));
    }
    weigh(bytes, Level::Report, &mut 0)
}

fn weigh(mut bytes: &[u8], level: Level, weight: &mut usize) -> Result<(), ReportError> {
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let length = match key & 7 {
            0 => {
                varint(&mut bytes)?;
                continue;
            }
            1 => 8,
            2 => usize::try_from(varint(&mut bytes)?).map_err(|_| ReportError::Malformed)?,
            5 => 4,
            _ => return Err(ReportError::Malformed),
        };
        let (field, rest) = bytes.split_at_checked(length).ok_or(ReportError::Malformed)?;
        bytes = rest;
        if key & 7 != 2 {
            continue;
        }
        // Whatever else has a length is a text, or two.
        let (cost, inner) = match level {
            Level::Report if key >> 3 == PLUGINS => (PLUGIN, Some(Level::Plugin)),
            Level::Plugin if ENDPOINTS.contains(&(key >> 3)) => (ENDPOINT, Some(Level::Endpoint)),
            _ => (2 * FIELD + length, None),
        };
        *weight += cost;
        if *weight > MAX_WEIGHT {
            return Err(ReportError::TooHeavy);
        }
        if let Some(inner) = inner {
            weigh(field, inner, weight)?;
        }
    }
    Ok(())
}

fn varint(bytes: &mut &[u8]) -> Result<u64, ReportError> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(ReportError::Malformed)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(ReportError::Malformed)
}
