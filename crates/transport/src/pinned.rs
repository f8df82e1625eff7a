//! TLS between two processes that know each other by one certificate each.
