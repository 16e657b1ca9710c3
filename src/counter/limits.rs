//! How often strangers may ask: a person tries a few times, a program that guesses tries many.

use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Look-ups and forms of one address in a minute.
const A_MINUTE: NonZeroU32 = NonZeroU32::new(12).expect("not zero");
/// So many at once; offices share an address.
const AT_ONCE: NonZeroU32 = NonZeroU32::new(20).expect("not zero");

/// The buckets of this process.
#[derive(Debug)]
pub struct Limits {
    asked: DefaultKeyedRateLimiter<String>,
}

impl Default for Limits {
    fn default() -> Self {
        let quota = Quota::per_minute(A_MINUTE).allow_burst(AT_ONCE);
        Self { asked: RateLimiter::keyed(quota) }
    }
}

impl Limits {
    /// One more question of an address; the seconds to wait when it is one too many.
    pub fn ask(&self, address: &str) -> Result<(), u64> {
        self.asked.check_key(&network(address)).map_err(|until| {
            metrics::counter!("payclear_calls_limited_total").increment(1);
            until.wait_time_from(DefaultClock::default().now()).as_secs() + 1
        })
    }

    /// Forgets who has not asked for a while; called now and again.
    pub fn forget_idle(&self) {
        self.asked.retain_recent();
    }
}

/// Whoever has one address of IPv6 has 2^64 of them.
fn network(address: &str) -> String {
    match address.parse() {
        Ok(IpAddr::V6(v6)) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_questions_are_answered_and_many_are_not_whatever_address_of_a_network_asks() {
        let limits = Limits::default();
        let asked = (0..100).filter(|n| limits.ask(&format!("2001:db8::{n:x}")).is_ok()).count();
        assert!((20..=22).contains(&asked), "{asked}");
        assert!(limits.ask("2001:db8:0:1::1").is_ok() && limits.ask("192.0.2.1").is_ok());
        let wait = limits.ask("2001:db8::1").expect_err("one too many");
        assert!((1..=6).contains(&wait), "{wait}");
    }
}
