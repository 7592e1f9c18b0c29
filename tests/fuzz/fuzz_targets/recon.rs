//! Any recon cache: afterwards it is an object with our member, or as it was.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| martlet_tests::fuzz::holds("recon", data));
