//! What a plugin had sealed and somebody else brings back.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sidegate_fuzz::must_hold("plugin_seal", input));
