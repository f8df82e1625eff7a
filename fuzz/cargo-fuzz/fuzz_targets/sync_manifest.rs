//! Manifests of a namespace.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sidegate_fuzz::must_hold("sync_manifest", input));
