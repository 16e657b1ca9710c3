//! Open statistics: what was counted as it came equals what a count of everything gives, nothing too
//! small is told, and the page shows the same numbers as the table.

use chrono::Duration;
use payclear::vocabulary::clock::Clock;
use payclear::vocabulary::day::to_local;
use serde_json::{Value, json};

use crate::support::{Town, sequenced, text};

impl Town {
    async fn in_batches(&self) {
        sequenced(&self.pool, &self.app.clock).await;
    }

    async fn counts_as(&self, holder: &str) {
        self.app.statistics().collect(holder).await.expect("it counts");
    }

    async fn counts(&self) {
        self.in_batches().await;
        self.counts_as("tests").await;
    }

    async fn pays(&self, transaction: &str, amount: u64, more: &Value) -> Value {
        let invoice = self.issue_with(amount, more).await;
        assert_eq!(self.settle(transaction, amount, text(&invoice, "code")).await, "applied");
        invoice
    }

    async fn figures_of(&self, query: &str) -> Value {
        let answer = self.browse(&format!("{}/v1/statistics?{query}", self.url)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// Every count and sum of the rows, added up by day, agency, procedure and partner.
    async fn kept(&self) -> Vec<Row> {
        sqlx::query_as(
            "select day::text, agency, procedure, partner, issued, issued_amount::bigint, paid,
                    paid_amount::bigint, expired, cancelled, reversed, refunded
               from statistic_day
              where issued + paid + expired + cancelled + reversed + refunded > 0
              order by 1, 2, 3, 4",
        )
        .fetch_all(&self.pool)
        .await
        .expect("the rows")
    }

    /// The same, counted anew out of all events and invoices by another statement.
    async fn counted_anew(&self) -> Vec<Row> {
        sqlx::query_as(
            "select (e.made_at at time zone 'Asia/Ho_Chi_Minh')::date::text, i.agency, i.procedure,
                    case when e.kind in ('invoice.paid', 'payment.reversed')
                         then e.body::jsonb->'detail'->>'partner' else '' end,
                    count(*) filter (where e.kind = 'invoice.issued'),
                    coalesce(sum(i.amount) filter (where e.kind = 'invoice.issued'), 0)::bigint,
                    count(*) filter (where e.kind = 'invoice.paid'),
                    coalesce(sum(i.amount) filter (where e.kind = 'invoice.paid'), 0)::bigint,
                    count(*) filter (where e.kind = 'invoice.expired'),
                    count(*) filter (where e.kind = 'invoice.cancelled'),
                    count(*) filter (where e.kind = 'payment.reversed'),
                    0::bigint
               from event e join invoice i on i.invoice_id = e.invoice_id
              where e.kind in ('invoice.issued', 'invoice.paid', 'invoice.expired',
                               'invoice.cancelled', 'payment.reversed')
              group by 1, 2, 3, 4 order by 1, 2, 3, 4",
        )
        .fetch_all(&self.pool)
        .await
        .expect("the events")
    }
}

type Row = (String, String, String, String, i64, i64, i64, i64, i64, i64, i64, i64);

#[tokio::test(flavor = "multi_thread")]
async fn what_is_counted_as_it_comes_is_what_a_count_of_everything_gives() {
    let town = Town::doors().await;
    for n in 0..9 {
        town.pays(&format!("A{n}"), 1_000 + n, &json!({})).await;
        if n % 3 == 0 {
            town.in_batches().await;
            town.counts_as("one").await;
        }
        town.pays(&format!("C{n}"), 5_000 + n, &json!({ "agency": "G01.C" })).await;
    }
    town.reverse("A4", "R4").await.expect(204);
    let gone = town.issue(9_000).await;
    town.cancel(&gone).await.expect(200);
    town.issue(8_000).await;
    // Two who count at once, and one who comes again, count each event once.
    town.in_batches().await;
    tokio::join!(town.counts_as("one"), town.counts_as("two"));
    town.clock.turn(Duration::days(40));
    for _ in 0..3 {
        town.app.expiring().sweep().await.expect("it sweeps");
    }
    town.pays("L1", 3_000, &json!({})).await;
    town.in_batches().await;
    sqlx::query("update lease set until = statement_timestamp() where name = 'statistics'")
        .execute(&town.pool)
        .await
        .expect("its end");
    town.counts_as("three").await;
    town.counts_as("three").await;
    assert_eq!(town.kept().await, town.counted_anew().await);
    let total: i64 = town.kept().await.iter().map(|row| row.6).sum();
    assert_eq!(total, 19, "the test counts something");
    let expired: i64 = town.kept().await.iter().map(|row| row.8).sum();
    assert!(expired >= 1);
    town.leaves_messages();
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_open_and_tell_nothing_of_a_few() {
    let town = Town::doors().await;
    for n in 0..6 {
        town.pays(&format!("A{n}"), 10_000, &json!({})).await;
    }
    for n in 0..2 {
        town.pays(&format!("C{n}"), 70_000, &json!({ "agency": "G01.C" })).await;
    }
    town.counts().await;
    let today = to_local(town.clock.now()).date();
    let told = town.figures_of("by=agency").await;
    assert_eq!((text(&told, "to"), &told["threshold"]), (&*today.to_string(), &json!(5)));
    let groups = told["groups"].as_array().expect("groups");
    assert_eq!(groups.len(), 2);
    assert_eq!((text(&groups[0], "key"), &groups[0]["paid"]), ("G01.A", &json!(6)));
    assert_eq!(
        (text(&groups[0], "paid_amount"), text(&groups[0], "name_en")),
        ("60000", "Department of Justice of Mau Province")
    );
    assert!(groups[0]["time_to_pay_seconds"]["p50"].as_i64().expect("a bound") <= 60);
    assert_eq!((&groups[1]["paid"], &groups[1]["paid_amount"]), (&json!(null), &json!(null)));
    assert_eq!(
        (&told["total"][0]["paid"], text(&told["total"][0], "paid_amount")),
        (&json!(6), "60000")
    );
    for private in ["Nguyễn", "001199", "HS-"] {
        assert!(!told.to_string().contains(private), "{private} is told");
    }
    let by_channel = town.figures_of("by=channel").await;
    assert_eq!(by_channel["groups"][0]["key"], "directbank");
    assert_eq!(by_channel["groups"][0]["paid"], 8);
    let csv = town.browse(&format!("{}/v1/statistics?by=procedure&format=csv", town.url)).await;
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8");
    assert_eq!(csv.headers["cache-control"], "public, max-age=60");
    assert!(csv.text().contains("1.001193,Cấp bản sao trích lục hộ tịch,"), "{}", csv.text());
    for wrong in [
        "by=payer",
        "from=2026-13-01",
        "from=2020-01-01&to=2026-01-01",
        "from=2026-02-01&to=2026-01-01",
        "format=xml",
        "who=me",
    ] {
        let answer = town.browse(&format!("{}/v1/statistics?{wrong}", town.url)).await;
        assert_eq!(answer.status, 422, "{wrong}: {}", answer.text());
    }
    town.leaves_messages();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_the_numbers_of_the_table_in_both_languages() {
    let town = Town::doors().await;
    let empty = town.browse(&format!("{}/statistics", town.url)).await;
    assert!(empty.text().contains("Chưa có số liệu trong kỳ này"));
    for n in 0..7 {
        town.pays(&format!("A{n}"), 1_000_000, &json!({})).await;
    }
    town.counts().await;
    // Another period than the one that is kept for a minute.
    let today = to_local(town.clock.now()).date();
    let from = today - Duration::days(6);
    let query = format!("from={from}&to={today}&by=agency");
    let page = town.browse(&format!("{}/statistics?{query}", town.url)).await;
    assert_eq!(page.status, 200);
    assert!(
        page.headers["content-security-policy"]
            .to_str()
            .expect("text")
            .contains("style-src 'self'")
    );
    let page = page.text();
    for wanted in
        ["7.000.000 đ", "Sở Tư pháp tỉnh Mẫu", "lang=\"vi\"", "<svg", "role=\"img\"", "100,0 %"]
    {
        assert!(page.contains(wanted), "no {wanted} in {page}");
    }
    assert!(!page.contains("style="), "no style is in the page itself");
    assert_eq!(page.matches("pc-columns-chart__column\"").count(), 7, "a column for each day");
    let english = town.browse(&format!("{}/statistics?{query}&lang=en", town.url)).await.text();
    for wanted in ["Statistics of fee payments", "Department of Justice of Mau Province", "100.0 %"]
    {
        assert!(english.contains(wanted), "no {wanted} in {english}");
    }
    let wrong = town.browse(&format!("{}/statistics?from=2026-02-30", town.url)).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text().contains("role=\"alert\""));
    town.leaves_messages();
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_are_counted_once_they_have_arrived_or_were_given_up() {
    let town = Town::doors().await;
    let mut paid = Vec::new();
    for n in 0..8 {
        paid.push(town.pays(&format!("A{n}"), 1_000, &json!({})).await);
    }
    town.counts().await;
    assert_eq!(town.count("statistic_notice").await, 8);
    // What the sender of notices writes: six arrived, one was given up, one is under way.
    let write = |place: usize, state: &'static str, milliseconds: i64| {
        let (pool, id) = (town.pool.clone(), text(&paid[place], "id").to_owned());
        async move {
            sqlx::query(
                "insert into delivery (endpoint_id, invoice_id, sequence, delivery_id, portal, kind,
                     state, tries, first_at, last_at, next_at)
                 select gen_random_uuid(), e.invoice_id, e.sequence, gen_random_uuid(), e.portal,
                        e.kind, $2, 1, e.made_at, e.made_at + make_interval(secs => $3 / 1000.0),
                        case when $2 = 'due' then e.made_at end
                   from event e where e.invoice_id = $1::uuid and e.kind = 'invoice.paid'",
            )
            .bind(id)
            .bind(state)
            .bind(milliseconds)
            .execute(&pool)
            .await
            .expect("a delivery");
        }
    };
    for place in 0..6 {
        write(place, "delivered", 35).await;
    }
    write(6, "parked", 0).await;
    write(7, "due", 0).await;
    town.counts().await;
    assert_eq!(town.count("statistic_notice").await, 8, "not before their time");
    town.clock.turn(Duration::seconds(3));
    town.counts().await;
    assert_eq!(town.count("statistic_notice").await, 1, "one is looked at again");
    let told = town.figures_of("by=day").await;
    let day = &told["groups"][0];
    assert_eq!((&day["notices"], &day["notices_taken_per_mille"]), (&json!(6), &json!(857)));
    assert_eq!(day["time_to_notify_milliseconds"]["p95"], 40);
    // Nothing comes any more after days.
    town.clock.turn(Duration::days(5));
    town.counts().await;
    assert_eq!(town.count("statistic_notice").await, 0);
    let given_up: i64 = sqlx::query_scalar("select sum(notices_failed)::bigint from statistic_day")
        .fetch_one(&town.pool)
        .await
        .expect("a sum");
    assert_eq!(given_up, 2);
    town.leaves_messages();
}
