//! Waiting for a condition; never for a time.

use std::time::Duration;

use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(45);

/// Asks again and again until it is so.
pub async fn until<F: Future<Output = bool>>(what: &str, ask: impl FnMut() -> F) {
    until_within(PATIENCE, what, ask).await;
}

pub async fn until_within<F: Future<Output = bool>>(
    patience: Duration,
    what: &str,
    mut ask: impl FnMut() -> F,
) {
    let began = Instant::now();
    while !ask().await {
        assert!(began.elapsed() < patience, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
