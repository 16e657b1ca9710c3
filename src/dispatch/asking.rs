//! Questions to partners that are under way, counted by partner: each has turns of its own, so that
//! one that hangs takes none of another's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// So many questions of one kind are under way to one partner at once; more wait for their turn. Its
/// line makes 64 calls at a time, and each ends within half a minute: the last of so many is made
/// before its row would come back.
pub const AT_ONCE: i64 = 256;

/// Questions of one kind; clones share the count.
#[derive(Debug, Clone, Default)]
pub struct Asking {
    under_way: Arc<Mutex<BTreeMap<String, i64>>>,
}

impl Asking {
    /// How many are under way, by partner.
    pub fn under_way(&self) -> BTreeMap<String, i64> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks a partner; nobody waits for the answer.
    pub fn spawn<F>(&self, partner: String, question: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let turn = self.turn(partner);
        tokio::spawn(async move {
            question.await;
            drop(turn);
        });
    }

    fn turn(&self, partner: String) -> Turn {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        *under_way.entry(partner.clone()).or_default() += 1;
        Turn { of: self.clone(), partner }
    }
}

/// One question's turn; given back also when the question panics.
struct Turn {
    of: Asking,
    partner: String,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut under_way = self.of.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = under_way.get_mut(&self.partner) {
            *count -= 1;
            if *count == 0 {
                under_way.remove(&self.partner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_turn_is_given_back_however_the_question_ends() {
        let asking = Asking::default();
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        asking.spawn("bank".to_owned(), async {
            drop(gone.await);
        });
        asking.spawn("bank".to_owned(), async { panic!("on purpose") });
        while asking.under_way() != BTreeMap::from([("bank".to_owned(), 1)]) {
            tokio::task::yield_now().await;
        }
        drop(go);
        while !asking.under_way().is_empty() {
            tokio::task::yield_now().await;
        }
    }
}
