//! A QR code as an inline SVG: crisp at any size, with a quiet zone, readable to a screen reader.

use std::fmt::Write as _;

use qrcode::types::QrError;
use qrcode::{Color, EcLevel, QrCode};

/// Light modules that the standard wants around the code.
const QUIET: usize = 4;

/// Draws `payload`. The title and the description are what a person who does not see it is told.
///
/// One path of horizontal runs, not a square per module: a third of the size, and no hairlines
/// between the squares. Colours are attributes, which a strict content policy lets pass.
pub fn svg(payload: &str, title: &str, description: &str) -> Result<String, QrError> {
    let code = QrCode::with_error_correction_level(payload, EcLevel::M)?;
    let width = code.width();
    let side = width + 2 * QUIET;
    let mut path = String::new();
    for (y, row) in code.to_colors().chunks(width).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|a, b| a == b) {
            let length = run.len();
            if run.first() == Some(&Color::Dark) {
                let (left, top) = (x + QUIET, y + QUIET);
                let _ = write!(path, "M{left} {top}h{length}v1h-{length}z");
            }
            x += length;
        }
    }
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"pc-qr\" viewBox=\"0 0 {side} {side}\" \
         role=\"img\" aria-labelledby=\"qr-title qr-description\" shape-rendering=\"crispEdges\">\
         <title id=\"qr-title\">{}</title><desc id=\"qr-description\">{}</desc>\
         <path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path fill=\"#000\" d=\"{path}\"/></svg>",
        escape(title),
        escape(description),
    ))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the path back into modules.
    fn modules(svg: &str) -> Vec<(usize, usize)> {
        let path = svg.rsplit("d=\"").next().and_then(|p| p.split('"').next()).expect("a path");
        let mut dark = Vec::new();
        for run in path.split('M').skip(1) {
            let numbers: Vec<usize> = run
                .split(|c: char| !c.is_ascii_digit())
                .filter(|n| !n.is_empty())
                .map(|n| n.parse().expect("a number"))
                .collect();
            let [x, y, length, 1, back] = numbers[..] else { panic!("{run}") };
            assert_eq!(length, back, "{run}");
            dark.extend((x..x + length).map(|x| (x, y)));
        }
        dark
    }

    #[test]
    fn every_dark_module_is_drawn_inside_the_quiet_zone() {
        let payload = "00020101021238570010A00000072701270006970418011300";
        let code = QrCode::with_error_correction_level(payload, EcLevel::M).expect("fits");
        let width = code.width();
        let mut expected = Vec::new();
        for (place, color) in code.to_colors().into_iter().enumerate() {
            if color == Color::Dark {
                expected.push((place % width + QUIET, place / width + QUIET));
            }
        }
        let svg = svg(payload, "VietQR", "a description").expect("drawn");
        assert_eq!(modules(&svg), expected);
        assert!(svg.contains(&format!("viewBox=\"0 0 {0} {0}\"", width + 8)), "{svg}");
    }

    #[test]
    fn its_title_cannot_break_out() {
        let svg = svg("x", "</title><script>", "a & b").expect("drawn");
        assert!(svg.contains("&lt;/title&gt;&lt;script&gt;") && svg.contains("a &amp; b"), "{svg}");
    }

    #[test]
    fn what_no_code_can_hold_is_an_error() {
        assert!(svg(&"x".repeat(4000), "t", "d").is_err());
    }
}
