//! How a portal answers notices on command.

use serde::{Deserialize, Serialize};

/// What a portal does with a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Takes it in and answers 204.
    #[default]
    Ok,
    /// HTTP 500, nothing is done.
    Error500,
    /// HTTP 410: the portal wants no more notices.
    Gone410,
    /// HTTP 429, with `Retry-After` if given.
    Busy429,
    /// No answer, nothing is done.
    Silence,
    /// Takes it in, then cuts the connection: the sender cannot know.
    OkThenReset,
    /// HTTP 307 to elsewhere, which a sender must not follow.
    Redirect,
}

/// The body of `POST /portal/{name}/behaviour`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    /// What happens.
    pub mode: Mode,
    /// To how many of a hundred notices.
    #[serde(default = "always")]
    pub percent: u32,
    /// Seconds, for 429.
    pub retry_after: Option<u64>,
}

fn always() -> u32 {
    100
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { mode: Mode::Ok, percent: always(), retry_after: None }
    }
}

impl Behaviour {
    /// What happens to this notice.
    pub fn draw(&self) -> Mode {
        if rand::random_range(0..100) < self.percent { self.mode } else { Mode::Ok }
    }
}
