//! Named points at which a test kills the process, to see that nothing is lost.
//!
//! `PAYCLEAR_DIE_AT=<point>:<n>` ends the process at the n-th passing of a point, at once and
//! without any farewell, as `kill -9` would. It works in development mode only.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

struct Planned {
    point: String,
    at: u64,
    passed: AtomicU64,
}

static PLANNED: OnceLock<Option<Planned>> = OnceLock::new();

/// Reads the plan; called once, at the start, in development mode.
pub fn plan(text: Option<&str>) {
    let planned = text.and_then(|text| {
        let (point, at) = text.rsplit_once(':')?;
        let at = at.parse().ok()?;
        Some(Planned { point: point.to_owned(), at, passed: AtomicU64::new(0) })
    });
    // A second start in one process keeps the first plan.
    drop(PLANNED.set(planned));
}

/// Passes a point; the process may end here.
pub fn point(name: &str) {
    pass(name, |planned| planned == name);
}

/// Passes a point that several have, each under its own name: `settle.before_commit`.
pub fn point_of(whose: &str, name: &str) {
    pass(name, |planned| planned.split_once('.') == Some((whose, name)));
}

fn pass(name: &str, is_planned: impl Fn(&str) -> bool) {
    let Some(Some(planned)) = PLANNED.get() else { return };
    if is_planned(&planned.point) && planned.passed.fetch_add(1, Ordering::SeqCst) + 1 == planned.at
    {
        tracing::error!(point = name, "ending here, as planned");
        std::process::abort();
    }
}
