//! The page a payer sees at a bank: the order and a button per outcome. Forms only, no scripts.

use std::fmt::Write;

use axum::response::Html;

use crate::deeds::{OUTCOMES, Outcome};

/// Escapes text for HTML.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(letter),
        }
    }
    safe
}

fn frame(title: &str, inside: &str) -> Html<String> {
    let title = escape(title);
    Html(format!(
        "<!doctype html><html lang=\"vi\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}</title><style>body{{font:1rem/1.5 sans-serif;max-width:36rem;\
         margin:2rem auto;padding:0 1rem}}dt{{font-weight:bold}}button{{display:block;width:100%;\
         margin:.4rem 0;padding:.7rem;font:inherit}}</style></head><body><main><h1>{title}</h1>\
         {inside}</main></body></html>"
    ))
}

/// The page that offers outcomes; `action` takes the form with `outcome` and the hidden fields.
pub fn offer(
    title: &str,
    facts: &[(&str, &str)],
    action: &str,
    hidden: &[(&str, &str)],
    possible: fn(Outcome) -> bool,
) -> Html<String> {
    let mut inside = String::from("<dl>");
    for (name, value) in facts {
        let _ = write!(inside, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(value));
    }
    let _ = write!(inside, "</dl><form method=\"post\" action=\"{}\">", escape(action));
    for (name, value) in hidden {
        let (name, value) = (escape(name), escape(value));
        let _ = write!(inside, "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">");
    }
    for (outcome, word, label) in OUTCOMES {
        if possible(outcome) {
            let _ = write!(
                inside,
                "<button type=\"submit\" name=\"outcome\" value=\"{word}\">{label}</button>"
            );
        }
    }
    frame(title, &(inside + "</form>"))
}

/// A page that only says something; `code` is also there for programs.
pub fn say(title: &str, code: &str, message: &str) -> Html<String> {
    let (code, message) = (escape(code), escape(message));
    frame(title, &format!("<p role=\"alert\" data-code=\"{code}\">{message} ({code})</p>"))
}
