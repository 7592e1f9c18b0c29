//! Any saved state: what is sealed reads the same when written again, what is not is refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| martlet_tests::fuzz::holds("cursor", data));
