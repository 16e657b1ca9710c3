//! Calls known by their `requestId`, so that a repeat makes nothing twice.

use std::collections::HashMap;

use serde_json::Value;

use crate::app::Shared;

enum Seen {
    /// The first is being worked on.
    Running,
    /// It was answered.
    Answered { signature: String, answer: Value, last_word: bool },
}

/// All calls of the merchant.
#[derive(Default)]
pub struct Requests(HashMap<String, Seen>);

/// What becomes of a call with this id.
pub enum Turn {
    /// It is the first: it has to be finished.
    First(Claim),
    /// The first is being worked on.
    Running,
    /// The first had its last word: the same again.
    Again(Value),
    /// The id was used for something else, or its answer was not the last word.
    Used,
}

/// The right to work on a call; given back when the work does not end, as when the caller hangs up.
pub struct Claim {
    world: Shared,
    id: String,
    signature: String,
    finished: bool,
}

impl Claim {
    /// Keeps the answer for repeats.
    pub fn finish(mut self, answer: Value, last_word: bool) {
        let signature = std::mem::take(&mut self.signature);
        let seen = Seen::Answered { signature, answer, last_word };
        self.world.momo.requests().0.insert(self.id.clone(), seen);
        self.finished = true;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.finished {
            self.world.momo.requests().0.remove(&self.id);
        }
    }
}

/// Looks a call up by its id; the signature tells whether it is the same call.
pub fn turn(world: &Shared, id: &str, signature: &str) -> Turn {
    let mut requests = world.momo.requests();
    match requests.0.get(id) {
        None => {
            requests.0.insert(id.to_owned(), Seen::Running);
            Turn::First(Claim {
                world: Shared::clone(world),
                id: id.to_owned(),
                signature: signature.to_owned(),
                finished: false,
            })
        }
        Some(Seen::Running) => Turn::Running,
        Some(Seen::Answered { signature: first, answer, last_word: true })
            if first.eq_ignore_ascii_case(signature) =>
        {
            Turn::Again(answer.clone())
        }
        Some(Seen::Answered { .. }) => Turn::Used,
    }
}
