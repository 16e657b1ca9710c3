//! How the look-up becomes a page: the answer, when there is one, and the form below it.

use askama::Template;
use chrono::NaiveDate;

use super::assets::ASSETS;
use super::drawing::Frame;
use super::forms::{LookupFault, LookupForm};
use super::lookup::Answer;
use super::times;
use super::words::{Language, Text, Words};

/// The view model.
#[derive(Debug)]
pub struct LookupPage {
    /// The reader's language.
    pub language: Language,
    /// The form as it was filled in.
    pub form: LookupForm,
    /// What is wrong with it.
    pub faults: Vec<LookupFault>,
    /// The answer.
    pub answer: Option<Answer>,
    /// No payment is of a later day.
    pub today: NaiveDate,
}

/// What an answer says.
struct Told {
    tone: &'static str,
    title: Text,
    body: String,
    next: Text,
    for_bank: bool,
}

impl LookupPage {
    /// The whole document.
    pub fn render(&self) -> Result<String, askama::Error> {
        let w = self.language.words();
        let told = self.answer.map(|answer| self.told(w, answer));
        let heading = told.as_ref().map_or(w.lookup_title, |told| told.title);
        let title = if self.faults.is_empty() {
            heading.to_string()
        } else {
            format!("{}: {heading}", w.error_prefix)
        };
        let frame = Frame {
            title,
            // What was asked is in a form: in the other language it is asked again.
            switch: Some(Self::address(self.language.other())),
            lookup: None,
            ..Frame::plain(self.language, heading)
        };
        let faults: Vec<(&str, Text)> = self.faults.iter().map(|f| fault(w, *f)).collect();
        LookupTemplate { frame, page: self, heading, told, faults }.render()
    }

    fn told(&self, w: &Words, answer: Answer) -> Told {
        let (tone, title, body, next) = match answer {
            Answer::Paid => {
                ("good", w.answer_paid, w.answer_paid_body.to_string(), w.answer_paid_next)
            }
            Answer::WaitsForRest => {
                ("wait", w.answer_rest, w.answer_rest_body.to_string(), w.answer_rest_next)
            }
            Answer::LookedInto => {
                ("wait", w.answer_looked, w.answer_looked_body.to_string(), w.answer_looked_next)
            }
            Answer::DueBack => {
                ("wait", w.answer_back, w.answer_back_body.to_string(), w.answer_back_next)
            }
            Answer::NotYet { by } => {
                let by = times::date(self.language, by);
                ("wait", w.answer_not_yet, w.answer_not_yet_body.with(by), w.answer_not_yet_next)
            }
            Answer::Nothing => {
                ("none", w.answer_nothing, w.answer_nothing_body.to_string(), w.answer_nothing_next)
            }
        };
        Told { tone, title, body, next, for_bank: answer == Answer::Nothing }
    }

    /// Is the field wrong?
    fn is_at(&self, field: &str) -> bool {
        self.faults.iter().any(|f| fault(self.language.words(), *f).0 == field)
    }

    fn here(&self) -> String {
        Self::address(self.language)
    }

    fn address(language: Language) -> String {
        match language {
            Language::Vi => "/lookup".to_owned(),
            Language::En => "/lookup?lang=en".to_owned(),
        }
    }
}

/// Where it is wrong, and what.
fn fault(w: &Words, fault: LookupFault) -> (&'static str, Text) {
    match fault {
        LookupFault::Nothing => ("code", w.lookup_fault_nothing),
        LookupFault::Code => ("code", w.lookup_fault_code),
        LookupFault::Reference => ("reference", w.lookup_fault_reference),
        LookupFault::Amount => ("amount", w.lookup_fault_amount),
        LookupFault::Day => ("day", w.lookup_fault_day),
    }
}

#[derive(Template)]
#[template(path = "counter/lookup.html")]
struct LookupTemplate<'a> {
    frame: Frame<'a>,
    page: &'a LookupPage,
    heading: Text,
    told: Option<Told>,
    faults: Vec<(&'static str, Text)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(language: Language, answer: Option<Answer>, faults: Vec<LookupFault>) -> String {
        let today = NaiveDate::from_ymd_opt(2026, 11, 22).expect("a day");
        let form = LookupForm { reference: "FT\"><b>".to_owned(), ..LookupForm::default() };
        LookupPage { language, form, faults, answer, today }.render().expect("drawn")
    }

    #[test]
    fn every_answer_has_one_shape_and_its_own_words() {
        let by = NaiveDate::from_ymd_opt(2026, 11, 23).expect("a day");
        let answers = [
            Answer::Paid,
            Answer::WaitsForRest,
            Answer::LookedInto,
            Answer::DueBack,
            Answer::NotYet { by },
            Answer::Nothing,
        ];
        for &language in Language::ALL {
            let mut titles = std::collections::BTreeSet::new();
            for answer in answers {
                let html = page(language, Some(answer), Vec::new());
                assert_eq!(html.matches("<h1").count(), 1, "{answer:?}");
                assert_eq!(html.matches("<form").count(), 1, "{answer:?}");
                assert_eq!(html.matches("class=\"pc-answer ").count(), 1, "{answer:?}");
                assert!(!html.contains("<b>") && !html.contains("{}"), "{answer:?}");
                let title = html.split("<h1").nth(1).and_then(|h| h.split("</h1>").next());
                titles.insert(title.expect("a heading").to_owned());
            }
            assert_eq!(titles.len(), answers.len(), "each says something else");
        }
        assert!(page(Language::Vi, Some(answers[4]), Vec::new()).contains("23/11/2026"));
    }

    #[test]
    fn every_fault_is_told_at_the_top_and_at_its_field() {
        for fault_ in [
            LookupFault::Nothing,
            LookupFault::Code,
            LookupFault::Reference,
            LookupFault::Amount,
            LookupFault::Day,
        ] {
            let html = page(Language::En, None, vec![fault_]);
            let (field, text) = fault(Language::En.words(), fault_);
            assert!(html.contains(&format!("href=\"#{field}\"")), "{fault_:?}");
            assert!(html.matches(&text.to_string()).count() == 2, "{fault_:?}: {html}");
            assert!(html.contains("<title>Error: "), "{fault_:?}");
            assert!(html.contains(&format!("id=\"{field}-error\"")), "{fault_:?}");
        }
    }
}
