//! `payclear partner vectors <channel> FILE`: runs a file of wire-format vectors through the very
//! code that speaks to partners. Every case must come out as the file says; every entry under
//! `negative` must be refused. Secrets, texts and signatures are the file's own.

mod government;
mod momo;
mod onepay;
mod payos;
mod sepay;
mod vietqr;
mod vnpay;
mod zalopay;

use std::fmt;

use serde::Deserialize;

/// The channels that have vectors.
pub const CHANNELS: &[&str] = &[
    "dvcqg",
    "gov_dvcqg_viettel_keypay",
    "keypay",
    "momo",
    "onepay",
    "payos",
    "sepay",
    "vietqr",
    "viettel",
    "vnpay",
    "zalopay",
];

/// Why a file could not be run.
#[derive(Debug, thiserror::Error)]
pub enum VectorsError {
    /// No such channel.
    #[error("there are no vectors for {channel:?}; there are for {}", CHANNELS.join(", "))]
    UnknownChannel {
        /// What was asked for.
        channel: String,
    },
    /// The file cannot be read.
    #[error("cannot read {file}")]
    Read {
        /// Which.
        file: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is not of the shape.
    #[error("not a file of vectors of this channel")]
    Shape(#[from] serde_json::Error),
    /// The file proves nothing.
    #[error("the file holds no case")]
    NoCase,
}

/// What became of the cases.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many came out as the file says.
    pub passed: usize,
    /// The others.
    pub failed: Vec<Failure>,
}

/// One case that did not.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its name in the file.
    pub case: String,
    /// What was wrong.
    pub why: Wrong,
}

/// What was wrong with a case.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Something came out otherwise.
    #[error("{what}: expected {expected}, computed {computed}")]
    Differs {
        /// Which text.
        what: &'static str,
        /// The file's.
        expected: String,
        /// Ours.
        computed: String,
    },
    /// Something genuine was refused.
    #[error("{what}: refused")]
    Refused {
        /// What.
        what: &'static str,
    },
    /// Something that is not genuine was believed.
    #[error("it was accepted and had to be refused")]
    Accepted,
    /// The case lacks something or has something unheard of.
    #[error("{what}: not understood")]
    NotUnderstood {
        /// What.
        what: &'static str,
    },
}

impl Tally {
    fn count(&mut self, case: impl Into<String>, outcome: Result<(), Wrong>) {
        match outcome {
            Ok(()) => self.passed += 1,
            Err(why) => self.failed.push(Failure { case: case.into(), why }),
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Failure { case, why } in &self.failed {
            writeln!(f, "{case}: {why}")?;
        }
        write!(f, "{} passed, {} failed", self.passed, self.failed.len())
    }
}

/// Runs a file and prints a line for each failing case and the tally. The exit status should be
/// 1 when any failed.
pub fn run(channel: &str, file: &str) -> Result<Tally, VectorsError> {
    let text = std::fs::read_to_string(file)
        .map_err(|source| VectorsError::Read { file: file.to_owned(), source })?;
    let tally = check(channel, &text)?;
    println!("{tally}");
    Ok(tally)
}

/// Runs the text of a file.
pub fn check(channel: &str, text: &str) -> Result<Tally, VectorsError> {
    let mut tally = Tally::default();
    match channel {
        "momo" => momo::check(text, &mut tally)?,
        "gov_dvcqg_viettel_keypay" => {
            government::check(text, &government::FAMILIES, &mut tally)?;
        }
        family if government::FAMILIES.contains(&family) => {
            government::check(text, &[family], &mut tally)?;
        }
        "onepay" => onepay::check(text, &mut tally)?,
        "payos" => payos::check(text, &mut tally)?,
        "sepay" => sepay::check(text, &mut tally)?,
        "vietqr" => vietqr::check(text, &mut tally)?,
        "vnpay" => vnpay::check(text, &mut tally)?,
        "zalopay" => zalopay::check(text, &mut tally)?,
        other => return Err(VectorsError::UnknownChannel { channel: other.to_owned() }),
    }
    if tally.passed == 0 && tally.failed.is_empty() { Err(VectorsError::NoCase) } else { Ok(tally) }
}

/// An entry under `negative` of a signed channel.
#[derive(Deserialize)]
struct Forged {
    name: String,
    /// Which message it is, where a channel has several keys.
    #[serde(default)]
    op: String,
    canonical: String,
    signature: String,
}

fn same(what: &'static str, expected: &str, computed: &str) -> Result<(), Wrong> {
    if expected == computed {
        return Ok(());
    }
    Err(Wrong::Differs { what, expected: expected.to_owned(), computed: computed.to_owned() })
}

fn genuine(what: &'static str, verified: bool) -> Result<(), Wrong> {
    if verified { Ok(()) } else { Err(Wrong::Refused { what }) }
}

fn refused(accepted: bool) -> Result<(), Wrong> {
    if accepted { Err(Wrong::Accepted) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
