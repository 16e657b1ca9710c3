//! Any bytes as a file: nothing panics, and what is accepted adds up.
#![no_main]

use libfuzzer_sys::fuzz_target;
use payclear::statements::formats::{mapping::Mapping, read};
use payclear::statements::model::Kind;
use payclear::statements::verdict::Outcome;

fuzz_target!(|bytes: &[u8]| {
    let mut lines = 0;
    let file = read(bytes, &Mapping::samples(), &mut |_, _| lines += 1).expect("memory");
    if Outcome::of(&file) == Outcome::Accepted {
        assert_eq!(lines, file.statements.iter().map(|s| s.lines).sum::<u64>());
        for statement in file.statements.iter().filter(|s| s.kind == Kind::Account) {
            if let (Some(opening), Some(closing)) = (statement.opening, statement.closing) {
                assert_eq!(opening + statement.total, closing);
            }
        }
    }
});
