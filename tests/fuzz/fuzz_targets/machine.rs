//! Any order of events: what must hold of the auditor holds.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| martlet_tests::fuzz::holds("machine", data));
