//! What the address of a page asks for: filters, sorting, the page of a table, an export. Everything
//! that a reader sees is in the address, so that it can be sent to a colleague.

use axum::http::Uri;
use chrono::NaiveDate;

/// Rows of a page unless told otherwise.
const USUAL: usize = 25;
/// More than these no list reads: a narrower question is asked.
pub const MOST: usize = 5_000;
/// A page further back than this is found by a filter.
const LAST_PAGE: usize = 200;
/// No text of a query is longer.
const LONGEST: usize = 200;

crate::text_enum! {
    /// How a table leaves the desk.
    pub enum Format ("format") {
        /// Comma-separated, safe for spreadsheets.
        Csv = "csv",
        /// A workbook.
        Xlsx = "xlsx",
        /// A printed sheet.
        Pdf = "pdf",
        /// For programs.
        Json = "json",
    }
}

/// The query of a page.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    path: String,
    pairs: Vec<(String, String)>,
}

impl Asked {
    /// Reads an address. What is too long, or holds what no text holds, is left out.
    pub fn of(uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default();
        let pairs = url::form_urlencoded::parse(query.as_bytes())
            .filter(|(name, value)| {
                !value.is_empty()
                    && value.chars().count() <= LONGEST
                    && !name.chars().chain(value.chars()).any(char::is_control)
            })
            .map(|(name, value)| (name.into_owned(), value.trim().to_owned()))
            .take(40)
            .collect();
        Self { path: uri.path().to_owned(), pairs }
    }

    /// The path of the page.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// A parameter that is given and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.pairs.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The same, read; what cannot be read is not asked for.
    pub fn read<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.parse().ok()
    }

    /// A day.
    pub fn day(&self, name: &str) -> Option<NaiveDate> {
        self.read(name)
    }

    /// The export that is asked for.
    pub fn format(&self) -> Option<Format> {
        self.read("format")
    }

    /// Which page of a table, from 1.
    pub fn page(&self, table: &str) -> usize {
        let page: Option<usize> = self.read(&format!("{table}.page"));
        page.unwrap_or(1).clamp(1, LAST_PAGE)
    }

    /// By which column a table is sorted, and whether downwards.
    pub fn sort(&self, table: &str) -> Option<(&str, bool)> {
        let asked = self.get(&format!("{table}.sort"))?;
        Some(asked.strip_prefix('-').map_or((asked, false), |column| (column, true)))
    }

    /// Rows of a page.
    pub fn size(&self) -> usize {
        match self.get("size") {
            Some("10") => 10,
            Some("100") => 100,
            _ => USUAL,
        }
    }

    /// How many rows a list has to read for what is asked: as they stand in the database, up to the
    /// end of the page and one more; all of them when they are sorted otherwise or exported.
    pub fn most(&self, table: &str) -> i64 {
        let all = self.sort(table).is_some() || self.format().is_some();
        let most = if all { MOST } else { (self.page(table) * self.size()).min(MOST) };
        i64::try_from(most + 1).unwrap_or(i64::MAX)
    }

    /// This page with other parameters; one without a value is taken out. Pages of tables begin anew
    /// when anything else changes.
    pub fn with(&self, changed: &[(&str, &str)]) -> String {
        let paging = changed.iter().any(|(name, _)| turns(name));
        let kept = self.pairs.iter().filter(|(name, _)| {
            !changed.iter().any(|(other, _)| other == name)
                && (paging || !turns(name))
                && !matches!(name.as_str(), "lang" | "told" | "format" | "table")
        });
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(kept);
        query.extend_pairs(changed.iter().filter(|(_, value)| !value.is_empty()));
        let query = query.finish();
        if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) }
    }
}

/// `path?name=value`, written out.
pub fn link(path: &str, query: &[(&str, &str)]) -> String {
    let mut given = url::form_urlencoded::Serializer::new(String::new());
    given.extend_pairs(query.iter().filter(|(_, value)| !value.is_empty()));
    let query = given.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// Is this the parameter that turns the pages of a table?
fn turns(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, last)| last == "page")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(address: &str) -> Asked {
        Asked::of(&address.parse().expect("an address"))
    }

    #[test]
    fn a_page_is_its_address() {
        let asked = asked("/desk/refunds?status=sent&refunds.page=3&refunds.sort=-amount&lang=en");
        assert_eq!((asked.get("status"), asked.page("refunds")), (Some("sent"), 3));
        assert_eq!(asked.sort("refunds"), Some(("amount", true)));
        assert_eq!(asked.most("refunds"), 5_001, "another order needs all of them");
        assert_eq!(
            asked.with(&[("refunds.page", "4")]),
            "/desk/refunds?status=sent&refunds.sort=-amount&refunds.page=4"
        );
        assert_eq!(
            asked.with(&[("status", "")]),
            "/desk/refunds?refunds.sort=-amount",
            "another filter begins at the first page, in the language that was chosen"
        );
    }

    #[test]
    fn what_is_no_parameter_is_not_asked_for() {
        let asked = asked("/desk?a=%00&b=&c=x&d.page=900&e.page=-1&size=7&day=2026-02-30");
        assert_eq!((asked.get("a"), asked.get("b"), asked.get("c")), (None, None, Some("x")));
        assert_eq!((asked.page("d"), asked.page("e"), asked.size()), (200, 1, 25));
        assert_eq!((asked.day("day"), asked.most("x")), (None, 26));
    }
}
