//! Any pending entry: it is read without a panic, and the same after another.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| martlet_tests::fuzz::holds("pending", data));
