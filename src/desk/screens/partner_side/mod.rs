//! What a partner's own people see: their money, their files and verdicts, the breaks that are shared
//! with them, what of theirs was refused and why, their keys. Each page is of the one partner that they
//! work for; what is another's, or ours, is not there.
//!
//! Programs of a partner do the same with its key: `/v1/positions`, `/v1/statements`,
//! `/v1/partner/breaks`.

pub mod cases;
pub mod files;
pub mod keys;
pub mod money;
pub mod traffic;

use super::super::reader::Reader;
use crate::desk::menu::Section;
use crate::platform::problem::{Problem, ProblemType};

/// The partner whose page this is.
fn enter(reader: &Reader, section: Section) -> Result<&str, Problem> {
    reader.enter(section)?;
    reader.officer.partner().ok_or(Problem::new(ProblemType::Forbidden))
}
