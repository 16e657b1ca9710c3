//! The texts that Viettel signs: values with nothing between them, in byte order of their names.

use std::collections::BTreeMap;

/// The text of fields, the access code being one of them.
pub fn text<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    fields.into_iter().collect::<BTreeMap<_, _>>().into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_set_the_order_and_leave_no_trace() {
        let fields = [("order_id", "HS1"), ("access_code", "A"), ("billcode", "B"), ("cmd", "C")];
        assert_eq!(text(fields), "ABCHS1");
    }
}
