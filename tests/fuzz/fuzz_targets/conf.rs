//! Any conf files: they load within their bounds, or are refused in one line.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| martlet_tests::fuzz::holds("conf", data));
