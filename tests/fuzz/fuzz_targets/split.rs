#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| provisor_fuzz::split::take(bytes));
