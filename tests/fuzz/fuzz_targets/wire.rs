#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| provisor_fuzz::wire::take(bytes));
