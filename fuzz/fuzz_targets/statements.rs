//! Any bytes as a file: nothing panics, what is refused says why, and what is accepted adds up.
#![no_main]

use libfuzzer_sys::fuzz_target;
use payclear::statements::formats::probe;

fuzz_target!(|bytes: &[u8]| {
    if let Err(broken) = probe::any_file(bytes) {
        panic!("{broken}");
    }
});
