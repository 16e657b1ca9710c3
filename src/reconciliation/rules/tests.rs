//! Every rule, what it does not do, and that the order of lines does not matter.

use super::*;
use crate::statements::read::Nature;

fn date(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn line(amount: i64) -> Line {
    Line {
        id: 1,
        statement: id(9),
        place: 1,
        nature: Nature::Payment,
        standing: Standing::Booked,
        amount: Decimal::from(amount),
        fee: Decimal::ZERO,
        value_date: date("2026-11-17"),
        transaction_id: "T1".to_owned(),
        occurrence: 1,
        order_reference: String::new(),
        batch: String::new(),
        memo: String::new(),
        counterparty: String::new(),
    }
}

fn candidate(n: u128, amount: i64, by: Found) -> Candidate {
    Candidate {
        settlement: id(n),
        invoice: Some(id(100 + n)),
        amount: Decimal::from(amount),
        account: "ACC".to_owned(),
        pay_date: date("2026-11-16"),
        taken: false,
        reversed: false,
        by,
    }
}

fn seen(of: Vec<Candidate>) -> Seen {
    let invoices = of.iter().filter(|c| c.by != Found::Transaction).filter_map(|c| c.invoice);
    Seen { invoices: invoices.collect(), settlements: of, ..Seen::default() }
}

fn batch(net: i64, named: bool) -> Batch {
    Batch {
        partner: "sample".to_owned(),
        report: id(50),
        batch: "B1".to_owned(),
        named,
        day: date("2026-11-16"),
        net: Decimal::from(net),
        fee: Decimal::ZERO,
        contract_fee: Decimal::from(300),
    }
}

struct World {
    kind: Kind,
    source: SettlingSource,
    terms: Terms,
    today: &'static str,
}

const REPORT: World = World {
    kind: Kind::Report,
    source: SettlingSource::Webhook,
    terms: Terms::NONE,
    today: "2026-11-18",
};
const ACCOUNT: World = World { kind: Kind::Account, ..REPORT };
const OWN: World = World { source: SettlingSource::Statement, ..ACCOUNT };

impl World {
    fn decide_with(&self, line: &Line, seen: &Seen, taken: &mut Taken) -> Verdict {
        let days = WorkingDays::plain();
        let ground = Ground {
            kind: self.kind,
            account: "ACC",
            currency_fits: true,
            source: self.source,
            terms: self.terms,
            today: date(self.today),
            days: &days,
        };
        decide(line, seen, &ground, taken)
    }

    fn decide(&self, line: &Line, seen: &Seen) -> Verdict {
        self.decide_with(line, seen, &mut Taken::new())
    }

    /// The rule, or the code, or the word for what becomes of it.
    fn says(&self, line: &Line, seen: &Seen) -> String {
        match self.decide(line, seen) {
            Verdict::Match { rule, suggested: false, .. } => rule.to_string(),
            Verdict::Match { rule, .. } => format!("{rule}?"),
            Verdict::Wait { code, until, .. } => format!("{code} after {until}"),
            Verdict::Case { code, amount, .. } => format!("{code} {amount}"),
            Verdict::Settle { for_invoice: true, suggest: None } => "settle".to_owned(),
            Verdict::Settle { for_invoice: true, .. } => "settle, R4?".to_owned(),
            Verdict::Settle { suggest: None, .. } => "suspense".to_owned(),
            Verdict::Settle { .. } => "suspense, R4?".to_owned(),
            Verdict::Payout => "payout".to_owned(),
            Verdict::Keep { .. } => "kept".to_owned(),
        }
    }
}

#[test]
fn r0_what_is_not_booked_is_left_out() {
    let of = || seen(vec![candidate(1, 100, Found::Transaction)]);
    let pending = Line { standing: Standing::Pending, ..line(100) };
    assert_eq!(REPORT.says(&pending, &of()), "kept");
    assert_eq!(REPORT.says(&line(0), &Seen::default()), "kept");
    let payout = Line { nature: Nature::Payout, ..line(-100) };
    assert_eq!(ACCOUNT.says(&payout, &Seen::default()), "payout");
    let days = WorkingDays::plain();
    let ground = Ground {
        kind: Kind::Account,
        account: "ACC",
        currency_fits: false,
        source: SettlingSource::Webhook,
        terms: Terms::NONE,
        today: date("2026-11-18"),
        days: &days,
    };
    let told = decide(&line(100), &of(), &ground, &mut Taken::new());
    assert!(matches!(told, Verdict::Case { code: BreakCode::AmountDiffers, .. }), "{told:?}");
}

#[test]
fn r1_the_transaction_id_and_the_amount() {
    for world in [REPORT, ACCOUNT, OWN] {
        assert_eq!(
            world.says(&line(100), &seen(vec![candidate(1, 100, Found::Transaction)])),
            "R1"
        );
    }
    // Of whatever day: the id is the partner's own.
    let old = Candidate { pay_date: date("2026-01-05"), ..candidate(1, 100, Found::Transaction) };
    assert_eq!(REPORT.says(&line(100), &seen(vec![old])), "R1");
    let other = candidate(1, 90, Found::Transaction);
    assert_eq!(REPORT.says(&line(100), &seen(vec![other])), "B03 10");
    let taken = Candidate { taken: true, ..candidate(1, 100, Found::Transaction) };
    assert_eq!(REPORT.says(&line(100), &seen(vec![taken])), "B05 100");
    let back = Candidate { reversed: true, ..candidate(1, 100, Found::Transaction) };
    assert_eq!(REPORT.says(&line(100), &seen(vec![back])), "B04 100");
    let elsewhere = Candidate { account: "X".to_owned(), ..candidate(1, 100, Found::Transaction) };
    assert_eq!(REPORT.says(&line(100), &seen(vec![elsewhere])), "B14 100");
}

#[test]
fn a_line_that_tells_of_the_same_again_is_a_duplicate() {
    let (of, mut taken) = (seen(vec![candidate(1, 100, Found::Transaction)]), Taken::new());
    let first = REPORT.decide_with(&line(100), &of, &mut taken);
    assert!(matches!(first, Verdict::Match { .. }), "{first:?}");
    let second = REPORT.decide_with(&Line { id: 2, ..line(100) }, &of, &mut taken);
    assert!(matches!(second, Verdict::Case { code: BreakCode::Duplicate, .. }), "{second:?}");
}

#[test]
fn r2_our_reference_within_the_days_and_only_one() {
    let of = |n| candidate(n, 100, Found::Reference);
    assert_eq!(REPORT.says(&line(100), &seen(vec![of(1)])), "R2");
    let late = Candidate { pay_date: date("2026-11-09"), ..of(1) };
    assert_eq!(REPORT.says(&line(100), &seen(vec![late])), "B15 100");
    let ahead = Candidate { pay_date: date("2026-11-18"), ..of(1) };
    assert_eq!(REPORT.says(&line(100), &seen(vec![ahead])), "B15 100");
    // One invoice paid twice, and nothing that tells the two apart.
    let same = |n| Candidate { invoice: Some(id(101)), ..of(n) };
    assert_eq!(REPORT.says(&line(100), &seen(vec![same(1), same(2)])), "B08 100");
    let used = Candidate { taken: true, ..same(1) };
    assert_eq!(REPORT.says(&line(100), &seen(vec![used, same(2)])), "R2", "the other one is left");
    // The partner's id goes before our reference.
    let both = vec![candidate(3, 100, Found::Transaction), of(1)];
    let Verdict::Match { rule, with, .. } = REPORT.decide(&line(100), &seen(both)) else {
        panic!("no match")
    };
    assert_eq!((rule, with), (Rule::Transaction, With::Settlements(vec![(id(3), 100.into())])));
}

#[test]
fn r3_the_code_in_the_text_of_exactly_one_invoice() {
    let of = |n| candidate(n, 100, Found::Code);
    assert_eq!(ACCOUNT.says(&line(100), &seen(vec![of(1)])), "R3");
    assert_eq!(ACCOUNT.says(&line(100), &seen(vec![of(1), of(2)])), "B08 100");
    assert_eq!(ACCOUNT.says(&line(90), &seen(vec![of(1)])), "B03 10");
}

#[test]
fn r4_a_dossier_is_only_ever_suggested() {
    let known = |n: u128| Seen { dossiers: (0..n).map(id).collect(), ..Seen::default() };
    assert_eq!(ACCOUNT.says(&line(100), &known(1)), "suspense, R4?");
    assert_eq!(ACCOUNT.says(&line(100), &known(2)), "suspense");
    assert_eq!(OWN.says(&line(100), &known(1)), "settle, R4?");
    assert_eq!(OWN.says(&line(100), &known(0)), "settle");
}

#[test]
fn r5_to_r7_a_batch_is_one_credit_to_the_dong() {
    let lump = |amount| Line { nature: Nature::Lump, ..line(amount) };
    let of = |batches: &[Batch]| Seen { batches: batches.to_vec(), ..Seen::default() };
    assert_eq!(ACCOUNT.says(&lump(10_000), &of(&[batch(10_000, true)])), "R5");
    // The fee of the contract, and the report states none.
    assert_eq!(ACCOUNT.says(&lump(9_700), &of(&[batch(10_000, true)])), "R7");
    let stated = Batch { fee: 300.into(), ..batch(10_000, true) };
    assert_eq!(ACCOUNT.says(&lump(9_700), &of(&[stated])), "B09 300", "it was taken off already");
    assert_eq!(ACCOUNT.says(&lump(9_999), &of(&[batch(10_000, true)])), "B09 1");
    assert_eq!(ACCOUNT.says(&lump(10_001), &of(&[batch(10_000, true)])), "B10 1");
    assert_eq!(ACCOUNT.says(&lump(10_000), &of(&[batch(10_000, false)])), "R6?");
    let other = Batch { report: id(51), ..batch(10_000, false) };
    assert_eq!(
        ACCOUNT.says(&lump(10_000), &of(&[batch(10_000, false), other.clone()])),
        "B08 10000"
    );
    let other = Batch { named: true, ..other };
    assert_eq!(ACCOUNT.says(&lump(10_000), &of(&[batch(10_000, true), other])), "B08 10000");
    let old = Batch { day: date("2026-11-02"), ..batch(10_000, false) };
    assert_eq!(ACCOUNT.says(&lump(10_000), &of(&[old])), "B07 10000");
    assert_eq!(ACCOUNT.says(&lump(10_000), &Seen::default()), "B07 10000");
    // A batch is paid once in a run.
    let (mut taken, seen) = (Taken::new(), of(&[batch(10_000, true)]));
    ACCOUNT.decide_with(&lump(10_000), &seen, &mut taken);
    let again = ACCOUNT.decide_with(&lump(10_000), &seen, &mut taken);
    assert!(matches!(again, Verdict::Case { code: BreakCode::Unknown, .. }), "{again:?}");
}

#[test]
fn r7_a_fee_that_is_not_the_contracts_is_told_beside_the_match() {
    let terms = Terms { fixed: 10.into(), ..Terms::NONE };
    let world = World { terms, ..REPORT };
    let of = seen(vec![candidate(1, 100, Found::Transaction)]);
    let also = |fee: i64| match world.decide(&Line { fee: fee.into(), ..line(100) }, &of) {
        Verdict::Match { also, .. } => also,
        other => panic!("{other:?}"),
    };
    assert_eq!((also(0), also(10)), (None, None));
    assert_eq!(also(12), Some((BreakCode::FeeDiffers, 2.into())));
    assert_eq!(also(7), Some((BreakCode::FeeDiffers, 3.into())));
}

#[test]
fn r8_what_goes_back_needs_its_original() {
    let back = |what, amount: i64, taken| Seen {
        backs: vec![Back { id: id(7), what, amount: amount.into(), taken }],
        ..Seen::default()
    };
    let refund = Line { nature: Nature::Refund, ..line(-100) };
    let sent = Out::Refund { on_its_way: true };
    assert_eq!(ACCOUNT.says(&refund, &back(sent.clone(), 100, false)), "R8");
    assert_eq!(ACCOUNT.says(&refund, &back(sent.clone(), 90, false)), "B03 100");
    assert_eq!(ACCOUNT.says(&refund, &back(sent.clone(), 100, true)), "B05 100");
    assert_eq!(ACCOUNT.says(&refund, &Seen::default()), "B12 100");
    let ordered = Line { nature: Nature::Payout, ..line(-100) };
    assert_eq!(
        ACCOUNT.says(&ordered, &back(sent.clone(), 100, false)),
        "R8",
        "a refund by transfer"
    );
    let reversal = Line { nature: Nature::Reversal, ..line(-100) };
    assert_eq!(ACCOUNT.says(&reversal, &back(Out::Original, 100, false)), "R8");
    assert_eq!(ACCOUNT.says(&reversal, &back(sent, 100, false)), "B13 100", "a refund is none");
    assert_eq!(ACCOUNT.says(&reversal, &Seen::default()), "B13 100");
    let mut told = back(Out::Original, 100, false);
    told.backs.push(Back { id: id(8), what: Out::Reversal, amount: 100.into(), taken: false });
    let Verdict::Match { with, .. } = ACCOUNT.decide(&reversal, &told) else { panic!("no match") };
    assert_eq!(with, With::Reversal(id(8)), "what was told before goes first");
    assert_eq!(ACCOUNT.says(&line(-100), &Seen::default()), "B12 100", "money that just leaves");
}

#[test]
fn r9_the_codes_of_one_transfer_add_up() {
    let of = |n, amount| candidate(n, amount, Found::Code);
    let cart = seen(vec![of(1, 60), of(2, 40)]);
    assert_eq!(ACCOUNT.says(&line(100), &cart), "R9");
    assert_eq!(REPORT.says(&line(100), &cart), "B08 100", "a report tells of single payments");
    assert_eq!(ACCOUNT.says(&line(101), &cart), "B08 101");
    let mut unclear = cart.clone();
    unclear.settlements.push(Candidate { invoice: Some(id(101)), ..of(3, 60) });
    assert_eq!(ACCOUNT.says(&line(100), &unclear), "B08 100", "which of the two of one invoice?");
    let nobody = Seen { invoices: [id(1), id(2)].into(), ..Seen::default() };
    assert_eq!(ACCOUNT.says(&line(100), &nobody), "settle", "suspense, as ambiguous");
}

#[test]
fn r10_is_off_unless_a_contract_says_otherwise_and_never_without_a_person() {
    let lump = Line { nature: Nature::Lump, ..line(9_995) };
    let of = Seen { batches: vec![batch(10_000, true)], ..Seen::default() };
    assert_eq!(ACCOUNT.says(&lump, &of), "B09 5");
    let tolerant = World { terms: Terms { tolerance: 5.into(), ..Terms::NONE }, ..ACCOUNT };
    assert_eq!(tolerant.says(&lump, &of), "R10?");
    let more = Line { amount: 9_994.into(), ..lump };
    assert_eq!(tolerant.says(&more, &of), "B09 6");
}

#[test]
fn what_nobody_told_us_waits_for_its_window_and_is_a_case_then() {
    let named = Seen { invoices: [id(1)].into(), ..Seen::default() };
    for world in [&REPORT, &ACCOUNT] {
        assert_eq!(world.says(&line(100), &named), "B02 after 2026-11-20");
    }
    let over = World { today: "2026-11-21", ..REPORT };
    assert_eq!(over.says(&line(100), &named), "B02 100");
    assert_eq!(REPORT.says(&line(100), &Seen::default()), "B02 after 2026-11-20");
    assert_eq!(ACCOUNT.says(&line(100), &Seen::default()), "suspense");
    assert_eq!(OWN.says(&line(100), &named), "settle", "this statement is the word itself");
    let failed = Seen { order_failed: true, ..named };
    assert_eq!(REPORT.says(&line(100), &failed), "B04 100");
}

#[test]
fn a_payment_that_failed_there_is_a_case_only_when_it_is_paid_here() {
    let failed = Line { standing: Standing::Failed, ..line(100) };
    assert_eq!(REPORT.says(&failed, &Seen::default()), "kept");
    assert_eq!(REPORT.says(&failed, &seen(vec![candidate(1, 100, Found::Transaction)])), "B04 100");
}

#[test]
fn the_order_of_lines_does_not_matter() {
    // Three lines contend for two settlements of one invoice; ids and amounts decide, not the file.
    let of =
        |n, amount| Candidate { invoice: Some(id(101)), ..candidate(n, amount, Found::Reference) };
    let known = seen(vec![of(1, 100), of(2, 70)]);
    let lines = [
        Line { id: 3, place: 3, ..line(100) },
        Line { id: 1, place: 1, value_date: date("2026-11-18"), ..line(100) },
        Line { id: 2, place: 2, ..line(70) },
    ];
    let outcome = |order: [usize; 3]| {
        let mut of: Vec<Line> = order.iter().map(|n| lines[*n].clone()).collect();
        in_order(&mut of);
        let mut taken = Taken::new();
        let mut said: Vec<(i64, Verdict)> =
            of.iter().map(|line| (line.id, REPORT.decide_with(line, &known, &mut taken))).collect();
        said.sort_by_key(|(id, _)| *id);
        said
    };
    let first = outcome([0, 1, 2]);
    for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        assert_eq!(outcome(order), first, "{order:?}");
    }
    assert!(
        matches!(first[0].1, Verdict::Case { code: BreakCode::Duplicate, .. }),
        "the later day"
    );
}
