//! Any bytes on the pages that the reader looks at: it never panics, and whenever it answers,
//! SQLite gives the same facts.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| martlet_tests::fuzz::holds("reader", data));
