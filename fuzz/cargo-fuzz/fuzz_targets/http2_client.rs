//! What a plugin sends over HTTP/2.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sidegate_fuzz::must_hold("http2_client", input));
