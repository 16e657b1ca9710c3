//! Tables: cells that can be shown, sorted and exported, and the part of a table that a page shows.

use std::cmp::Ordering;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

use super::asked::{Asked, MOST};
use super::figures;
use super::words::Say;
use crate::counter::words::Language;
use crate::vocabulary::money::{Currency, Money};

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Nothing,
    /// A text.
    Text(String),
    /// So much money, with its sign.
    Amount(Decimal, Currency),
    /// So many.
    Count(i64),
    /// A moment.
    Time(DateTime<Utc>),
    /// A day.
    Day(NaiveDate),
}

impl Value {
    /// As it is read.
    pub fn shown(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Text(text) => text.clone(),
            Self::Amount(amount, currency) => figures::amount(*amount, *currency),
            Self::Count(count) => figures::count(*count),
            Self::Time(at) => figures::time(*at),
            Self::Day(day) => figures::day(*day),
        }
    }

    /// Is it a figure, which stands to the right?
    pub const fn is_figure(&self) -> bool {
        matches!(self, Self::Amount(..) | Self::Count(_))
    }

    /// Is it a moment or a day, which stays on its line?
    pub const fn is_time(&self) -> bool {
        matches!(self, Self::Time(_) | Self::Day(_))
    }

    fn against(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a.to_lowercase().cmp(&b.to_lowercase()),
            (Self::Amount(a, _), Self::Amount(b, _)) => a.cmp(b),
            (Self::Count(a), Self::Count(b)) => a.cmp(b),
            (Self::Time(a), Self::Time(b)) => a.cmp(b),
            (Self::Day(a), Self::Day(b)) => a.cmp(b),
            // What is empty stands last.
            (Self::Nothing, Self::Nothing) => Ordering::Equal,
            (Self::Nothing, _) => Ordering::Greater,
            (_, Self::Nothing) => Ordering::Less,
            _ => Ordering::Equal,
        }
    }
}

/// How a mark looks; what it says is written on it, so that nobody has to tell colours apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing to do.
    Quiet,
    /// As it should be.
    Good,
    /// Under way.
    Waits,
    /// Somebody must look.
    Alarm,
}

impl Tone {
    /// The name in style sheets.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Good => "good",
            Self::Waits => "waits",
            Self::Alarm => "alarm",
        }
    }
}

/// One cell.
#[derive(Debug, Clone)]
pub struct Cell {
    /// What stands in it.
    pub value: Value,
    /// Where it leads.
    pub href: Option<String>,
    /// Drawn as a mark.
    pub tone: Option<Tone>,
    /// A smaller line below.
    pub note: Option<String>,
    /// A number or a code, not prose.
    pub code: bool,
}

impl Cell {
    /// A cell with a value.
    pub const fn of(value: Value) -> Self {
        Self { value, href: None, tone: None, note: None, code: false }
    }

    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::of(if text.is_empty() { Value::Nothing } else { Value::Text(text) })
    }

    /// A code, a number, an id.
    pub fn code(text: impl Into<String>) -> Self {
        Self { code: true, ..Self::text(text) }
    }

    /// An empty cell.
    pub const fn nothing() -> Self {
        Self::of(Value::Nothing)
    }

    /// Money.
    pub const fn money(money: Money) -> Self {
        Self::of(Value::Amount(money.amount(), money.currency()))
    }

    /// Money with its sign, in a currency by name.
    pub fn amount(amount: Decimal, currency: &str) -> Self {
        match currency.parse() {
            Ok(currency) => Self::of(Value::Amount(amount, currency)),
            Err(_) => Self::text(format!("{amount} {currency}")),
        }
    }

    /// So many.
    pub const fn count(count: i64) -> Self {
        Self::of(Value::Count(count))
    }

    /// A moment, when there is one.
    pub fn time(at: impl Into<Option<DateTime<Utc>>>) -> Self {
        Self::of(at.into().map_or(Value::Nothing, Value::Time))
    }

    /// A day, when there is one.
    pub fn day(day: impl Into<Option<NaiveDate>>) -> Self {
        Self::of(day.into().map_or(Value::Nothing, Value::Day))
    }

    /// A mark.
    pub fn tag(tone: Tone, text: impl Into<String>) -> Self {
        Self { tone: Some(tone), ..Self::text(text) }
    }

    /// With where it leads.
    #[must_use]
    pub fn to(mut self, href: impl Into<String>) -> Self {
        self.href = Some(href.into());
        self
    }

    /// With a smaller line below.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into()).filter(|note| !note.is_empty());
        self
    }

    /// As it is read.
    pub fn shown(&self) -> String {
        self.value.shown()
    }

    /// Too long to stand on one line.
    pub fn is_long(&self) -> bool {
        matches!(&self.value, Value::Text(text) if text.len() > 40)
    }
}

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name in addresses and in JSON.
    pub key: &'static str,
    /// What it says on top.
    pub label: &'static str,
    /// Its cells are figures, to the right.
    pub figure: bool,
}

impl Column {
    /// A column of texts, marks or moments.
    pub const fn text(key: &'static str, label: &'static str) -> Self {
        Self { key, label, figure: false }
    }

    /// A column of figures.
    pub const fn figure(key: &'static str, label: &'static str) -> Self {
        Self { key, label, figure: true }
    }
}

/// A table, whole.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its name in addresses and of its exports.
    pub name: &'static str,
    /// What it is of.
    pub caption: String,
    /// Columns.
    pub columns: Vec<Column>,
    /// Rows, as many as were read.
    pub rows: Vec<Vec<Cell>>,
    /// Sums.
    pub foot: Option<Vec<Cell>>,
    /// What is told instead of no rows.
    pub empty: String,
    /// For choosing rows: the field's name and each row's value; a row without one cannot be chosen.
    pub chosen: Option<Choice>,
}

/// Rows that can be chosen for a form.
#[derive(Debug, Clone)]
pub struct Choice {
    /// The form's name.
    pub form: &'static str,
    /// The field's name.
    pub field: &'static str,
    /// For each row its value, and how a screen reader names it.
    pub values: Vec<Option<(String, String)>>,
}

/// The part of a table that a page shows.
#[derive(Debug)]
pub struct Shown<'a> {
    /// The rows with their places.
    pub rows: Vec<(usize, &'a Vec<Cell>)>,
    /// `1–25`.
    pub range: String,
    /// The page before.
    pub before: Option<String>,
    /// The page after.
    pub after: Option<String>,
    /// There is more than a list reads.
    pub too_many: bool,
}

/// The head of a column.
#[derive(Debug)]
pub struct Head<'a> {
    /// The column.
    pub column: &'a Column,
    /// The table sorted by it.
    pub href: String,
    /// `ascending`, `descending` or `none`.
    pub sorted: &'static str,
}

impl Table {
    /// An empty table to fill.
    pub fn new(name: &'static str, caption: impl Into<String>, columns: Vec<Column>) -> Self {
        let empty = String::new();
        let (rows, foot, chosen) = (Vec::new(), None, None);
        Self { name, caption: caption.into(), columns, rows, foot, empty, chosen }
    }

    /// With rows.
    #[must_use]
    pub fn rows(mut self, rows: impl IntoIterator<Item = Vec<Cell>>) -> Self {
        self.rows = rows.into_iter().collect();
        self
    }

    /// With what is told instead of no rows.
    #[must_use]
    pub fn or(mut self, empty: &str) -> Self {
        empty.clone_into(&mut self.empty);
        self
    }

    /// With sums.
    #[must_use]
    pub fn foot(mut self, foot: Vec<Cell>) -> Self {
        self.foot = Some(foot);
        self
    }

    /// The places of the rows in the order that is asked for, as many as are exported.
    pub fn ordered(&self, asked: &Asked) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.rows.len().min(MOST)).collect();
        let by = asked.sort(self.name).and_then(|(key, down)| {
            Some((self.columns.iter().position(|column| column.key == key)?, down))
        });
        if let Some((column, down)) = by {
            let value = |place: usize| self.rows[place].get(column).map(|cell| &cell.value);
            places.sort_by(|a, b| match (value(*a), value(*b)) {
                (Some(one), Some(other)) => match (one, other) {
                    (Value::Nothing, _) | (_, Value::Nothing) => one.against(other),
                    _ if down => other.against(one),
                    _ => one.against(other),
                },
                _ => Ordering::Equal,
            });
        }
        places
    }

    /// What a page shows of it.
    pub fn shown(&self, asked: &Asked) -> Shown<'_> {
        let (page, size) = (asked.page(self.name), asked.size());
        let ordered = self.ordered(asked);
        let from = ((page - 1) * size).min(ordered.len());
        let until = (from + size).min(ordered.len());
        let rows: Vec<_> = ordered[from..until].iter().map(|at| (*at, &self.rows[*at])).collect();
        let name = format!("{}.page", self.name);
        let link = |page: usize| asked.with(&[(&name, &page.to_string())]);
        Shown {
            range: format!("{}–{until}", from + 1),
            before: (page > 1).then(|| link(page - 1)),
            after: (ordered.len() > until).then(|| link(page + 1)),
            too_many: self.rows.len() > MOST,
            rows,
        }
    }

    /// Its heads.
    pub fn heads(&self, asked: &Asked) -> Vec<Head<'_>> {
        let name = format!("{}.sort", self.name);
        let sort = asked.sort(self.name);
        let mut heads = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let key = column.key;
            let (sorted, next) = match sort {
                Some((by, false)) if by == key => ("ascending", format!("-{key}")),
                Some((by, true)) if by == key => ("descending", key.to_owned()),
                _ => ("none", key.to_owned()),
            };
            heads.push(Head { column, href: asked.with(&[(&name, &next)]), sorted });
        }
        heads
    }

    /// What is chosen at a place.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "templates hand over references")]
    pub fn choice(&self, place: &usize) -> Option<&(String, String)> {
        self.chosen.as_ref()?.values.get(*place)?.as_ref()
    }
}

/// What every list says when nothing is there.
pub const NOTHING: Say = Say("Không có dòng nào.", "Nothing here.");

/// Is shown on lists that are cut.
pub fn too_many(language: Language, rows: usize) -> String {
    Say(
        "Chỉ hiện {} dòng đầu. Hãy lọc hẹp hơn.",
        "Only the first {} rows are shown. Narrow the filter.",
    )
    .with(language, figures::count(i64::try_from(rows).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let columns = vec![Column::text("name", "Name"), Column::figure("sum", "Sum")];
        let row = |name: &str, sum: Option<i64>| {
            vec![Cell::text(name), sum.map_or(Cell::nothing(), Cell::count)]
        };
        Table::new("t", "T", columns)
            .rows((0..30).map(|n| row(&format!("Đ{n:02}"), (n != 3).then_some(30 - n))))
    }

    fn asked(query: &str) -> Asked {
        Asked::of(&format!("/desk/x?{query}").parse().expect("an address"))
    }

    #[test]
    fn a_page_is_a_part_of_the_order_that_was_asked_for() {
        let table = table();
        let names = |query: &str| -> Vec<String> {
            table.shown(&asked(query)).rows.iter().map(|(_, row)| row[0].shown()).collect()
        };
        assert_eq!(names("").len(), 25);
        assert_eq!(names("t.page=2").len(), 5);
        assert_eq!(names("t.page=9").len(), 0);
        assert_eq!(names("t.sort=sum&size=10")[0], "Đ29");
        assert_eq!(names("t.sort=-sum&size=10")[0], "Đ00");
        assert_eq!(
            names("t.sort=sum&size=100").last().map(String::as_str),
            Some("Đ03"),
            "empty last"
        );
        assert_eq!(names("t.sort=-sum&size=100").last().map(String::as_str), Some("Đ03"));
        assert_eq!(names("t.sort=nonsense")[0], "Đ00");
        let shown = asked("t.sort=sum");
        assert_eq!(table.heads(&shown)[1].sorted, "ascending");
        assert_eq!(table.heads(&shown)[1].href, "/desk/x?t.sort=-sum");
        assert_eq!(table.shown(&shown).after.as_deref(), Some("/desk/x?t.sort=sum&t.page=2"));
    }
}
