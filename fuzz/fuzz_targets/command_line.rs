#![no_main]
#![allow(dead_code)] // the other targets' checks

#[path = "../../tests/fuzz/checks/mod.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|input: &[u8]| checks::command_line::check(input));
