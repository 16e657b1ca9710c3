//! When a notice is tried again.

use chrono::TimeDelta;
use rand::RngExt;

use crate::platform::settings::NoticesSettings;

/// What a portal asks for in `Retry-After` is honoured up to here.
const LONGEST_WISH: TimeDelta = TimeDelta::days(1);
/// A postponed delivery is looked at again after at most so long.
const LONGEST_POSTPONEMENT: TimeDelta = TimeDelta::minutes(10);
const SHORTEST_POSTPONEMENT: TimeDelta = TimeDelta::seconds(5);

/// The pauses between tries.
#[derive(Debug, Clone)]
pub struct Schedule {
    pauses: Vec<TimeDelta>,
}

/// A tenth to either side, in thousandths of the pause: many notices that failed together shall
/// not come back together.
#[derive(Debug, Clone, Copy)]
pub struct Jitter(i32);

impl Jitter {
    /// Draws one.
    pub fn draw() -> Self {
        Self(rand::rng().random_range(900..=1100))
    }

    fn of(self, pause: TimeDelta) -> TimeDelta {
        TimeDelta::milliseconds(pause.num_milliseconds().saturating_mul(self.0.into()) / 1000)
    }
}

impl Schedule {
    /// The pauses of the settings.
    pub fn new(settings: &NoticesSettings) -> Self {
        let pause = |seconds: &u64| {
            let seconds = i64::try_from(*seconds).unwrap_or(i64::MAX).min(30 * 86_400);
            TimeDelta::seconds(seconds)
        };
        Self { pauses: settings.retry_seconds.iter().map(pause).collect() }
    }

    /// How long to wait after so many failed tries; none when that was the last. A portal's own
    /// wish can make it longer, never shorter.
    pub fn pause(&self, tries: i32, wish: Option<TimeDelta>, jitter: Jitter) -> Option<TimeDelta> {
        let place = usize::try_from(tries).unwrap_or(0).max(1) - 1;
        let pause = jitter.of(*self.pauses.get(place)?);
        Some(pause.max(wish.unwrap_or_default().min(LONGEST_WISH)))
    }

    /// How long to wait without having tried, because the endpoint does not answer: longer, the
    /// longer it has been silent. None when it was silent for as long as all pauses together.
    pub fn postponement(&self, silent_for: TimeDelta, jitter: Jitter) -> Option<TimeDelta> {
        let whole: TimeDelta = self.pauses.iter().sum();
        if silent_for > whole {
            return None;
        }
        Some(jitter.of((silent_for / 4).clamp(SHORTEST_POSTPONEMENT, LONGEST_POSTPONEMENT)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule() -> Schedule {
        Schedule::new(&NoticesSettings::default())
    }

    #[test]
    fn pauses_grow_over_three_days_and_then_there_is_none() {
        let even = Jitter(1000);
        let pauses: Vec<_> = (1..)
            .map_while(|tries| schedule().pause(tries, None, even))
            .map(|pause| pause.num_seconds())
            .collect();
        assert_eq!(pauses, [5, 30, 300, 1800, 7200, 21_600, 43_200, 86_400, 86_400]);
        let days = pauses.iter().sum::<i64>() / 3600;
        assert!((68..=72).contains(&days), "{days} hours");
    }

    #[test]
    fn jitter_is_a_tenth_to_either_side() {
        let pause = |jitter| schedule().pause(2, None, jitter).expect("not the last");
        assert_eq!(pause(Jitter(900)), TimeDelta::seconds(27));
        assert_eq!(pause(Jitter(1100)), TimeDelta::seconds(33));
        for _ in 0..1000 {
            let drawn = pause(Jitter::draw());
            assert!(drawn >= TimeDelta::seconds(27) && drawn <= TimeDelta::seconds(33));
        }
    }

    #[test]
    fn a_portals_wish_makes_a_pause_longer_up_to_a_day() {
        let wish = |seconds| {
            schedule().pause(1, Some(TimeDelta::seconds(seconds)), Jitter(1000)).expect("a pause")
        };
        assert_eq!(wish(120), TimeDelta::seconds(120));
        assert_eq!(wish(1), TimeDelta::seconds(5));
        assert_eq!(wish(10_000_000), TimeDelta::days(1));
        assert_eq!(schedule().pause(10, Some(TimeDelta::seconds(9)), Jitter(1000)), None);
    }

    #[test]
    fn what_is_not_tried_is_given_up_only_after_all_pauses() {
        let after = |silent| schedule().postponement(silent, Jitter(1000));
        assert_eq!(after(TimeDelta::zero()), Some(TimeDelta::seconds(5)));
        assert_eq!(after(TimeDelta::minutes(4)), Some(TimeDelta::minutes(1)));
        assert_eq!(after(TimeDelta::days(2)), Some(TimeDelta::minutes(10)));
        assert_eq!(after(TimeDelta::days(3)), None);
    }
}
