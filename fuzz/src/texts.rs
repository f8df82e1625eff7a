//! Texts that plugins, operators and proxies write.

pub mod admin_body;
pub mod dsn;
pub mod duration;
pub mod handshake;
pub mod join_token;
pub mod jwt;
pub mod log_line;
pub mod manifest;
pub mod options;
