//! What control plane and edge say to each other.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sidegate_fuzz::must_hold("sync_stream", input));
