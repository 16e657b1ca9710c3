use super::*;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + Duration::seconds(seconds)
}

fn order(amount: u64) -> Order {
    Order {
        reference: "PG1ABCD".to_owned(),
        code: "PG0000000000001V".parse().unwrap_or_else(|_| {
            use rand::SeedableRng;
            InvoiceCode::draw(&mut rand::rngs::StdRng::seed_from_u64(5))
        }),
        amount: Money::vnd(amount),
        created_at: at(0),
        expires_at: at(900),
        return_url: String::new(),
        page_url: String::new(),
        callback_url: String::new(),
        payer_ip: "0.0.0.0".to_owned(),
        language: "vi",
    }
}

/// The bank's words at a time: the amounts that it collected, or what else it says.
fn words(amount: u64, seconds: i64) -> String {
    let order = order(amount);
    let Some(call) = TestBank.ask_query(&order, at(seconds), 0) else { return String::new() };
    assert_eq!(call.method, NO_CALL);
    match TestBank.hear_query(&order, Answer { status: 200, body: &call.body }) {
        Standing::Collected(reports) => {
            let mut ids: Vec<_> = reports.iter().map(|r| r.transaction_id.clone()).collect();
            ids.dedup();
            assert_eq!(ids.len(), reports.len(), "each transaction has an id of its own");
            let amounts: Vec<_> = reports.iter().map(|r| r.amount.to_string()).collect();
            amounts.join("+")
        }
        Standing::Waiting(_) => "waiting".to_owned(),
        Standing::Failed { code } => format!("failed {code}"),
        Standing::NotFound => "not found".to_owned(),
        Standing::Unknown { .. } => "unknown".to_owned(),
    }
}

#[test]
fn the_amount_says_what_happens_and_when() {
    for (amount, young, grown, old, ended) in [
        (50_000, "waiting", "50000", "50000", "50000"),
        (50_001, "waiting", "waiting", "waiting", "waiting"),
        (50_002, "waiting", "failed 24", "failed 24", "failed 24"),
        (50_003, "waiting", "unknown", "50003", "50003"),
        (50_004, "waiting", "unknown", "failed 99", "failed 99"),
        (50_005, "waiting", "50005+50005", "50005+50005", "50005+50005"),
        (50_006, "waiting", "49006", "49006", "49006"),
        (50_007, "waiting", "51007", "51007", "51007"),
        (50_008, "waiting", "waiting", "waiting", "50008"),
        (50_009, "waiting", "49009+1000", "49009+1000", "49009+1000"),
        (50_010, "waiting", "not found", "not found", "not found"),
        (6, "waiting", "1", "1", "1"),
    ] {
        let told = [1, 2, 20, 900].map(|seconds| words(amount, seconds));
        assert_eq!(told, [young, grown, old, ended], "{amount}");
    }
}

#[test]
fn an_answer_that_is_none_leaves_everything_unknown() {
    let heard = TestBank.hear_query(&order(50_000), Answer { status: 200, body: b"rubbish" });
    assert!(matches!(heard, Standing::Unknown { .. }));
}

#[test]
fn one_order_is_refused_and_one_cannot_be_taken_back() {
    let none = Answer { status: 200, body: b"" };
    let created = |amount| TestBank.hear_create(&order(amount), none);
    assert_eq!(created(10), Created::Refused { code: "05".to_owned() });
    assert!(matches!(created(50_000), Created::Ready(_)));
    assert_eq!(TestBank.hear_cancel(&order(50_008), none), Cancelled::TooLate);
    assert_eq!(TestBank.hear_cancel(&order(50_001), none), Cancelled::Done);
}

#[test]
fn a_refund_is_given_at_once_later_or_not_at_all() {
    let refund = |amount| RefundOrder {
        reference: "RF1".to_owned(),
        order: order(50_000),
        transaction_id: "TEST-PG1ABCD".to_owned(),
        amount: Money::vnd(amount),
        whole: false,
        created_at: at(0),
        requested_by: "an".to_owned(),
    };
    let none = Answer { status: 200, body: b"" };
    let asked = |amount, seconds| {
        let call = TestBank.ask_refund_query(&refund(amount), at(seconds), 0);
        let body = call.map(|call| call.body).unwrap_or_default();
        TestBank.hear_refund_query(&refund(amount), Answer { status: 200, body: &body })
    };
    let confirmed = Refunding::Confirmed { partner_refund: Some("TEST-RF1".to_owned()) };
    assert_eq!(TestBank.hear_refund(&refund(10_000), none), confirmed);
    assert_eq!(TestBank.hear_refund(&refund(10_003), none), Refunding::Processing);
    assert_eq!(asked(10_003, 19), Refunding::Processing);
    assert_eq!(asked(10_003, 20), confirmed);
    let refused = Refunding::Refused { code: "05".to_owned() };
    assert_eq!(TestBank.hear_refund(&refund(10_002), none), refused);
    assert_eq!(asked(10_002, 60), refused);
}
