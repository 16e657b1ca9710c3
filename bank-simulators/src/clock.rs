//! The banks' clock. Wall-clock fields are Asia/Ho_Chi_Minh, which is UTC+7 all year.

use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, NaiveDateTime, SecondsFormat, TimeDelta, Utc};

/// By how many seconds this clock stands behind the machine's: told once, at start.
static BEHIND: AtomicU32 = AtomicU32::new(0);

/// Lets the banks live so many seconds behind the machine's clock, with the service they report to.
pub fn stand_behind(seconds: u32) {
    BEHIND.store(seconds, Ordering::Relaxed);
}

/// Does this clock stand behind the machine's?
pub fn is_behind() -> bool {
    BEHIND.load(Ordering::Relaxed) > 0
}

/// Now.
#[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
pub fn now() -> DateTime<Utc> {
    Utc::now() - TimeDelta::seconds(BEHIND.load(Ordering::Relaxed).into())
}

/// The wall clock in Viet Nam.
pub fn wall(at: DateTime<Utc>) -> NaiveDateTime {
    (at + TimeDelta::hours(7)).naive_utc()
}

/// `yyyyMMddHHmmss`, as VNPAY writes it.
pub fn compact(at: DateTime<Utc>) -> String {
    wall(at).format("%Y%m%d%H%M%S").to_string()
}

/// `YYYY-MM-DD hh:mm:ss`, as payOS writes it.
pub fn spaced(at: DateTime<Utc>) -> String {
    wall(at).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// RFC 3339 in UTC with microseconds, for the journals.
pub fn precise(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Reads `yyyyMMddHHmmss` of the Vietnamese wall clock.
pub fn read_compact(text: &str) -> Option<DateTime<Utc>> {
    if text.len() != 14 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let wall = NaiveDateTime::parse_from_str(text, "%Y%m%d%H%M%S").ok()?;
    Some(wall.and_utc() - TimeDelta::hours(7))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_clock_fields_are_seven_hours_ahead_of_utc() {
        let at = read_compact("20261122003000").unwrap();
        assert_eq!(precise(at), "2026-11-21T17:30:00.000000Z");
        assert_eq!(compact(at), "20261122003000");
        assert_eq!(spaced(at), "2026-11-22 00:30:00");
        assert!(read_compact("20261322003000").is_none());
    }
}
