//! Forms and queries as partners send them: names to values, each name once.

use std::collections::BTreeMap;

use url::form_urlencoded;

use super::{Callback, Unheard};

/// The fields of a form in byte order of their names. A name given twice is refused: which of the
/// two would be meant?
pub(super) fn read(text: &str) -> Result<BTreeMap<String, String>, Unheard> {
    let mut fields = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        if fields.insert(name.into_owned(), value.into_owned()).is_some() {
            return Err(Unheard::Malformed { why: "a field is there twice".to_owned() });
        }
    }
    Ok(fields)
}

/// The fields of a callback that comes as a form, or without a body as a query.
pub(super) fn of_callback(callback: &Callback<'_>) -> Result<BTreeMap<String, String>, Unheard> {
    if callback.body.is_empty() {
        return read(callback.query);
    }
    let body = std::str::from_utf8(callback.body)
        .map_err(|_| Unheard::Malformed { why: "a form in UTF-8 expected".to_owned() })?;
    read(body)
}

/// A body of these fields, in this order.
pub(super) fn write<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_reads_back_and_a_name_given_twice_does_not() {
        let fields = [("a", "l\u{1ec7} ph\u{ed}"), ("b", "1&2=3")];
        let read_back = read(&write(fields)).expect("a form");
        assert_eq!(read_back["a"], "l\u{1ec7} ph\u{ed}");
        assert_eq!(read_back["b"], "1&2=3");
        assert!(read("a=1&a=2").is_err());
        let callback = Callback { query: "q=1", headers: &[], body: b"" };
        assert_eq!(of_callback(&callback).expect("a query")["q"], "1");
        let callback = Callback { query: "q=1", headers: &[], body: b"\xff" };
        assert!(of_callback(&callback).is_err());
    }
}
