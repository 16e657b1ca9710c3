//! Any text as a mapping, and a report read with it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use payclear::statements::formats::probe;

fuzz_target!(|of: (&str, &[u8])| {
    let (mapping, bytes) = of;
    if let Err(broken) = probe::any_mapping(mapping, bytes) {
        panic!("{broken}");
    }
});
