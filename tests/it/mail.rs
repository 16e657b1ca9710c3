//! Confirmations by mail: asked for or by themselves, through a queue that outlives a server that is
//! away, to nobody twice, with nothing left of the address.

use chrono::Duration;
use payclear::operations::sweeps::Sweep;
use serde_json::{Value, json};

use crate::support::mail_catcher::MailCatcher;
use crate::support::{Answer, Plan, Town, answer_of, sequenced, text};

async fn town(catcher: &MailCatcher) -> Town {
    Town::of(Plan {
        roles: &[],
        with_simulators: false,
        amqp_url: None,
        settings: json!({ "mail": {
            "server": catcher.address, "security": "plain",
            "from": "Thanh toán <pay@example.vn>", "retry_seconds": [60, 300], "try_seconds": 5,
        } }),
    })
    .await
}

async fn paid(town: &Town, transaction: &str, more: &Value) -> Value {
    let invoice = town.issue_with(100_000, more).await;
    assert_eq!(town.settle(transaction, 100_000, text(&invoice, "code")).await, "applied");
    invoice
}

async fn leaves(town: &Town, invoice: &Value, address: &str) -> Answer {
    let body: String =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("email", address).finish();
    let request = town.http.post(format!("{}/mail", text(invoice, "pay_url")));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    answer_of(request.body(body)).await
}

async fn sends(town: &Town) -> usize {
    town.app.mailing().expect("there is a server").send_due().await.expect("it looks")
}

/// State, tries, and whether an address is kept.
async fn rows(town: &Town) -> Vec<(String, i32, bool)> {
    sqlx::query_as("select state, tries, address_sealed is not null from mail order by mail_id")
        .fetch_all(&town.pool)
        .await
        .expect("the mails")
}

fn is(state: &str, tries: i32, kept: bool) -> (String, i32, bool) {
    (state.to_owned(), tries, kept)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payer_leaves_an_address_and_gets_the_way_back_to_the_page() {
    let catcher = MailCatcher::start().await;
    let town = town(&catcher).await;
    let open = town.issue(100_000).await;
    assert_eq!(leaves(&town, &open, "an@example.vn").await.status, 303);
    assert_eq!(town.count("mail").await, 0, "nothing is confirmed that is not paid");

    let invoice = paid(&town, "T1", &json!({})).await;
    let page = town.browse(text(&invoice, "pay_url")).await.text();
    assert!(page.contains("name=\"email\"") && page.contains("/mail\""), "{page}");
    let wrong = leaves(&town, &invoice, "an@example.vn, b@example.vn").await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text().contains("id=\"email-error\"") && wrong.text().contains("Lỗi: "));
    let answer = leaves(&town, &invoice, "an@example.vn").await;
    assert_eq!(answer.status, 303);
    let told = answer.headers["location"].to_str().expect("an address");
    let page = town.browse(&format!("{}{told}", town.url)).await.text();
    assert!(page.contains("Nếu địa chỉ đúng"), "{page}");
    let sealed: Vec<u8> = sqlx::query_scalar("select address_sealed from mail")
        .fetch_one(&town.pool)
        .await
        .expect("a mail");
    assert!(!String::from_utf8_lossy(&sealed).contains("example.vn"), "it is sealed");

    assert_eq!(sends(&town).await, 1);
    assert_eq!(rows(&town).await, [is("sent", 1, false)]);
    assert_eq!(sends(&town).await, 0);
    let [mail] = &catcher.caught()[..] else { panic!("{:?}", catcher.caught()) };
    assert_eq!(
        (&*mail.from, &mail.to[..]),
        ("<pay@example.vn>", &["<an@example.vn>".to_owned()][..])
    );
    assert_eq!(mail.header("auto-submitted"), "auto-generated");
    assert!(mail.header("message-id").ends_with("@127.0.0.1>"), "{}", mail.data);
    let body = mail.text();
    for words in [text(&invoice, "pay_url"), text(&invoice, "code"), "100.000", "not a receipt"] {
        assert!(body.contains(words), "no {words} in {body}");
    }
    assert!(!body.contains("Nguyễn") && !body.contains(text(&invoice, "dossier")), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_can_have_strangers_written_to_again_and_again() {
    let catcher = MailCatcher::start().await;
    let town = town(&catcher).await;
    let invoice = paid(&town, "T1", &json!({})).await;
    let mut told = Vec::new();
    for n in 0..5 {
        let answer = leaves(&town, &invoice, &format!("a{n}@example.vn")).await;
        let place = answer.headers["location"].to_str().expect("an address").to_owned();
        told.push(place.rsplit_once("told=").expect("told").1.to_owned());
    }
    assert_eq!(told, ["mailed", "mailed", "mailed", "mail-enough", "mail-enough"]);
    assert_eq!(town.count("mail").await, 3);
    town.clock.turn(Duration::days(1) + Duration::minutes(1));
    let answer = leaves(&town, &invoice, "b@example.vn").await;
    assert!(answer.headers["location"].to_str().expect("text").ends_with("told=mailed"));

    // An address that asks all the time is told to wait, in words.
    let mut last = 303;
    for _ in 0..30 {
        let answer = leaves(&town, &invoice, "no address").await;
        last = answer.status;
        if last == 429 {
            assert!(answer.headers.contains_key("retry-after"));
            assert!(answer.text().contains("chờ một phút"), "{}", answer.text());
            break;
        }
    }
    assert_eq!(last, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_waits_for_a_server_that_is_away_and_is_given_up_when_it_is_refused() {
    let catcher = MailCatcher::start().await;
    let town = town(&catcher).await;
    let invoice = paid(&town, "T1", &json!({})).await;
    leaves(&town, &invoice, "an@example.vn").await;
    catcher.answers(&[451]);
    assert_eq!(sends(&town).await, 1);
    assert_eq!(rows(&town).await, [is("due", 1, true)]);
    assert_eq!(sends(&town).await, 0, "not before its time");
    town.clock.turn(Duration::seconds(61));
    assert_eq!(sends(&town).await, 1);
    assert_eq!(rows(&town).await, [is("sent", 2, false)]);
    assert_eq!(catcher.caught().len(), 1);

    leaves(&town, &invoice, "nobody@example.vn").await;
    catcher.answers(&[550]);
    sends(&town).await;
    assert_eq!(rows(&town).await[1], is("failed", 1, false), "a refusal is final");

    leaves(&town, &invoice, "full@example.vn").await;
    catcher.answers(&[452, 452, 452]);
    for _ in 0..3 {
        sends(&town).await;
        town.clock.turn(Duration::seconds(301));
    }
    assert_eq!(rows(&town).await[2], is("failed", 3, false), "nor is it tried for ever");
    let told: Vec<Option<String>> =
        sqlx::query_scalar("select last_error from mail order by mail_id")
            .fetch_all(&town.pool)
            .await
            .expect("the mails");
    assert!(!told.iter().flatten().any(|error| error.contains('@')), "no address stays: {told:?}");
    assert_eq!(catcher.caught().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_did_not_take_goes_out_now_when_an_operator_asks() {
    let catcher = MailCatcher::start().await;
    let town = town(&catcher).await;
    let invoice = paid(&town, "T1", &json!({})).await;
    leaves(&town, &invoice, "an@example.vn").await;
    catcher.answers(&[451]);
    assert_eq!(sends(&town).await, 1);
    let sweeping = town.app.sweeping();
    let waiting = sweeping.waiting().await.expect("what waits");
    let mail = waiting.iter().find(|of| of.sweep == Sweep::Mail).expect("the sweep");
    assert_eq!((mail.waiting, mail.overdue), (1, 0));
    assert_eq!(sends(&town).await, 0, "not before its time");

    let operator = town.person("op@town.example", &["operator:*"]).await;
    let hastened = operator.post("/v1/sweeps/mail", &json!({})).await.expect(202);
    assert_eq!(hastened["hastened"], 1);
    assert_eq!(sends(&town).await, 1);
    assert_eq!(rows(&town).await, [is("sent", 2, false)]);
    let hastened = operator.post("/v1/sweeps/mail", &json!({})).await.expect(202);
    assert_eq!(hastened["hastened"], 0, "nothing is sent twice");
    assert_eq!(catcher.caught().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_that_the_portal_named_is_written_to_once_by_itself() {
    let catcher = MailCatcher::start().await;
    let town = town(&catcher).await;
    let payer = json!({ "payer": { "name": "Nguyễn An", "email": "an@example.vn" } });
    let before = paid(&town, "T0", &payer).await;
    let mailing = town.app.mailing().expect("there is a server");
    sequenced(&town.pool, &town.app.clock).await;
    assert_eq!(mailing.collect().await.expect("it looks"), 0, "paid before there was mail");

    let invoice = paid(&town, "T1", &payer).await;
    paid(&town, "T2", &json!({})).await;
    paid(&town, "T3", &json!({ "payer": { "name": "B", "email": "b b@example.vn" } })).await;
    sequenced(&town.pool, &town.app.clock).await;
    assert_eq!(mailing.collect().await.expect("it looks"), 1);
    assert_eq!(mailing.collect().await.expect("it looks"), 0);
    sends(&town).await;
    let [mail] = &catcher.caught()[..] else { panic!("{:?}", catcher.caught()) };
    assert!(mail.text().contains(text(&invoice, "code")));
    assert!(!mail.text().contains(text(&before, "code")));

    // The bank takes it back, and it is paid again: that is told again.
    town.reverse("T1", "R1").await.expect(204);
    assert_eq!(town.settle("T4", 100_000, text(&invoice, "code")).await, "applied");
    sequenced(&town.pool, &town.app.clock).await;
    mailing.collect().await.expect("it looks");
    sends(&town).await;
    assert_eq!(catcher.caught().len(), 2);
    town.leaves_messages();
}
