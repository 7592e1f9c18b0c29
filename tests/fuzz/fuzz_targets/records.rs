//! Any record in the place of the container's row or of a policy's: whenever the reader answers,
//! SQLite gives the same facts.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| martlet_tests::fuzz::holds("records", data));
