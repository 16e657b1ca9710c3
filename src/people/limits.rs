//! How often people may call: by address while nobody is known, by person after.

use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::platform::problem::{Problem, ProblemType};

/// Each sign-in costs a hash of a password.
const SIGN_INS_PER_SECOND: NonZeroU32 = NonZeroU32::new(2).expect("not zero");
const SIGN_INS_AT_ONCE: NonZeroU32 = NonZeroU32::new(20).expect("not zero");
/// More than a person clicks, and enough for a page.
const CALLS_PER_SECOND: NonZeroU32 = NonZeroU32::new(20).expect("not zero");
const CALLS_AT_ONCE: NonZeroU32 = NonZeroU32::new(60).expect("not zero");

/// The buckets of this process.
#[derive(Debug)]
pub struct Limits {
    sign_ins: DefaultKeyedRateLimiter<String>,
    calls: DefaultKeyedRateLimiter<String>,
}

impl Default for Limits {
    fn default() -> Self {
        let quota = |rate, burst| Quota::per_second(rate).allow_burst(burst);
        Self {
            sign_ins: RateLimiter::keyed(quota(SIGN_INS_PER_SECOND, SIGN_INS_AT_ONCE)),
            calls: RateLimiter::keyed(quota(CALLS_PER_SECOND, CALLS_AT_ONCE)),
        }
    }
}

impl Limits {
    /// One more try to sign in from an address.
    pub fn sign_in(&self, address: &str) -> Result<(), Problem> {
        one_more(&self.sign_ins, address)
    }

    /// One more call of a person.
    pub fn call(&self, person: &str) -> Result<(), Problem> {
        one_more(&self.calls, person)
    }

    /// Forgets who has not called for a while; called now and again.
    pub fn forget_idle(&self) {
        self.sign_ins.retain_recent();
        self.calls.retain_recent();
    }
}

fn one_more(limiter: &DefaultKeyedRateLimiter<String>, key: &str) -> Result<(), Problem> {
    limiter.check_key(&key.to_owned()).map_err(|until| {
        let wait = until.wait_time_from(DefaultClock::default().now());
        metrics::counter!("payclear_calls_limited_total").increment(1);
        Problem::new(ProblemType::TooManyRequests).retry_after(wait.as_secs() + 1)
    })
}
