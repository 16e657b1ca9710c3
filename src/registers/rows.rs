//! What each file of the registers holds: its columns, and a row as an entry.

use super::cells::{Cells, Form};
use super::csv_file::{self, Columns, Mistake};
use super::entries::{Agency, FeeKind, FeeLine, NotifyAt, Procedure, TreasuryAccount};
use crate::partners::dialects;
use crate::partners::{CollectingAccount, PartnerEntry, SettlingSource};
use crate::portals::Portal;

/// An entry and the line that it stands on.
#[derive(Debug)]
pub struct Row<T> {
    /// Line in its file, from 1.
    pub line: u64,
    /// What the line says.
    pub entry: T,
}

/// Every row of every file that was there.
#[derive(Debug, Default)]
pub struct Book {
    /// `agencies.csv`
    pub agencies: Vec<Row<Agency>>,
    /// `treasury_accounts.csv`
    pub treasury_accounts: Vec<Row<TreasuryAccount>>,
    /// `procedures.csv`
    pub procedures: Vec<Row<Procedure>>,
    /// `fee_lines.csv`
    pub fee_lines: Vec<Row<FeeLine>>,
    /// `portals.csv`
    pub portals: Vec<Row<Portal>>,
    /// `partners.csv`
    pub partners: Vec<Row<PartnerEntry>>,
    /// `collecting_accounts.csv`
    pub collecting_accounts: Vec<Row<CollectingAccount>>,
}

impl Book {
    /// How many rows there are.
    pub fn row_count(&self) -> usize {
        self.agencies.len()
            + self.treasury_accounts.len()
            + self.procedures.len()
            + self.fee_lines.len()
            + self.portals.len()
            + self.partners.len()
            + self.collecting_accounts.len()
    }
}

/// Agencies.
pub const AGENCIES: Columns = Columns {
    file: "agencies.csv",
    required: &["code", "valid_from", "name"],
    optional: &["name_en", "chapter", "tax_code", "closed"],
};
/// Treasury accounts.
pub const TREASURY_ACCOUNTS: Columns = Columns {
    file: "treasury_accounts.csv",
    required: &["agency", "number", "valid_from", "treasury_code", "treasury_name"],
    optional: &["bank_bin", "closed"],
};
/// Procedures.
pub const PROCEDURES: Columns = Columns {
    file: "procedures.csv",
    required: &["code", "valid_from", "name"],
    optional: &["name_en", "notify_at", "closed"],
};
/// Lines of tariffs.
pub const FEE_LINES: Columns = Columns {
    file: "fee_lines.csv",
    required: &["procedure", "line", "valid_from", "kind", "name", "amount", "chapter", "sub_item"],
    optional: &["valid_until", "name_en", "beneficiary", "legal_basis"],
};
/// Portals.
pub const PORTALS: Columns = Columns {
    file: "portals.csv",
    required: &["code", "name"],
    optional: &["name_en", "return_origins", "seen_as", "calls_per_second", "closed"],
};
/// Partners.
pub const PARTNERS: Columns = Columns {
    file: "partners.csv",
    required: &["code", "name", "dialect"],
    optional: &["name_en", "seen_as", "calls_per_second", "closed"],
};
/// Collecting accounts.
pub const COLLECTING_ACCOUNTS: Columns = Columns {
    file: "collecting_accounts.csv",
    required: &["partner", "number", "valid_from", "bin", "holder", "settling_source"],
    optional: &["agency", "closed"],
};

/// Every file there is, in the order in which they are read.
pub const FILES: [Columns; 7] =
    [AGENCIES, TREASURY_ACCOUNTS, PROCEDURES, FEE_LINES, PORTALS, PARTNERS, COLLECTING_ACCOUNTS];

/// Reads files, each given by name and bytes. The book holds the rows that could be read; it is
/// good for use only when there are no mistakes.
pub fn read(files: &[(&str, Vec<u8>)]) -> (Book, Vec<Mistake>) {
    let mut mistakes = Vec::new();
    let mut book = Book::default();
    for (name, bytes) in files {
        let into = &mut mistakes;
        match *name {
            "agencies.csv" => book.agencies = file(AGENCIES, bytes, agency, into),
            "treasury_accounts.csv" => {
                book.treasury_accounts = file(TREASURY_ACCOUNTS, bytes, treasury_account, into);
            }
            "procedures.csv" => book.procedures = file(PROCEDURES, bytes, procedure, into),
            "fee_lines.csv" => book.fee_lines = file(FEE_LINES, bytes, fee_line, into),
            "portals.csv" => book.portals = file(PORTALS, bytes, portal, into),
            "partners.csv" => book.partners = file(PARTNERS, bytes, partner, into),
            "collecting_accounts.csv" => {
                book.collecting_accounts =
                    file(COLLECTING_ACCOUNTS, bytes, collecting_account, into);
            }
            _ => {}
        }
    }
    (book, mistakes)
}

fn file<T>(
    columns: Columns,
    bytes: &[u8],
    read: impl Fn(&mut Cells<'_>) -> Option<T>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<Row<T>> {
    let (records, unreadable) = csv_file::read(columns, bytes);
    mistakes.extend(unreadable);
    let row = |record: &csv_file::Record| {
        read(&mut Cells::new(record, mistakes)).map(|entry| Row { line: record.line, entry })
    };
    records.iter().filter_map(row).collect()
}

// Each of these reads every cell before it gives up on the row, so that one run tells everything.

fn agency(cells: &mut Cells<'_>) -> Option<Agency> {
    let code = cells.code("code", Form::National);
    let valid_from = cells.date("valid_from");
    let name = cells.text("name");
    let name_en = cells.text_or_empty("name_en");
    let chapter = cells.code_or_none("chapter", Form::Digits(3));
    let tax_code = cells.code_or_none("tax_code", Form::Account);
    let closed = cells.yes("closed");
    Some(Agency {
        code: code?,
        valid_from: valid_from?,
        name: name?,
        name_en: name_en?,
        chapter: chapter?.unwrap_or_default(),
        tax_code: tax_code?.unwrap_or_default(),
        closed: closed?,
    })
}

fn treasury_account(cells: &mut Cells<'_>) -> Option<TreasuryAccount> {
    let agency = cells.code("agency", Form::National);
    let number = cells.code("number", Form::Account);
    let valid_from = cells.date("valid_from");
    let treasury_code = cells.code("treasury_code", Form::Digits(4));
    let treasury_name = cells.text("treasury_name");
    let bank_bin = cells.code_or_none("bank_bin", Form::Digits(6));
    let closed = cells.yes("closed");
    Some(TreasuryAccount {
        agency: agency?,
        number: number?,
        valid_from: valid_from?,
        treasury_code: treasury_code?,
        treasury_name: treasury_name?,
        bank_bin: bank_bin?.unwrap_or_default(),
        closed: closed?,
    })
}

fn procedure(cells: &mut Cells<'_>) -> Option<Procedure> {
    let code = cells.code("code", Form::National);
    let valid_from = cells.date("valid_from");
    let name = cells.text("name");
    let name_en = cells.text_or_empty("name_en");
    let notify_at = match cells.text_or_empty("notify_at").as_deref() {
        Some("") => Some(NotifyAt::Paid),
        Some(_) => cells.one_of("notify_at", NotifyAt::ALL),
        None => None,
    };
    if notify_at == Some(NotifyAt::Banked) {
        let what = "banked is not offered until bank statements are imported; use paid";
        cells.wrong("notify_at", what);
        return None;
    }
    let closed = cells.yes("closed");
    Some(Procedure {
        code: code?,
        valid_from: valid_from?,
        name: name?,
        name_en: name_en?,
        notify_at: notify_at?,
        closed: closed?,
    })
}

fn fee_line(cells: &mut Cells<'_>) -> Option<FeeLine> {
    let procedure = cells.code("procedure", Form::National);
    let line = cells.number("line", 999, None);
    let valid_from = cells.date("valid_from");
    let valid_until = cells.date_or_none("valid_until");
    if let (Some(from), Some(Some(until))) = (valid_from, valid_until)
        && until < from
    {
        cells.wrong("valid_until", "is before valid_from; it is the last day of the line");
    }
    let kind = cells.one_of("kind", FeeKind::ALL);
    let name = cells.text("name");
    let name_en = cells.text_or_empty("name_en");
    let amount = cells.dong("amount");
    let chapter = cells.code("chapter", Form::Digits(3));
    let sub_item = cells.code("sub_item", Form::Digits(4));
    let beneficiary = cells.code_or_none("beneficiary", Form::National);
    let legal_basis = cells.text_or_empty("legal_basis");
    Some(FeeLine {
        procedure: procedure?,
        line: i16::try_from(line?).ok()?,
        valid_from: valid_from?,
        valid_until: valid_until?,
        kind: kind?,
        name: name?,
        name_en: name_en?,
        amount: amount?,
        chapter: chapter?,
        sub_item: sub_item?,
        beneficiary: beneficiary?,
        legal_basis: legal_basis?,
    })
}

fn portal(cells: &mut Cells<'_>) -> Option<Portal> {
    let code = cells.code("code", Form::Address);
    let name = cells.text("name");
    let name_en = cells.text_or_empty("name_en");
    let return_origins = cells.origins("return_origins");
    let seen_as = cells.origins("seen_as");
    let calls_per_second = cells.number("calls_per_second", 100_000, Some(50));
    let closed = cells.yes("closed");
    Some(Portal {
        code: code?,
        name: name?,
        name_en: name_en?,
        return_origins: return_origins?,
        seen_as: seen_as?,
        calls_per_second: calls_per_second?,
        open: !closed?,
    })
}

fn partner(cells: &mut Cells<'_>) -> Option<PartnerEntry> {
    let code = cells.code("code", Form::Address);
    let name = cells.text("name");
    let name_en = cells.text_or_empty("name_en");
    let mut dialect = cells.text("dialect");
    if let Some(name) = dialect.take_if(|name| !dialects::NAMES.contains(&name.as_str())) {
        let known = dialects::NAMES.join(", ");
        cells.wrong("dialect", format!("{name:?} is not spoken here; use one of {known}"));
    }
    let seen_as = cells.origins("seen_as");
    let calls_per_second = cells.number("calls_per_second", 100_000, Some(200));
    let closed = cells.yes("closed");
    Some(PartnerEntry {
        code: code?,
        name: name?,
        name_en: name_en?,
        dialect: dialect?,
        seen_as: seen_as?,
        calls_per_second: calls_per_second?,
        open: !closed?,
    })
}

fn collecting_account(cells: &mut Cells<'_>) -> Option<CollectingAccount> {
    let partner = cells.code("partner", Form::Address);
    let number = cells.code("number", Form::Account);
    let valid_from = cells.date("valid_from");
    // Whether it may be empty depends on the partner's dialect: that is looked at later.
    let bin = cells.code_or_none("bin", Form::Digits(6));
    let holder = cells.text("holder");
    let agency = cells.code_or_none("agency", Form::National);
    let settling_source = cells.one_of("settling_source", SettlingSource::ALL);
    let closed = cells.yes("closed");
    Some(CollectingAccount {
        partner: partner?,
        number: number?,
        valid_from: valid_from?,
        bin: bin?.unwrap_or_default(),
        holder: holder?,
        agency: agency?,
        settling_source: settling_source?,
        closed: closed?,
    })
}
