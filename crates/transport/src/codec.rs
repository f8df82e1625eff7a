//! The endpoint messages as bytes, written and read by hand.
