//! What holds of a file whatever its bytes are. The fuzz targets of `fuzz/` ask this, and so does the
//! short run among the tests whose bytes come from a seed.

use std::io::BufRead;

use rust_decimal::Decimal;

use super::mapping::Mapping;
use super::read;
use crate::statements::finding::Severity;
use crate::statements::model::{Kind, ReadFile, Standing};
use crate::statements::verdict::{Outcome, Verdict};

/// Reads bytes as a file, and says which promise is broken, when one is: a file that is not taken says
/// why and where, and one that is taken adds up and holds what it says that it holds.
pub fn any_file(input: impl BufRead) -> Result<Outcome, String> {
    file_with(input, &Mapping::samples())
}

/// The same with any text as the mapping of reports; none is left of one that is refused.
pub fn any_mapping(text: &str, input: impl BufRead) -> Result<Option<Outcome>, String> {
    match Mapping::parse(text) {
        Ok(mapping) => file_with(input, &[mapping]).map(Some),
        Err(why) if why.to_string().is_empty() => Err("a mapping is refused without a word".into()),
        Err(_) => Ok(None),
    }
}

/// Lines of one statement, and the sum of those that are booked; none when it cannot be told.
#[derive(Debug, Clone, Copy)]
struct Passed {
    lines: u64,
    booked: Option<Decimal>,
}

fn file_with(input: impl BufRead, mappings: &[Mapping]) -> Result<Outcome, String> {
    let mut passed: Vec<Passed> = Vec::new();
    let none = Passed { lines: 0, booked: Some(Decimal::ZERO) };
    let file = read(input, mappings, &mut |place, line| {
        if passed.len() <= place {
            passed.resize(place + 1, none);
        }
        let of = &mut passed[place];
        of.lines += 1;
        if line.standing == Standing::Booked {
            of.booked = of.booked.and_then(|sum| sum.checked_add(line.amount));
        }
    })
    .map_err(|error| format!("bytes in memory could not be read: {error}"))?;
    let outcome = Outcome::of(&file);
    told(&file, outcome)?;
    if outcome == Outcome::Accepted {
        passed.resize(file.statements.len().max(passed.len()), none);
        adds_up(&file, &passed)?;
    }
    Ok(outcome)
}

/// Does a verdict say why? Each finding stands somewhere and says something.
fn told(file: &ReadFile, outcome: Outcome) -> Result<(), String> {
    let decides = |severity| match outcome {
        Outcome::Rejected => severity == Severity::Refusal,
        Outcome::Quarantined => severity == Severity::Quarantine,
        Outcome::Accepted | Outcome::Noted => true,
    };
    let findings = file.findings.told();
    let taken = matches!(outcome, Outcome::Accepted | Outcome::Noted);
    if !taken && !findings.iter().any(|finding| decides(finding.severity)) {
        return Err(format!("{outcome} without a word that says why"));
    }
    if let Some(mute) = findings.iter().find(|f| f.detail.is_empty() || f.way_out.is_empty()) {
        return Err(format!("a finding that says nothing: {mute:?}"));
    }
    let verdict = Verdict::of(file, (None, &[]), (&[0; 32], 0));
    if verdict.errors_found < verdict.errors.len() as u64 || verdict.errors != findings {
        return Err("the verdict tells other errors than were found".to_owned());
    }
    serde_json::to_string(&verdict).map(drop).map_err(|error| format!("no verdict: {error}"))
}

/// Does what is taken add up?
fn adds_up(file: &ReadFile, passed: &[Passed]) -> Result<(), String> {
    if passed.len() > file.statements.len() {
        return Err("lines of a statement that is not there".to_owned());
    }
    for (place, (statement, passed)) in file.statements.iter().zip(passed).enumerate() {
        if statement.lines != passed.lines {
            let (says, came) = (statement.lines, passed.lines);
            return Err(format!("statement {place} says {says} lines, {came} came"));
        }
        if passed.booked != Some(statement.total) {
            let (says, came) = (statement.total, passed.booked);
            return Err(format!("statement {place} says that {says} was booked, {came:?} was"));
        }
        if statement.kind != Kind::Account {
            continue;
        }
        if let (Some(opening), Some(closing)) = (statement.opening, statement.closing)
            && opening.checked_add(statement.total) != Some(closing)
        {
            return Err(format!("statement {place}: opening and lines do not make the closing"));
        }
    }
    Ok(())
}
