//! The portal's feed: every step once, in one final order, without a gap.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::cluster::{at, cluster};
use crate::support::{Town, text, until};
use payclear::platform::sequencer::sequence_once;
use payclear::vocabulary::clock::SharedClock;

async fn sequence(town: &Town) {
    let clock: SharedClock = town.clock.clone();
    sequence_once(&town.pool, &clock, "tests").await.expect("a batch");
}

/// Reads on from a cursor to the end; what was read, and where the reader stands.
async fn read_on(town: &Town, cursor: Option<String>, limit: usize) -> (Vec<Value>, String) {
    let mut events = Vec::new();
    let mut stands = cursor;
    loop {
        let path = stands.as_ref().map_or_else(
            || format!("/v1/events?limit={limit}"),
            |cursor| format!("/v1/events?limit={limit}&cursor={cursor}"),
        );
        let answer = town.portal.get(&path).await;
        let more = answer.headers.contains_key("link");
        let page = answer.expect(200);
        let read = page["events"].as_array().expect("events").clone();
        assert_eq!(more, read.len() == limit);
        let ends = read.is_empty();
        events.extend(read);
        stands = Some(text(&page, "cursor").to_owned());
        if ends {
            return (events, stands.expect("a cursor"));
        }
    }
}

fn places(events: &[Value]) -> BTreeSet<(String, i64)> {
    events
        .iter()
        .filter_map(|e| Some((text(e, "invoice").to_owned(), e["sequence"].as_i64()?)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_waits_for_a_transaction_with_a_lower_number() {
    let town = Town::doors().await;
    let before = town.issue(5_000).await;
    // A transaction that has its number and does not end.
    let mut open = town.pool.begin().await.expect("a transaction");
    sqlx::query("select pg_current_xact_id()").execute(&mut *open).await.expect("a number");
    let after = town.issue(5_000).await;
    sequence(&town).await;
    let (events, cursor) = read_on(&town, None, 500).await;
    let seen: Vec<&str> = events.iter().map(|e| text(e, "invoice")).collect();
    assert!(!seen.contains(&text(&after, "id")), "what comes later must not be shown yet");

    sqlx::query(
        "insert into event (made_at, kind, portal, invoice_id, sequence, actor, body)
         values (now(), 'invoice.noted', 'dvc-mau', $1::text::uuid, 99, 'test', '{}')",
    )
    .bind(text(&before, "id"))
    .execute(&mut *open)
    .await
    .expect("a late event");
    open.commit().await.expect("it ends");
    let mut later = Vec::new();
    until("the feed to go on", || async {
        sequence(&town).await;
        !read_on(&town, Some(cursor.clone()), 500).await.0.is_empty()
    })
    .await;
    until("both to be shown", || async {
        sequence(&town).await;
        let (read, _) = read_on(&town, Some(cursor.clone()), 500).await;
        read.iter().any(|e| text(e, "invoice") == text(&after, "id"))
    })
    .await;
    later.extend(read_on(&town, Some(cursor), 500).await.0);
    let kinds: Vec<&str> = later.iter().map(|e| text(e, "type")).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "invoice.noted").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_any_size_give_the_same_steps_once_each() {
    let town = Town::doors().await;
    for n in 0..12 {
        let invoice = town.issue(5_000).await;
        if n % 3 == 0 {
            town.settle(&format!("T{n}"), 5_000, text(&invoice, "code")).await;
        }
    }
    until("everything to be in the feed", || async {
        sequence(&town).await;
        let (events, _) = read_on(&town, None, 500).await;
        i64::try_from(places(&events).len()).expect("few")
            == town.count("event where portal is not null").await
    })
    .await;
    let (whole, end) = read_on(&town, None, 500).await;
    for limit in [1, 3, 7] {
        let (paged, stands) = read_on(&town, None, limit).await;
        assert_eq!((paged, &stands), (whole.clone(), &end), "pages of {limit}");
    }
    assert_eq!(places(&whole).len(), whole.len());

    // What comes now comes after the cursor, and nothing else does.
    let new = town.issue(5_000).await;
    until("the new step", || async {
        sequence(&town).await;
        !read_on(&town, Some(end.clone()), 500).await.0.is_empty()
    })
    .await;
    let (rest, _) = read_on(&town, Some(end), 500).await;
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0]["invoice"], new["id"]);

    let path = format!("/v1/invoices/{}/events", text(&new, "id"));
    let history = town.portal.get(&path).await.expect(200);
    assert_eq!(history["events"].as_array().expect("events").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_portals_steps_are_not_in_the_feed() {
    let town = Town::doors().await;
    let kind = payclear::registers::caller::CallerKind::Portal;
    let other = town.caller(kind, "botp-mau").await;
    town.issue(5_000).await;
    let theirs = other.post("/v1/invoices", &Town::fee("HS-other", 5_000)).await.expect(201);
    until("both to be in a feed", || async {
        sequence(&town).await;
        let (mine, _) = read_on(&town, None, 500).await;
        let page = other.get("/v1/events").await.expect(200);
        mine.len() == 1 && page["events"].as_array().is_some_and(|events| events.len() == 1)
    })
    .await;
    let (mine, _) = read_on(&town, None, 500).await;
    assert_ne!(mine[0]["invoice"], theirs["id"]);
}

/// Writes steps in transactions of all lengths, which commit in another order than that of their
/// numbers.
async fn write_out_of_order(pool: sqlx::PgPool, invoices: Vec<String>, writer: i32) {
    for round in 0..12 {
        let mut tx = pool.begin().await.expect("a transaction");
        let steps = 1 + (writer + round) % 3;
        for step in 0..steps {
            // The first statement draws the transaction's number; the pause lets others with
            // higher ones overtake it.
            sqlx::query(
                "insert into event (made_at, kind, portal, invoice_id, sequence, actor, body)
                 values (now(), 'invoice.noted', 'dvc-mau', $1::text::uuid, $2, 'test', '{}')",
            )
            .bind(&invoices[usize::try_from(writer).expect("few")])
            .bind(100 + round * 10 + step)
            .execute(&mut *tx)
            .await
            .expect("a step");
            let pause = u64::try_from((writer * 13 + round * 7 + step * 5) % 40).expect("short");
            tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
        }
        // Some give up: their numbers are never used.
        if (writer + round) % 5 == 0 {
            tx.rollback().await.expect("undone");
        } else {
            tx.commit().await.expect("done");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_who_polls_all_the_time_misses_nothing_while_transactions_overtake_each_other() {
    const WRITERS: i32 = 8;
    let town = Town::doors().await;
    let mut invoices = Vec::new();
    for _ in 0..WRITERS {
        invoices.push(text(&town.issue(5_000).await, "id").to_owned());
    }
    let url = at(&cluster().application_url, &town.name);
    let pool = payclear::platform::database::open(&url, 8).await.expect("a pool");
    let mut writing = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        writing.spawn(write_out_of_order(pool.clone(), invoices.clone(), writer));
    }
    // The sequencer goes on beside, as often as it can.
    let sequencing = {
        let (pool, clock) = (town.pool.clone(), town.clock.clone());
        let clock: SharedClock = clock;
        tokio::spawn(async move {
            loop {
                sequence_once(&pool, &clock, "tests").await.expect("a batch");
                tokio::time::sleep(std::time::Duration::from_millis(3)).await;
            }
        })
    };
    // The reader never begins anew: what it once passed it does not see again.
    let (mut seen, mut cursor, mut polls) = (Vec::new(), None, 0_u32);
    loop {
        let ended = writing.is_empty();
        let (read, stands) = read_on(&town, cursor.clone(), 7).await;
        polls += 1;
        seen.extend(read);
        cursor = Some(stands);
        while let Some(done) = writing.try_join_next() {
            done.expect("a writer");
        }
        let written = town.count("event where portal is not null").await;
        if ended && i64::try_from(seen.len()).expect("few") >= written {
            break;
        }
        assert!(polls < 20_000, "{} of {written} after {polls} looks", seen.len());
    }
    sequencing.abort();

    let places = |events: &[Value]| -> Vec<String> {
        events.iter().map(|event| text(event, "cursor").to_owned()).collect()
    };
    let order = places(&seen);
    let once: BTreeSet<&String> = order.iter().collect();
    assert_eq!(once.len(), order.len(), "nothing twice");
    assert_eq!(
        i64::try_from(seen.len()).expect("few"),
        town.count("event where portal is not null").await,
        "nothing is missed"
    );
    // Who reads it all afterwards sees the very same, in the same order.
    let (whole, _) = read_on(&town, None, 500).await;
    assert_eq!(whole, seen, "one order for everybody");
    assert!(polls > 20, "the reader was at it all the time: {polls}");
    // Without this the test would prove nothing: numbers and ids were really drawn in turns.
    let crossed: i64 = sqlx::query_scalar(
        "select count(*) from event e join event l
             on l.event_id > e.event_id and l.made_by_tx < e.made_by_tx
          where e.kind = 'invoice.noted' and l.kind = 'invoice.noted'",
    )
    .fetch_one(&town.pool)
    .await
    .expect("a count");
    assert!(crossed > 10, "transactions went over each other: {crossed}");
}
