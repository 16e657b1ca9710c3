//! JSON objects whose values keep the text they came in.
//!
//! Signatures run over what was sent: `10000.0` and `10000` are one number and two signatures. So
//! numbers are never parsed here, only carried.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// Deeper than this no message of a partner nests.
const DEEPEST: usize = 16;

/// An object, its keys in byte order; of a key given twice the last counts, as in JavaScript.
#[derive(Debug)]
pub struct Object<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Object<'a> {
    /// Reads an object; none when the text is anything else.
    pub fn read(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok().map(Self)
    }

    /// A string's content, a number or boolean as written; none when absent, null, or nested.
    pub fn text(&self, name: &str) -> Option<String> {
        let raw = self.0.get(name)?.get();
        match raw.as_bytes().first()? {
            b'"' => serde_json::from_str(raw).ok(),
            b'n' | b'{' | b'[' => None,
            _ => Some(raw.to_owned()),
        }
    }

    /// [`Self::text`], without the empty string.
    pub fn filled(&self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.is_empty())
    }

    /// An object in it.
    pub fn object(&self, name: &str) -> Option<Object<'a>> {
        Object::read(self.0.get(name)?.get())
    }

    /// The objects of an array; none when it is no array of objects.
    pub fn objects(&self, name: &str) -> Option<Vec<Object<'a>>> {
        let elements: Vec<&'a RawValue> = serde_json::from_str(self.0.get(name)?.get()).ok()?;
        elements.into_iter().map(|element| Object::read(element.get())).collect()
    }

    /// Keys and values in byte order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }
}

/// Compact JSON with the keys of objects sorted down to `levels` levels of objects; below that they
/// stay as they came. None when it nests too deep or a string is broken.
pub fn sorted(json: &str, levels: usize) -> Option<String> {
    let mut out = String::with_capacity(json.len());
    write_sorted(json, levels.min(DEEPEST), DEEPEST, &mut out)?;
    Some(out)
}

/// Sort every level.
pub const ALL_LEVELS: usize = DEEPEST;

fn write_sorted(json: &str, levels: usize, depth: usize, out: &mut String) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    match json.as_bytes().first()? {
        _ if levels == 0 => compact(json, out)?,
        b'[' => {
            let elements: Vec<&RawValue> = serde_json::from_str(json).ok()?;
            out.push('[');
            for (place, element) in elements.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write_sorted(element.get(), levels, depth, out)?;
            }
            out.push(']');
        }
        b'{' => {
            out.push('{');
            for (place, (name, value)) in Object::read(json)?.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                out.push_str(&serde_json::to_string(name).ok()?);
                out.push(':');
                write_sorted(value.get(), levels - 1, depth, out)?;
            }
            out.push('}');
        }
        _ => compact(json, out)?,
    }
    Some(())
}

/// Valid JSON without the blanks between its tokens; strings are written in their shortest form.
fn compact(json: &str, out: &mut String) -> Option<()> {
    let mut rest = json;
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            let end = string_end(rest)?;
            let text: String = serde_json::from_str(&rest[..end]).ok()?;
            out.push_str(&serde_json::to_string(&text).ok()?);
            rest = &rest[end..];
        } else {
            if !first.is_ascii_whitespace() {
                out.push(first);
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    Some(())
}

/// Where the string that begins the text ends, its closing quote included.
fn string_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_the_text_they_came_in() {
        let object =
            Object::read(r#"{"a": 10000.0, "b": 1e3, "c": "x\u0041", "d": null, "e": [1]}"#)
                .expect("an object");
        assert_eq!(object.text("a").as_deref(), Some("10000.0"));
        assert_eq!(object.text("b").as_deref(), Some("1e3"));
        assert_eq!(object.text("c").as_deref(), Some("xA"));
        assert_eq!(object.text("d"), None);
        assert_eq!(object.text("e"), None);
        assert_eq!(object.text("f"), None);
    }

    #[test]
    fn sorting_goes_as_deep_as_asked_and_strings_are_untouched_inside() {
        let json = r#"[ {"b" : {"z":1, "y": "a \" b\\" }, "a" : 2.50 }, "x y", null ]"#;
        assert_eq!(
            sorted(json, 1).as_deref(),
            Some(r#"[{"a":2.50,"b":{"z":1,"y":"a \" b\\"}},"x y",null]"#)
        );
        assert_eq!(
            sorted(json, ALL_LEVELS).as_deref(),
            Some(r#"[{"a":2.50,"b":{"y":"a \" b\\","z":1}},"x y",null]"#)
        );
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
        assert_eq!(sorted(&deep, 1), None);
    }
}
