//! What the fuzz targets reach of the store, which nobody else needs.

use crate::dsn::Dsn;
use std::path::PathBuf;

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// With SQLite.
    Sqlite {
        /// The file; `None` in memory.
        path: Option<PathBuf>,
        /// Whether it is made where it is missing.
        create: bool,
    },
    /// On a PostgreSQL server.
    Postgres {
        /// What is shown of it.
        shown: String,
    },
}

/// Reads the address of a database.
///
/// # Errors
/// What is wrong with it.
pub fn read_address(text: &str) -> Result<Address, String> {
    Ok(match Dsn::parse(text).map_err(|error| error.to_string())? {
        Dsn::SqliteFile { path, create } => Address::Sqlite { path: Some(path), create },
        Dsn::SqliteMemory => Address::Sqlite { path: None, create: false },
        Dsn::Postgres(address) => Address::Postgres { shown: address.to_string() },
    })
}
