//! `payclear bench`.

use std::process::ExitCode;

use super::client::ClientError;
use crate::vocabulary::clock::SharedClock;

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Bench {}

/// Runs the command.
#[expect(clippy::unused_async, reason = "made whole next")]
pub async fn run(_command: &Bench, _clock: &SharedClock) -> Result<ExitCode, ClientError> {
    Ok(ExitCode::FAILURE)
}
