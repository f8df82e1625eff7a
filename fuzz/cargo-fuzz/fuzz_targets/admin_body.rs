//! Bodies of requests to the admin API.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sidegate_fuzz::must_hold("admin_body", input));
