//! Taking an entry back: the same lines, the sides changed.

use super::super::entry::{Entry, Line, NotAnEntry, Occasion, Side};

/// The mirror of an entry's lines. The occasion names the entry it takes back.
pub fn mirror(occasion: Occasion, lines: Vec<Line>) -> Result<Entry, NotAnEntry> {
    let turned = lines
        .into_iter()
        .map(|line| match line.side {
            Side::Debit => Line::credit(line.account, line.amount),
            Side::Credit => Line::debit(line.account, line.amount),
        })
        .collect();
    Entry::new(occasion, turned)
}
