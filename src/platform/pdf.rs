//! Sheets of paper: headings, paragraphs, facts, tables that go on over pages, page numbers, a QR
//! code; written as PDF/A-3b, which the writer's own validator has passed. What the same calls ask
//! for is the same file, byte for byte.
//!
//! Vietnamese is set in Noto Sans, which is part of the file. A character that the font does not have
//! is shown as `?`: an archive admits no empty glyphs.

#![expect(clippy::float_arithmetic, reason = "places on a page; no amount is reckoned here")]

use std::sync::LazyLock;

use chrono::{DateTime, Datelike, Timelike, Utc};
use krilla::Document;
use krilla::SerializeSettings;
use krilla::configure::{Archival, ConfigurationBuilder};
use krilla::embed::{AssociationKind, EmbeddedFile, MimeType};
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::Metadata;
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::text::{Font, TextDirection};
use krilla::{color::rgb, num::NormalizedF32};
use qrcode::{Color, EcLevel, QrCode};

use crate::vocabulary::day::to_local;

const REGULAR: &[u8] = include_bytes!("../../web/assets/fonts/NotoSans-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../../web/assets/fonts/NotoSans-Bold.ttf");

static FONTS: LazyLock<Option<[Font; 2]>> =
    LazyLock::new(|| Some([Font::new(REGULAR.into(), 0)?, Font::new(BOLD.into(), 0)?]));

/// A4 in points.
const WIDTH: f32 = 595.28;
const HEIGHT: f32 = 841.89;
const MARGIN: f32 = 48.0;
/// The page number stands below this.
const BOTTOM: f32 = HEIGHT - 56.0;
const INSIDE: f32 = WIDTH - 2.0 * MARGIN;
/// Line height, of the size of the letters.
const LEADING: f32 = 1.4;
const BODY: f32 = 10.5;
const SMALL: f32 = 8.5;
const CELL: f32 = 4.0;

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum PdfError {
    /// The writer or its validator refuses.
    #[error("the PDF cannot be written: {0}")]
    Writer(String),
    /// Too much for a QR code.
    #[error("a QR code cannot hold this")]
    Code,
}

/// Light or heavy letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Text.
    Regular,
    /// Headings, sums.
    Bold,
}

/// Where text stands between its edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// At the left.
    Left,
    /// In the middle.
    Centre,
    /// At the right: numbers.
    Right,
}

/// A column of a table.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its heading.
    pub title: String,
    /// Its share of the width, against the shares of the others.
    pub share: u16,
    /// How its cells stand.
    pub align: Align,
}

impl Column {
    /// A column of text.
    pub fn text(title: impl Into<String>, share: u16) -> Self {
        Self { title: title.into(), share, align: Align::Left }
    }

    /// A column of numbers.
    pub fn number(title: impl Into<String>, share: u16) -> Self {
        Self { title: title.into(), share, align: Align::Right }
    }
}

/// What a file says of itself.
#[derive(Debug, Clone)]
pub struct About {
    /// Its title.
    pub title: String,
    /// Who made it.
    pub author: String,
    /// When what it tells was so; the file bears this time, whenever it is written.
    pub made_at: DateTime<Utc>,
    /// What tells it from every other file.
    pub id: String,
}

/// A file inside the file.
#[derive(Debug, Clone)]
pub struct Attached {
    /// Its name.
    pub name: String,
    /// Its type.
    pub mime_type: &'static str,
    /// What it is.
    pub description: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

#[derive(Debug)]
enum Mark {
    Text { x: f32, y: f32, size: f32, weight: Weight, grey: u8, text: String },
    Bar { x: f32, y: f32, width: f32, height: f32, grey: u8 },
    Squares { squares: Vec<(f32, f32, f32)>, side: f32 },
}

/// A document under way: what is called first stands first.
#[derive(Debug)]
pub struct Sheet {
    about: About,
    pages: Vec<Vec<Mark>>,
    /// Where the next thing stands, from the top.
    y: f32,
    attached: Vec<Attached>,
}

struct Metrics(ttf_parser::Face<'static>);

impl Metrics {
    fn of(font: &'static [u8]) -> Option<Self> {
        ttf_parser::Face::parse(font, 0).ok().map(Self)
    }

    fn advance(&self, letter: char) -> Option<f32> {
        let glyph = self.0.glyph_index(letter)?;
        let advance = self.0.glyph_hor_advance(glyph).unwrap_or(0);
        Some(f32::from(advance) / f32::from(self.0.units_per_em()))
    }
}

static METRICS: LazyLock<[Option<Metrics>; 2]> =
    LazyLock::new(|| [Metrics::of(REGULAR), Metrics::of(BOLD)]);

fn metrics(weight: Weight) -> Option<&'static Metrics> {
    METRICS[usize::from(weight == Weight::Bold)].as_ref()
}

fn width(text: &str, size: f32, weight: Weight) -> f32 {
    let Some(metrics) = metrics(weight) else { return 0.0 };
    text.chars().map(|letter| metrics.advance(letter).unwrap_or(0.0)).sum::<f32>() * size
}

/// Text that the font can show: blanks are one, what it has not is `?`.
fn shown(text: &str) -> String {
    let has = |letter: char| metrics(Weight::Regular).is_some_and(|m| m.advance(letter).is_some());
    let words: Vec<String> = text
        .split_whitespace()
        .map(|word| {
            let letters = word.chars().filter(|c| !is_unseen(*c));
            letters.map(|c| if has(c) { c } else { '?' }).collect()
        })
        .collect();
    words.join(" ")
}

/// Nothing to see: control characters, and those that turn the direction of writing.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{fff0}'..='\u{ffff}' | '\u{e000}'..='\u{f8ff}')
}

/// Lines that fit; a word longer than a line is cut.
fn lines(text: &str, size: f32, weight: Weight, room: f32) -> Vec<String> {
    let mut done = Vec::new();
    let mut line = String::new();
    for word in shown(text).split(' ') {
        let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if width(&longer, size, weight) <= room {
            line = longer;
            continue;
        }
        if !line.is_empty() {
            done.push(std::mem::take(&mut line));
        }
        for letter in word.chars() {
            line.push(letter);
            if width(&line, size, weight) > room && line.chars().count() > 1 {
                line.pop();
                done.push(std::mem::replace(&mut line, letter.to_string()));
            }
        }
    }
    if !line.is_empty() || done.is_empty() {
        done.push(line);
    }
    done
}

impl Sheet {
    /// An empty sheet.
    pub fn new(about: About) -> Self {
        Self { about, pages: vec![Vec::new()], y: MARGIN, attached: Vec::new() }
    }

    /// Another file inside it.
    pub fn attach(&mut self, file: Attached) {
        self.attached.push(file);
    }

    /// Leaves some room.
    pub fn space(&mut self, points: u8) {
        self.y += f32::from(points);
    }

    /// The title of it all, in the middle.
    pub fn title(&mut self, text: &str) {
        self.block(text, 17.0, Weight::Bold, 0, Align::Centre);
        self.space(2);
    }

    /// A heading.
    pub fn heading(&mut self, text: &str) {
        self.space(8);
        // A heading does not stand alone at the foot of a page, nor away from the head of its table.
        self.keep(13.0 * LEADING + 8.0 * BODY * LEADING);
        self.block(text, 13.0, Weight::Bold, 0, Align::Left);
        self.space(3);
    }

    /// Running text.
    pub fn paragraph(&mut self, text: &str) {
        self.block(text, BODY, Weight::Regular, 0, Align::Left);
        self.space(4);
    }

    /// A line of its own: as heavy and where it is wanted.
    pub fn line(&mut self, text: &str, weight: Weight, align: Align) {
        self.block(text, BODY, weight, 0, align);
    }

    /// What is said beside: small and grey.
    pub fn note(&mut self, text: &str, align: Align) {
        self.block(text, SMALL, Weight::Regular, 85, align);
        self.space(2);
    }

    /// Names and values, one below the other.
    pub fn facts(&mut self, facts: &[(&str, &str)]) {
        const NAMES: f32 = 150.0;
        for (name, value) in facts {
            let names = lines(name, BODY, Weight::Regular, NAMES - 8.0);
            let values = lines(value, BODY, Weight::Bold, INSIDE - NAMES);
            let rows = names.len().max(values.len());
            self.keep(rows_high(rows, BODY));
            let top = self.y;
            for (n, text) in names.into_iter().enumerate() {
                self.put(MARGIN, top + rows_high(n, BODY), BODY, Weight::Regular, 60, text);
            }
            for (n, text) in values.into_iter().enumerate() {
                self.put(MARGIN + NAMES, top + rows_high(n, BODY), BODY, Weight::Bold, 0, text);
            }
            self.y = top + rows_high(rows, BODY) + 3.0;
        }
        self.space(4);
    }

    /// A table; its headings stand on each page again. A row is never torn.
    pub fn table(&mut self, columns: &[Column], rows: &[Vec<String>]) {
        self.table_of(columns, rows, false);
    }

    /// A table whose last row is the sum.
    pub fn table_with_sum(&mut self, columns: &[Column], rows: &[Vec<String>]) {
        self.table_of(columns, rows, true);
    }

    fn table_of(&mut self, columns: &[Column], rows: &[Vec<String>], sum: bool) {
        let shares: f32 = columns.iter().map(|c| f32::from(c.share)).sum();
        let widths: Vec<f32> =
            columns.iter().map(|c| INSIDE * f32::from(c.share) / shares.max(1.0)).collect();
        let titles: Vec<String> = columns.iter().map(|c| c.title.clone()).collect();
        let aligns: Vec<Align> = columns.iter().map(|c| c.align).collect();
        let head = Self::row_height(&titles, &widths, Weight::Bold);
        self.keep(head + rows_high(2, SMALL + 1.0));
        self.row(&titles, &widths, &aligns, Weight::Bold);
        for (n, row) in rows.iter().enumerate() {
            let weight = if sum && n + 1 == rows.len() { Weight::Bold } else { Weight::Regular };
            if self.y + Self::row_height(row, &widths, weight) > BOTTOM {
                self.turn();
                self.row(&titles, &widths, &aligns, Weight::Bold);
            }
            self.row(row, &widths, &aligns, weight);
        }
        self.space(6);
    }

    fn row_height(cells: &[String], widths: &[f32], weight: Weight) -> f32 {
        let high = |(text, room): (&String, &f32)| {
            lines(text, SMALL + 1.0, weight, room - 2.0 * CELL).len()
        };
        let most = cells.iter().zip(widths).map(high).max().unwrap_or(1);
        rows_high(most, SMALL + 1.0) + 2.0 * CELL
    }

    fn row(&mut self, cells: &[String], widths: &[f32], aligns: &[Align], weight: Weight) {
        const SIZE: f32 = SMALL + 1.0;
        let high = Self::row_height(cells, widths, weight);
        let top = self.y;
        let mut x = MARGIN;
        for ((text, room), align) in cells.iter().zip(widths).zip(aligns) {
            for (n, text) in lines(text, SIZE, weight, room - 2.0 * CELL).into_iter().enumerate() {
                let at = placed(&text, SIZE, weight, *align, (x + CELL, room - 2.0 * CELL));
                self.put(at, top + CELL + rows_high(n, SIZE), SIZE, weight, 0, text);
            }
            x += room;
        }
        let (y, thick) = (top + high, if weight == Weight::Bold { 1.0 } else { 0.5 });
        self.mark(Mark::Bar { x: MARGIN, y, width: INSIDE, height: thick, grey: 120 });
        self.y = y + thick;
    }

    /// A QR code with words beside it.
    pub fn code(&mut self, payload: &str, beside: &[&str]) -> Result<(), PdfError> {
        const SIDE: f32 = 96.0;
        let code =
            QrCode::with_error_correction_level(payload, EcLevel::M).map_err(|_| PdfError::Code)?;
        self.keep(SIDE + 8.0);
        let modules = u16::try_from(code.width()).unwrap_or(1);
        // Four modules of quiet around it belong to the code.
        let side = SIDE / f32::from(modules + 8);
        let (left, top) = (MARGIN, self.y);
        let mut squares = Vec::new();
        let (mut column, mut row) = (0_u16, 0_u16);
        for colour in code.to_colors() {
            if colour == Color::Dark {
                let x = left + f32::from(column + 4) * side;
                squares.push((x, top + f32::from(row + 4) * side, side));
            }
            column += 1;
            if column == modules {
                (column, row) = (0, row + 1);
            }
        }
        self.mark(Mark::Squares { squares, side });
        let mut y = top + 8.0;
        for text in beside {
            for text in lines(text, SMALL, Weight::Regular, INSIDE - SIDE - 16.0) {
                self.put(left + SIDE + 12.0, y, SMALL, Weight::Regular, 40, text);
                y += rows_high(1, SMALL);
            }
            y += 3.0;
        }
        self.y = y.max(top + SIDE) + 8.0;
        Ok(())
    }

    /// A line across the page.
    pub fn rule(&mut self) {
        self.mark(Mark::Bar { x: MARGIN, y: self.y, width: INSIDE, height: 0.7, grey: 150 });
        self.y += 8.0;
    }

    fn block(&mut self, text: &str, size: f32, weight: Weight, grey: u8, align: Align) {
        for text in lines(text, size, weight, INSIDE) {
            self.keep(rows_high(1, size));
            let x = placed(&text, size, weight, align, (MARGIN, INSIDE));
            self.put(x, self.y, size, weight, grey, text);
            self.y += rows_high(1, size);
        }
    }

    /// What needs so much room stands on one page.
    fn keep(&mut self, high: f32) {
        if self.y + high > BOTTOM && self.y > MARGIN {
            self.turn();
        }
    }

    fn turn(&mut self) {
        self.pages.push(Vec::new());
        self.y = MARGIN;
    }

    #[expect(clippy::too_many_arguments, reason = "one place draws a text")]
    fn put(&mut self, x: f32, top: f32, size: f32, weight: Weight, grey: u8, text: String) {
        if !text.is_empty() {
            self.mark(Mark::Text { x, y: top + size, size, weight, grey, text });
        }
    }

    fn mark(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push(mark);
        }
    }

    /// The file.
    pub fn finish(mut self) -> Result<Vec<u8>, PdfError> {
        let told = |what: &dyn std::fmt::Debug| PdfError::Writer(format!("{what:?}"));
        let of = self.pages.len();
        for (n, page) in self.pages.iter_mut().enumerate() {
            let text = format!("Trang {}/{of}", n + 1);
            let x = placed(&text, SMALL, Weight::Regular, Align::Right, (MARGIN, INSIDE));
            let y = HEIGHT - 32.0;
            page.push(Mark::Text { x, y, size: SMALL, weight: Weight::Regular, grey: 85, text });
        }
        let configuration = ConfigurationBuilder::new()
            .with_archival_validator(Archival::A3_B)
            .finish()
            .map_err(|error| told(&error))?;
        let settings = SerializeSettings { configuration, ..SerializeSettings::default() };
        let mut document = Document::new_with(settings);
        let fonts = FONTS.as_ref().ok_or_else(|| told(&"a font cannot be read"))?;
        let made_at = date_time(self.about.made_at);
        for file in self.attached.drain(..) {
            let mime_type = MimeType::new(file.mime_type);
            document.embed_file(EmbeddedFile {
                path: file.name,
                mime_type,
                description: Some(file.description),
                association_kind: AssociationKind::Source,
                data: file.bytes.into(),
                modification_date: Some(made_at),
                compress: Some(true),
                location: None,
            });
        }
        for marks in &self.pages {
            let size = PageSettings::from_wh(WIDTH, HEIGHT).ok_or_else(|| told(&"no page"))?;
            let mut page = document.start_page_with(size);
            let mut surface = page.surface();
            for mark in marks {
                draw(&mut surface, fonts, mark);
            }
            surface.finish();
            page.finish();
        }
        document.set_metadata(
            Metadata::new()
                .title(self.about.title)
                .authors(vec![self.about.author])
                .creator("payclear".to_owned())
                .language("vi".to_owned())
                .creation_date(made_at)
                .document_id(self.about.id),
        );
        document.finish().map_err(|error| told(&error))
    }
}

fn draw(surface: &mut krilla::surface::Surface<'_>, fonts: &[Font; 2], mark: &Mark) {
    let ink = |grey: u8| {
        Some(Fill {
            paint: rgb::Color::new(grey, grey, grey).into(),
            opacity: NormalizedF32::ONE,
            rule: krilla::paint::FillRule::default(),
        })
    };
    match mark {
        Mark::Text { x, y, size, weight, grey, text } => {
            surface.set_fill(ink(*grey));
            let font = fonts[usize::from(*weight == Weight::Bold)].clone();
            let at = Point::from_xy(*x, *y);
            surface.draw_text(at, font, *size, text, false, TextDirection::LeftToRight);
        }
        Mark::Bar { x, y, width, height, grey } => {
            surface.set_fill(ink(*grey));
            let mut path = PathBuilder::new();
            if let Some(bar) = Rect::from_xywh(*x, *y, *width, *height) {
                path.push_rect(bar);
            }
            if let Some(path) = path.finish() {
                surface.draw_path(&path);
            }
        }
        Mark::Squares { squares, side } => {
            surface.set_fill(ink(0));
            let mut path = PathBuilder::new();
            for (x, y, _) in squares {
                if let Some(square) = Rect::from_xywh(*x, *y, *side, *side) {
                    path.push_rect(square);
                }
            }
            if let Some(path) = path.finish() {
                surface.draw_path(&path);
            }
        }
    }
}

fn rows_high(rows: usize, size: f32) -> f32 {
    f32::from(u16::try_from(rows).unwrap_or(u16::MAX)) * size * LEADING
}

fn placed(text: &str, size: f32, weight: Weight, align: Align, (left, room): (f32, f32)) -> f32 {
    let free = room - width(text, size, weight);
    match align {
        Align::Left => left,
        Align::Centre => left + free / 2.0,
        Align::Right => left + free,
    }
}

/// An instant as the file writes it, in Việt Nam.
fn date_time(at: DateTime<Utc>) -> krilla::metadata::DateTime {
    let local = to_local(at);
    let small = |n: u32| u8::try_from(n).unwrap_or(0);
    krilla::metadata::DateTime::new(u16::try_from(local.year()).unwrap_or(0))
        .month(small(local.month()))
        .day(small(local.day()))
        .hour(small(local.hour()))
        .minute(small(local.minute()))
        .second(small(local.second()))
        .utc_offset_hour(7)
        .utc_offset_minute(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> Sheet {
        Sheet::new(About {
            title: "Bảng kê thử".to_owned(),
            author: "Sở Tư pháp".to_owned(),
            made_at: "2026-11-22T03:00:00Z".parse().expect("an instant"),
            id: "test".to_owned(),
        })
    }

    #[test]
    fn a_long_table_goes_on_over_pages_and_the_file_is_the_same_again() {
        let make = || {
            let mut sheet = sheet();
            sheet.title("BẢNG KÊ");
            sheet.heading("Các khoản thu");
            let columns = [Column::text("Nội dung", 3), Column::number("Số tiền", 1)];
            let row = |n: u32| vec![format!("Phí số {n}, nghìn tỷ đồng"), format!("{n}.000")];
            sheet.table(&columns, &(0..120).map(row).collect::<Vec<_>>());
            assert!(sheet.pages.len() > 2, "{}", sheet.pages.len());
            for page in &sheet.pages {
                let titles = page
                    .iter()
                    .filter(|m| matches!(m, Mark::Text { text, .. } if text == "Nội dung"));
                assert_eq!(titles.count(), 1, "headings stand on each page");
                for mark in page {
                    if let Mark::Text { x, y, size, weight, text, .. } = mark {
                        assert!(*y < HEIGHT - 40.0, "{text} is too low");
                        assert!(x + width(text, *size, *weight) <= WIDTH - MARGIN + 0.1, "{text}");
                    }
                }
            }
            sheet.code("https://example.vn/receipts/abc", &["Quét để kiểm tra"]).expect("a code");
            sheet.finish().expect("it is PDF/A-3b")
        };
        let pdf = make();
        assert!(pdf.starts_with(b"%PDF-1.7"));
        assert!(pdf == make(), "the same file again");
    }

    #[test]
    fn any_text_can_be_set() {
        let mut sheet = sheet();
        sheet.paragraph("Nguyễn 張 🎉 \u{0} \u{202e} \u{feff} a\u{301} e\u{302}\u{309}");
        sheet.paragraph(&"x".repeat(2000));
        sheet.facts(&[("", ""), ("tên", &"dài ".repeat(300))]);
        sheet.table(&[Column::text("", 1)], &[vec![String::new()], Vec::new()]);
        sheet.finish().expect("it is PDF/A-3b");
    }

    #[test]
    fn words_are_kept_together_where_they_fit() {
        let room = width("Phí cấp bản sao", BODY, Weight::Regular) + 1.0;
        let found = lines("Phí  cấp bản\nsao trích lục", BODY, Weight::Regular, room);
        assert_eq!(found, ["Phí cấp bản sao", "trích lục"]);
        let cut = lines("abcdefghijklmnopqrstuvwxyz", BODY, Weight::Regular, 30.0);
        assert!(cut.len() > 3 && cut.concat() == "abcdefghijklmnopqrstuvwxyz", "{cut:?}");
    }
}
