//! What the fuzz targets reach of the store, which nobody else needs.

use crate::dsn::Dsn;
use std::path::PathBuf;

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The file; `None` in memory.
    pub path: Option<PathBuf>,
    /// Whether it is made where it is missing.
    pub create: bool,
}

/// Reads the address of a database.
///
/// # Errors
/// What is wrong with it.
pub fn read_address(text: &str) -> Result<Address, String> {
    match Dsn::parse(text).map_err(|error| error.to_string())? {
        Dsn::SqliteFile { path, create } => Ok(Address { path: Some(path), create }),
        Dsn::SqliteMemory => Ok(Address { path: None, create: false }),
        Dsn::Postgres(_) => Ok(Address { path: None, create: false }),
    }
}
