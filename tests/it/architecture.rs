//! The house rules, checked on the source itself: rooms and floors, who writes which table, where
//! transactions begin, where statements stand.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// From the top down. Imports point to a lower floor or stay in the room.
const FLOORS: &[&[&str]] = &[
    &["app", "main", "commands"],
    &["desk"],
    &["operations"],
    &["compat"],
    &["days", "statistics"],
    &["counter", "notices", "payover"],
    &["resolutions"],
    &["reconciliation"],
    &["statements"],
    &["dispatch", "mail", "refunds"],
    &["receipts"],
    &["settlements"],
    &["invoices"],
    &["breaks"],
    &["callers"],
    &["registers"],
    &["approvals"],
    &["portals", "partners", "people", "ledger"],
    &["platform"],
    &["vocabulary"],
];

/// Only its owner writes a table.
const OWNERS: &[(&str, &[&str])] = &[
    (
        "platform",
        &[
            "answer",
            "audit",
            "directory_version",
            "due",
            "event",
            "event_batch",
            "inbox",
            "lease",
            "nonce",
            "outbox",
            "watermark",
        ],
    ),
    (
        "ledger",
        &[
            "ledger.account",
            "ledger.balance_snapshot",
            "ledger.closed_day",
            "ledger.locked_month",
            "ledger.reopened_day",
            "ledger.entry",
            "ledger.posting",
        ],
    ),
    ("portals", &["endpoint", "portal"]),
    (
        "partners",
        &["certification", "collecting_account", "partner", "partner_exchange", "partner_opening"],
    ),
    (
        "registers",
        &[
            "agency",
            "fee_line",
            "holiday",
            "procedure",
            "receipt_range",
            "register_load",
            "register_waiting",
            "treasury_account",
        ],
    ),
    ("people", &["delegation", "person", "person_role", "session"]),
    ("approvals", &["approval"]),
    ("callers", &["caller_key"]),
    ("invoices", &["attempt", "claim", "invoice"]),
    ("breaks", &["break_case", "break_comment", "break_evidence", "break_step"]),
    ("resolutions", &["break_resolution"]),
    ("settlements", &["placement", "reversal", "settlement", "settlement_banked"]),
    ("refunds", &["line_in_payover", "line_paid_over", "refund", "refund_account", "refund_batch"]),
    (
        "reconciliation",
        &[
            "match",
            "match_confirmation",
            "match_side",
            "matching",
            "matching_entry",
            "missing_upto",
            "open_line",
            "partner_fee",
            "report_batch",
            "unmatch",
        ],
    ),
    (
        "statements",
        &[
            "opening_balance",
            "report_mapping",
            "statement",
            "statement_file",
            "statement_file_piece",
            "statement_line",
        ],
    ),
    ("mail", &["mail", "mail_progress"]),
    ("receipts", &["receipt", "receipt_key", "receipt_progress", "receipt_step", "receipt_task"]),
    ("statistics", &["statistic_day", "statistic_notice", "statistic_progress"]),
    ("notices", &["delivery"]),
    ("payover", &["day_position", "payover", "payover_item", "payover_line"]),
    ("days", &["business_day", "day_preparation", "day_snapshot", "missing_file", "signing_key"]),
    ("compat", &["compat_payment", "compat_portal"]),
];

/// Files, besides `store.rs` and `store/`, that hold statements, each with its reason.
const STATEMENTS_ELSEWHERE: &[(&str, &str)] = &[
    ("invoices/claim.rs", "all of one table that has rules of its own"),
    ("partners/exchange.rs", "all of one table that is only kept"),
    ("ledger/verify.rs", "one snapshot over all of the ledger's tables"),
    ("commands/", "checks and figures over several rooms' tables; they write none"),
    ("platform/", "the machinery; each file owns its table"),
];

/// Double entry's own words, told at the head of their file.
const SELF_EXPLAINING: &[&str] = &["ledger.account", "ledger.entry", "ledger.posting"];

/// Rooms where an amount may be met.
const NO_FLOATS: &[&str] = &[
    "vocabulary",
    "ledger",
    "invoices",
    "settlements",
    "refunds",
    "reconciliation",
    "statements",
    "payover",
];

struct Source {
    /// Below `src/`, with `/`.
    path: String,
    room: String,
    found: Found,
}

/// What a file holds, outside its tests unless told otherwise.
#[derive(Default)]
struct Found {
    /// Where inside the crate the code under the visitor stands.
    module: Vec<String>,
    /// Paths into this crate, also of tests: a test that looks up is as tangled.
    imports: BTreeSet<String>,
    texts: Vec<String>,
    /// Identifiers anywhere, also inside macros.
    words: BTreeSet<String>,
    calls: BTreeSet<String>,
    macros: BTreeSet<String>,
    in_tests: u32,
}

impl Found {
    /// `a::b::c` with `crate`, `self` and `super` resolved; other crates are left out.
    fn import(&mut self, segments: &[String]) {
        let Some(first) = segments.first() else { return };
        let mut full = match first.as_str() {
            "crate" | "payclear" => Vec::new(),
            "self" | "super" => self.module.clone(),
            _ => return,
        };
        for segment in segments {
            match segment.as_str() {
                "crate" | "payclear" | "self" => {}
                "super" => drop(full.pop()),
                other => full.push(other.to_owned()),
            }
        }
        self.imports.insert(full.join("::"));
    }

    fn use_tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |ident: &syn::Ident| {
            let mut path = before.to_vec();
            path.push(ident.to_string());
            path
        };
        match tree {
            syn::UseTree::Path(path) => self.use_tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.import(&with(&name.ident)),
            syn::UseTree::Rename(name) => self.import(&with(&name.ident)),
            syn::UseTree::Glob(_) => self.import(before),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.use_tree(before, tree));
            }
        }
    }

    /// What stands in a macro or an attribute is not parsed: paths, words and texts are picked out.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for tree in tokens {
            match tree {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.import(&std::mem::take(&mut path));
                    }
                    path.push(ident.to_string());
                    colons = 0;
                    if self.in_tests == 0 {
                        self.words.insert(ident.to_string());
                    }
                    continue;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && colons < 2 => {
                    colons += 1;
                    continue;
                }
                TokenTree::Literal(literal) => {
                    let text = syn::parse_str::<syn::LitStr>(&literal.to_string());
                    if let (Ok(text), 0) = (text, self.in_tests) {
                        self.texts.push(text.value());
                    }
                }
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Punct(_) => {}
            }
            self.import(&std::mem::take(&mut path));
            colons = 0;
        }
        self.import(&path);
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|given| given == "test")
    })
}

impl<'ast> Visit<'ast> for Found {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.use_tree(&[], &item.tree);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let test = u32::from(is_test(&item.attrs));
        self.in_tests += test;
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
        self.in_tests -= test;
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        self.import(&segments);
        visit::visit_path(self, path);
    }

    fn visit_ident(&mut self, ident: &'ast syn::Ident) {
        if self.in_tests == 0 {
            self.words.insert(ident.to_string());
        }
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if self.in_tests == 0 {
            self.calls.insert(call.method.to_string());
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        if self.in_tests == 0 {
            self.texts.push(text.value());
        }
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if let (Some(last), 0) = (call.path.segments.last(), self.in_tests) {
            self.macros.insert(last.ident.to_string());
        }
        self.visit_path(&call.path);
        self.tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        // Prose may name what it likes.
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(folder: &Path, into: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).expect("a folder");
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files_below(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

fn text_of(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a text file")
}

/// Every file of `src/`, read once.
static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(read_sources);

fn read_sources() -> Vec<Source> {
    let src = root().join("src");
    let mut files = Vec::new();
    files_below(&src, &mut files);
    files.sort();
    let read = |file: PathBuf| {
        let below = file.strip_prefix(&src).expect("below src");
        let path = below.to_string_lossy().replace('\\', "/");
        let stem = path.trim_end_matches(".rs").trim_end_matches("/mod");
        let module: Vec<String> = stem.split('/').map(str::to_owned).collect();
        let room = module[0].clone();
        let in_tests = u32::from(stem.ends_with("tests") || stem.ends_with("vectors"));
        let mut found = Found { module, in_tests, ..Found::default() };
        if room == "lib" {
            found.module.clear();
        }
        let parsed = syn::parse_file(&text_of(&file)).expect("Rust that parses");
        found.visit_file(&parsed);
        Source { path, room, found }
    };
    files.into_iter().map(read).collect()
}

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&room))
}

/// Fails with all that was found, one line each.
fn none(found: &[String]) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn imports_point_downwards() {
    let rooms: BTreeSet<&str> = SOURCES.iter().map(|source| source.room.as_str()).collect();
    let homeless = rooms.iter().filter(|room| **room != "lib" && floor_of(room).is_none());
    none(&homeless.map(|room| format!("{room} stands on no floor")).collect::<Vec<_>>());
    let mut upwards = Vec::new();
    for Source { path, room, found } in SOURCES.iter() {
        let Some(floor) = floor_of(room) else { continue };
        for import in &found.imports {
            let target = import.split("::").next().unwrap_or_default();
            let Some(at) = floor_of(target) else { continue };
            // The rooms of the uppermost floor are the wiring and what starts it.
            if target != *room && at <= floor && floor != 0 {
                upwards.push(format!("{path}: {import} is not below {room}"));
            }
        }
    }
    none(&upwards);
}

#[test]
fn an_import_that_points_upwards_is_seen_wherever_it_stands() {
    let seen = |text: &str| {
        let module = vec!["platform".to_owned(), "outbox".to_owned()];
        let mut found = Found { module, ..Found::default() };
        found.visit_file(&syn::parse_str(text).expect("Rust"));
        found.imports.into_iter().any(|path| path.starts_with("invoices"))
    };
    assert!(seen("use crate::invoices::issue;"));
    assert!(seen("use crate::{vocabulary::ids, invoices::{self, issue}};"));
    assert!(seen("use super::super::invoices::status::Status as S;"));
    assert!(seen("fn f(x: &crate::invoices::invoice::Invoice) {}"));
    assert!(seen("fn f() { let x = crate::invoices::store::f(); }"));
    assert!(seen("fn f() { tracing::info!(x = %crate::invoices::X, \"y\"); }"));
    assert!(seen("#[schema(value_type = crate::invoices::view::V)] struct S;"));
    assert!(seen("#[cfg(test)] mod tests { use crate::invoices::issue; }"));
    assert!(!seen("/// As in [`crate::invoices`].\nfn f() { let invoices = 1; }"));
    assert!(!seen("use super::invoices::x;"), "platform::invoices is below");
}

/// The tables that a text writes; texts that are no statement write none.
fn written(text: &str) -> Vec<String> {
    let words: Vec<String> = text
        .split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | ';'))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let at = |place: usize| words.get(place).map_or("", String::as_str);
    let mut tables = Vec::new();
    for place in 0..words.len() {
        let table = match (at(place), at(place + 1)) {
            ("insert", "into") | ("delete", "from") | ("truncate", "table") => at(place + 2),
            ("truncate", table) => table,
            // `for update`, `on conflict do update` and `for no key update` name no table.
            ("update", table)
                if !["set", "update"].contains(&table)
                    && (at(place + 2) == "set" || at(place + 3) == "set") =>
            {
                table
            }
            _ => continue,
        };
        tables.push(table.trim_start_matches("public.").to_owned());
    }
    tables
}

#[test]
fn a_table_is_written_by_its_owner_alone() {
    assert_eq!(
        written("with x as (insert into a (b) values (1)) update c d set e = 1"),
        ["a", "c"]
    );
    assert_eq!(written("select 1 from a order by b for update skip locked"), [""; 0]);
    assert_eq!(written("(select 1 from a for no key update) update b set c = 1"), ["b"]);
    assert_eq!(written("insert into a values (1) on conflict (b) do update set c = 1"), ["a"]);
    let owner_of = |table: &str| {
        OWNERS.iter().find(|(_, tables)| tables.contains(&table)).map(|(room, _)| *room)
    };
    let mut wrong = Vec::new();
    for Source { path, room, found } in SOURCES.iter() {
        for table in found.texts.iter().flat_map(|text| written(text)) {
            match owner_of(&table) {
                Some(owner) if owner == *room => {}
                Some(owner) => wrong.push(format!("{path} writes {table}, which is of {owner}")),
                None => wrong.push(format!("{path} writes {table}, which has no owner")),
            }
        }
    }
    none(&wrong);
}

#[test]
fn statements_stand_in_stores() {
    let is_store = |path: &str| {
        path.ends_with("/store.rs")
            || path.contains("/store/")
            || STATEMENTS_ELSEWHERE.iter().any(|(place, _)| path.starts_with(place))
    };
    let macros = ["query", "query_as", "query_scalar", "query_unchecked", "query_file"];
    none(
        &SOURCES
            .iter()
            .filter(|s| !is_store(&s.path) && macros.iter().any(|m| s.found.macros.contains(*m)))
            .map(|s| format!("{} holds a statement", s.path))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn transactions_begin_in_use_cases() {
    let never = ["store.rs", "status.rs", "mod.rs", "http.rs", "consumer.rs", "view.rs"];
    let mut wrong = Vec::new();
    for Source { path, found, .. } in SOURCES.iter() {
        let store = path.contains("/store/");
        let file = path.rsplit('/').next().unwrap_or_default();
        if found.calls.contains("begin") && (store || never.contains(&file)) {
            wrong.push(format!("{path} begins a transaction"));
        }
    }
    none(&wrong);
}

#[test]
fn text_becomes_a_statement_in_one_file_only() {
    none(
        &SOURCES
            .iter()
            .filter(|s| s.path != "platform/database.rs" && s.found.words.contains("AssertSqlSafe"))
            .map(|s| format!("{} builds SQL from text", s.path))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn nothing_is_left_undone_or_unwrapped() {
    let mut wrong = Vec::new();
    for Source { path, found, .. } in SOURCES.iter() {
        for undone in ["todo", "unimplemented", "dbg"] {
            if found.macros.contains(undone) {
                wrong.push(format!("{path}: {undone}!"));
            }
        }
        for call in ["unwrap", "unwrap_err", "unwrap_unchecked"] {
            if found.calls.contains(call) {
                wrong.push(format!("{path}: .{call}()"));
            }
        }
    }
    none(&wrong);
}

#[test]
fn no_float_comes_near_money() {
    none(
        &SOURCES
            .iter()
            .filter(|s| NO_FLOATS.contains(&s.room.as_str()))
            .filter(|s| s.found.words.contains("f32") || s.found.words.contains("f64"))
            .map(|s| format!("{} knows floats", s.path))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn every_room_introduces_itself() {
    let mut silent = Vec::new();
    for Source { path, .. } in SOURCES.iter() {
        let text = text_of(&root().join("src").join(path));
        let prose = text.lines().take_while(|line| line.starts_with("//!")).count();
        let least = match path.as_str() {
            room if room.ends_with("/mod.rs") && room.matches('/').count() == 1 => 3,
            tests if tests.ends_with("tests.rs") => 0,
            _ => 1,
        };
        if prose < least {
            silent.push(format!("{path} opens with {prose} lines of prose, not {least}"));
        }
    }
    none(&silent);
}

#[test]
fn every_migration_explains_itself() {
    let mut silent = Vec::new();
    for entry in std::fs::read_dir(root().join("migrations")).expect("migrations") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|e| e != "sql") {
            continue;
        }
        let (text, name) = (text_of(&path), path.file_name().expect("a name").to_string_lossy());
        if !text.starts_with("-- ") {
            silent.push(format!("{name} does not open with what it is for"));
        }
        let mut before = "";
        for line in text.lines() {
            let makes = line.starts_with("create table ") && !line.contains(" partition of ");
            let plain = SELF_EXPLAINING.iter().any(|table| line.contains(table));
            if makes && !plain && !before.starts_with("--") {
                silent.push(format!("{name}: no word on {line}"));
            }
            before = line;
        }
    }
    none(&silent);
}

/// Printed for the reviewer, not failed: `cargo test --test it sizes -- --nocapture`.
#[test]
fn sizes_are_told() {
    let mut files = Vec::new();
    for folder in ["src", "tests", "bank-simulators"] {
        files_below(&root().join(folder), &mut files);
    }
    let mut sizes: Vec<usize> = Vec::new();
    for file in files {
        let lines = text_of(&file).lines().count();
        sizes.push(lines);
        if lines > 600 {
            println!("{}: {lines} lines", file.strip_prefix(root()).unwrap_or(&file).display());
        }
    }
    sizes.sort_unstable();
    println!("{} files, median {} lines", sizes.len(), sizes[sizes.len() / 2]);
}
