//! What SQLite's result codes mean for an operator.

use sqlx::error::DatabaseError;

/// The primary result codes that an operator can do something about.
pub(super) fn problem(error: &dyn DatabaseError) -> &'static str {
    let code = error.code().and_then(|code| code.parse::<i32>().ok()).unwrap_or(0);
    match code & 0xff {
        3 | 23 => "permission denied; check the owner and the mode of the file",
        5 | 6 => "another process keeps it locked; end that process or try again",
        8 => "it is read-only; check the owner and the mode of the file and its folder",
        10 => "reading or writing the file failed; check the disk",
        11 => "the file is damaged; restore it from a backup",
        13 => "the disk is full; free some space",
        14 => "the file cannot be opened; check that its folder exists and may be written",
        26 => "the file is not a database; give another path, or restore it from a backup",
        _ => "it refused the request unexpectedly; the log tells more",
    }
}
