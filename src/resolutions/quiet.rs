//! What is only rehearsed is not counted.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future whose metrics go nowhere.
pub struct Quiet<F>(Pin<Box<F>>);

impl<F> std::fmt::Debug for Quiet<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Quiet(..)")
    }
}

impl<F: Future> Future for Quiet<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        metrics::with_local_recorder(&metrics::NoopRecorder, || self.0.as_mut().poll(cx))
    }
}

/// Keeps a future's metrics to itself.
pub fn quietly<F: Future>(future: F) -> Quiet<F> {
    Quiet(Box::pin(future))
}
