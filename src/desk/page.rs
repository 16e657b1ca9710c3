//! All that a page of the desk can hold. Screens say what stands there, `drawing` how it looks.

use axum::http::StatusCode;
use rust_decimal::Decimal;

use super::menu::Section;
use super::table::{Cell, Table, Tone};
use crate::platform::problem::Problem;

/// A page.
#[derive(Debug)]
pub struct Page {
    /// Its heading.
    pub title: String,
    /// Where it stands in the navigation.
    pub section: Option<Section>,
    /// The way back: names and addresses.
    pub crumbs: Vec<(String, String)>,
    /// One sentence below the heading.
    pub lead: Option<String>,
    /// A mark beside the heading.
    pub mark: Option<(Tone, String)>,
    /// What stands on it.
    pub blocks: Vec<Block>,
    /// The status it is answered with.
    pub status: StatusCode,
}

/// One part of a page.
#[derive(Debug)]
pub enum Block {
    /// Names with their values.
    Facts(Facts),
    /// A table.
    Table(Table),
    /// A form.
    Form(Form),
    /// Bars with their numbers.
    Chart(Chart),
    /// Large figures that lead on.
    Tiles(Vec<Tile>),
    /// What happened, in its order.
    Line(TimeLine),
    /// A paragraph.
    Text(String),
    /// Something to know before going on.
    Notice(Tone, String),
    /// A heading between parts.
    Heading(String),
    /// Links beside each other.
    Links(Vec<(String, String)>),
    /// A text as it was said, in its own lines.
    Verbatim(String, String),
}

/// Names with their values.
#[derive(Debug)]
pub struct Facts {
    /// What they are of; none when the heading says it.
    pub title: Option<String>,
    /// Names and values.
    pub rows: Vec<(String, Cell)>,
}

/// Bars with their numbers: the table is the chart.
#[derive(Debug)]
pub struct Chart {
    /// What it shows.
    pub caption: String,
    /// What the bars are of.
    pub of: String,
    /// What the numbers are.
    pub unit: String,
    /// The bars.
    pub bars: Vec<Bar>,
}

/// One bar.
#[derive(Debug)]
pub struct Bar {
    /// What it is of.
    pub label: Cell,
    /// Its length, of the same unit as all others.
    pub value: Decimal,
    /// Its number.
    pub figure: Cell,
    /// How it looks.
    pub tone: Tone,
}

impl Chart {
    /// Hundredths of the longest bar; what is not nothing can be seen.
    pub fn length(&self, bar: &Bar) -> u32 {
        let longest = self.bars.iter().map(|bar| bar.value.abs()).max().unwrap_or_default();
        if longest.is_zero() || bar.value.is_zero() {
            return 0;
        }
        let part = (bar.value.abs() * Decimal::from(100) / longest).round();
        u32::try_from(part).unwrap_or(100).clamp(1, 100)
    }
}

/// A large figure that leads on.
#[derive(Debug)]
pub struct Tile {
    /// What it counts.
    pub label: String,
    /// The figure.
    pub figure: String,
    /// A smaller line.
    pub note: String,
    /// Where it leads.
    pub href: String,
    /// How it looks.
    pub tone: Tone,
}

/// What happened, in its order.
#[derive(Debug)]
pub struct TimeLine {
    /// What of.
    pub title: String,
    /// Each with its time.
    pub steps: Vec<Happened>,
}

/// One thing that happened.
#[derive(Debug)]
pub struct Happened {
    /// When.
    pub at: Cell,
    /// What.
    pub what: Cell,
    /// More of it.
    pub more: Vec<Cell>,
}

/// How a form is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// Into the address: filters.
    Get,
    /// A deed.
    Post,
    /// A deed with a file.
    File,
}

/// How the button of a form looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// What one does on this page.
    Main,
    /// One of several.
    Side,
    /// What cannot be taken back.
    Grave,
}

/// A form.
#[derive(Debug)]
pub struct Form {
    /// Its name on the page: fields are found by it.
    pub name: &'static str,
    /// Its heading.
    pub title: Option<String>,
    /// What one should know.
    pub intro: Option<String>,
    /// Where it goes.
    pub action: String,
    /// How.
    pub sending: Sending,
    /// What is carried along.
    pub hidden: Vec<(String, String)>,
    /// The fields.
    pub fields: Vec<Field>,
    /// The button.
    pub submit: String,
    /// How the button looks.
    pub weight: Weight,
    /// Why it cannot be sent now; shown dim with this reason.
    pub shut: Option<String>,
    /// All that is wrong with it and with none of its fields.
    pub fault: Option<String>,
}

impl Form {
    /// A deed.
    pub fn post(name: &'static str, action: impl Into<String>, submit: impl Into<String>) -> Self {
        Self {
            name,
            title: None,
            intro: None,
            action: action.into(),
            sending: Sending::Post,
            hidden: Vec::new(),
            fields: Vec::new(),
            submit: submit.into(),
            weight: Weight::Main,
            shut: None,
            fault: None,
        }
    }

    /// Filters of a page.
    pub fn filters(action: impl Into<String>, submit: impl Into<String>) -> Self {
        let form = Self::post("filter", action, submit);
        Self { sending: Sending::Get, weight: Weight::Side, ..form }
    }

    /// With a heading.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// With what one should know.
    #[must_use]
    pub fn intro(mut self, intro: impl Into<String>) -> Self {
        self.intro = Some(intro.into());
        self
    }

    /// With a field.
    #[must_use]
    pub fn field(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// With something carried along.
    #[must_use]
    pub fn hidden(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.hidden.push((name.into(), value.into()));
        self
    }

    /// With another look of its button.
    #[must_use]
    pub const fn weight(mut self, weight: Weight) -> Self {
        self.weight = weight;
        self
    }

    /// Closed, with the reason, when there is one.
    #[must_use]
    pub fn shut(mut self, why: Option<String>) -> Self {
        self.shut = why;
        self
    }
}

/// What a field takes.
#[derive(Debug, Clone)]
pub enum Takes {
    /// A line of text; `digits` brings up the keys for figures.
    Line {
        /// Figures only.
        digits: bool,
        /// Characters that are seen.
        width: u32,
    },
    /// Several lines.
    Lines,
    /// A day.
    Day,
    /// An e-mail address of who signs in.
    Email,
    /// A password.
    Password,
    /// A one-time code.
    Code,
    /// One of these: values and names.
    One(Vec<(String, String)>),
    /// One of these, all of them seen.
    Radio(Vec<(String, String)>),
    /// Yes or no.
    Tick,
    /// A file.
    File,
}

/// A field.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it asks for.
    pub label: String,
    /// More of it.
    pub hint: Option<String>,
    /// What it takes.
    pub takes: Takes,
    /// What stands in it.
    pub value: String,
    /// What is wrong with that.
    pub fault: Option<String>,
}

impl Field {
    /// A field.
    pub fn new(name: &'static str, label: impl Into<String>, takes: Takes) -> Self {
        Self { name, label: label.into(), hint: None, takes, value: String::new(), fault: None }
    }

    /// A line of text.
    pub fn line(name: &'static str, label: impl Into<String>) -> Self {
        Self::new(name, label, Takes::Line { digits: false, width: 30 })
    }

    /// Figures.
    pub fn digits(name: &'static str, label: impl Into<String>) -> Self {
        Self::new(name, label, Takes::Line { digits: true, width: 15 })
    }

    /// Several lines.
    pub fn lines(name: &'static str, label: impl Into<String>) -> Self {
        Self::new(name, label, Takes::Lines)
    }

    /// A day.
    pub fn day(name: &'static str, label: impl Into<String>) -> Self {
        Self::new(name, label, Takes::Day)
    }

    /// One of several.
    pub fn one(
        name: &'static str,
        label: impl Into<String>,
        of: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        Self::new(name, label, Takes::One(of.into_iter().collect()))
    }

    /// With more of it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With what stands in it.
    #[must_use]
    pub fn value(mut self, value: impl Into<String>) -> Self {
        self.value = value.into();
        self
    }
}

/// A form that was not taken: what was typed and what is wrong with it.
#[derive(Debug, Default)]
pub struct Again {
    /// Which form.
    pub form: &'static str,
    /// What was typed.
    pub typed: Vec<(String, String)>,
    /// Fields and what is wrong.
    pub faults: Vec<(String, String)>,
    /// What is wrong with the whole.
    pub fault: Option<String>,
    /// The status to answer with.
    pub status: StatusCode,
}

impl Page {
    /// A page of a section.
    pub fn new(title: impl Into<String>, section: impl Into<Option<Section>>) -> Self {
        Self {
            title: title.into(),
            section: section.into(),
            crumbs: Vec::new(),
            lead: None,
            mark: None,
            blocks: Vec::new(),
            status: StatusCode::OK,
        }
    }

    /// With a sentence below the heading.
    #[must_use]
    pub fn lead(mut self, lead: impl Into<String>) -> Self {
        self.lead = Some(lead.into());
        self
    }

    /// With a mark beside the heading.
    #[must_use]
    pub fn mark(mut self, tone: Tone, text: impl Into<String>) -> Self {
        self.mark = Some((tone, text.into()));
        self
    }

    /// With a way back.
    #[must_use]
    pub fn crumb(mut self, name: impl Into<String>, href: impl Into<String>) -> Self {
        self.crumbs.push((name.into(), href.into()));
        self
    }

    /// With one more part.
    #[must_use]
    pub fn with(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    /// Adds a part.
    pub fn add(&mut self, block: Block) {
        self.blocks.push(block);
    }

    /// Puts back what was typed, with what is wrong. What the page has no place for is told above it.
    pub fn again(&mut self, again: Again) {
        self.status = again.status;
        let mut rest = again.faults;
        let mut whole = again.fault;
        for block in &mut self.blocks {
            let Block::Form(form) = block else { continue };
            if form.name != again.form {
                continue;
            }
            for field in &mut form.fields {
                let typed = again.typed.iter().find(|(name, _)| name == field.name);
                if let Some((_, value)) = typed
                    && !matches!(field.takes, Takes::Password | Takes::Code | Takes::File)
                {
                    field.value.clone_from(value);
                }
                if let Some(at) = rest.iter().position(|(name, _)| name == field.name) {
                    field.fault = Some(rest.remove(at).1);
                }
            }
            let left = rest.drain(..).map(|(_, text)| text);
            let told: Vec<String> = whole.take().into_iter().chain(left).collect();
            form.fault = (!told.is_empty()).then(|| told.join(" "));
        }
        let left = rest.into_iter().map(|(_, text)| text);
        let told: Vec<String> = whole.into_iter().chain(left).collect();
        if !told.is_empty() {
            self.blocks.insert(0, Block::Notice(Tone::Alarm, told.join(" ")));
        }
    }

    /// What is wrong on it: addresses of fields and texts.
    pub fn faults(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for block in &self.blocks {
            let Block::Form(form) = block else { continue };
            if let Some(fault) = &form.fault {
                found.push((form.id(), fault.clone()));
            }
            for field in &form.fields {
                if let Some(fault) = &field.fault {
                    found.push((form.id_of(field), fault.clone()));
                }
            }
        }
        found
    }
}

impl Form {
    /// Its place on the page.
    pub fn id(&self) -> String {
        format!("form-{}", self.name)
    }

    /// The place of a field; of several choices the first one.
    pub fn id_of(&self, field: &Field) -> String {
        let first = matches!(field.takes, Takes::Radio(_));
        format!("{}-{}{}", self.name, field.name, if first { "-1" } else { "" })
    }
}

impl Again {
    /// The status of what a room says.
    pub fn of(form: &'static str, problem: &Problem) -> Self {
        let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::CONFLICT);
        Self { form, status, ..Self::default() }
    }
}
