//! Any bytes as a path: what is kept is its beginning, and its names are parts of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| martlet_tests::fuzz::holds("path", data));
