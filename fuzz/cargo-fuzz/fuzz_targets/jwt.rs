//! What clients write into a JWT.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sidegate_fuzz::must_hold("jwt", input));
