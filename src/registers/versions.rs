//! Dated entries: the newest version that has begun is the one that holds.

use std::collections::HashMap;

use chrono::NaiveDate;

/// A version of an entry.
pub trait Dated {
    /// What it is looked up by: an agency's or procedure's code, a partner's code.
    fn group(&self) -> &str;
    /// Which entry of the group it is a version of: an account number, a line of a tariff.
    fn item(&self) -> (&str, i16) {
        ("", 0)
    }
    /// First day of this version.
    fn valid_from(&self) -> NaiveDate;
    /// Is the entry there on a day on which this is its newest version?
    fn holds(&self, day: NaiveDate) -> bool;
    /// May a version that has begun be replaced by this one? Only where no past day changes.
    fn may_become(&self, _new: &Self, _today: NaiveDate) -> bool {
        false
    }
}

/// All versions of all entries of one register, ready to be asked for a day.
#[derive(Debug)]
pub struct Versions<T>(HashMap<String, Vec<T>>);

impl<T> Default for Versions<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Dated> Versions<T> {
    /// Sorts versions into groups.
    pub fn new(rows: Vec<T>) -> Self {
        let mut groups: HashMap<String, Vec<T>> = HashMap::new();
        for row in rows {
            // Most keys are there already when their second version comes: no copy for those.
            match groups.get_mut(row.group()) {
                Some(group) => group.push(row),
                None => {
                    groups.insert(row.group().to_owned(), vec![row]);
                }
            }
        }
        for group in groups.values_mut() {
            group.sort_by(|a, b| (a.item(), a.valid_from()).cmp(&(b.item(), b.valid_from())));
        }
        Self(groups)
    }

    /// The entries of a group that hold on a day, in the order of their items.
    pub fn on(&self, group: &str, day: NaiveDate) -> impl Iterator<Item = &T> {
        self.all(group)
            .chunk_by(|a, b| a.item() == b.item())
            .filter_map(move |versions| versions.iter().rev().find(|v| v.valid_from() <= day))
            .filter(move |version| version.holds(day))
    }

    /// The entries that hold on a day, of all groups, in no order.
    pub fn all_on(&self, day: NaiveDate) -> impl Iterator<Item = &T> {
        self.0.keys().flat_map(move |group| self.on(group, day))
    }

    /// Every version of a group, by item, oldest first.
    pub fn all(&self, group: &str) -> &[T] {
        self.0.get(group).map_or(&[], Vec::as_slice)
    }
}
