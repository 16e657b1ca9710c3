//! How long things took, as counts below fixed bounds.

/// Bounds of the time from issue to payment (seconds); longer is one more place.
pub const PAY_SECONDS: &[i64] = &[
    5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 450, 600, 900, 1200, 1800, 2700, 3600, 5400,
    7200, 10_800, 14_400, 21_600, 43_200, 86_400, 172_800, 259_200, 604_800, 1_209_600, 2_592_000,
];

/// Bounds of the time from payment to the portal's answer (milliseconds).
pub const NOTIFY_MILLISECONDS: &[i64] = &[
    5,
    10,
    15,
    20,
    25,
    30,
    40,
    50,
    65,
    80,
    100,
    130,
    160,
    200,
    250,
    300,
    400,
    500,
    650,
    800,
    1000,
    1500,
    2000,
    3000,
    5000,
    10_000,
    30_000,
    60_000,
    300_000,
    1_800_000,
    7_200_000,
    86_400_000,
    259_200_000,
];

/// Counts below bounds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram(pub Vec<i64>);

impl Histogram {
    /// One more that took so long.
    pub fn add(&mut self, value: i64, bounds: &[i64]) {
        let place = bounds.partition_point(|bound| *bound < value);
        if self.0.len() <= place {
            self.0.resize(place + 1, 0);
        }
        self.0[place] += 1;
    }

    /// All of another's.
    pub fn join(&mut self, other: &[i64]) {
        if self.0.len() < other.len() {
            self.0.resize(other.len(), 0);
        }
        for (mine, theirs) in self.0.iter_mut().zip(other) {
            *mine += theirs;
        }
    }

    /// How many there are.
    pub fn count(&self) -> i64 {
        self.0.iter().sum()
    }

    /// The bound that so many in a hundred are not above; none without any, and none when it lies
    /// above the last bound.
    pub fn percentile(&self, percent: i64, bounds: &[i64]) -> Option<i64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        // The rank rounds up: the median of two is the lower one's bound.
        let rank = (count * percent + 99) / 100;
        let mut seen = 0;
        for (place, n) in self.0.iter().enumerate() {
            seen += n;
            if seen >= rank.max(1) {
                return bounds.get(place).copied();
            }
        }
        None
    }

    /// As PostgreSQL writes an array.
    pub fn to_text(&self) -> String {
        let places: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        format!("{{{}}}", places.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_bound_that_it_is_not_above() {
        let mut times = Histogram::default();
        assert_eq!(times.percentile(50, PAY_SECONDS), None);
        for seconds in [0, 5, 6, 14, 31, 44, 45, 3600, 3601, 9_999_999] {
            times.add(seconds, PAY_SECONDS);
        }
        assert_eq!(times.count(), 10);
        let at = |percent| times.percentile(percent, PAY_SECONDS);
        assert_eq!((at(1), at(20), at(30), at(50)), (Some(5), Some(5), Some(10), Some(45)));
        assert_eq!((at(80), at(90), at(99)), (Some(3600), Some(5400), None));
    }

    #[test]
    fn two_halves_are_the_whole() {
        let (mut all, mut one, mut two) =
            (Histogram::default(), Histogram::default(), Histogram::default());
        for n in 0..1000_i64 {
            let value = n * n % 7919;
            all.add(value, NOTIFY_MILLISECONDS);
            if n % 3 == 0 { &mut one } else { &mut two }.add(value, NOTIFY_MILLISECONDS);
        }
        one.join(&two.0);
        assert_eq!(one, all);
        assert!(PAY_SECONDS.is_sorted() && NOTIFY_MILLISECONDS.is_sorted());
    }
}
