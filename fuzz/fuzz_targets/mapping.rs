//! Any text as a mapping, and a report read with it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use payclear::statements::formats::{mapping::Mapping, read};

fuzz_target!(|text: (&str, &[u8])| {
    if let Ok(mapping) = Mapping::parse(text.0) {
        let _ = read(text.1, &[mapping], &mut |_, _| {});
    }
});
