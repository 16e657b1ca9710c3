//! Rules that the schema keeps, asked of a freshly migrated database itself.

use sqlx::PgPool;

use crate::scratch::Scratch;

/// Columns named like a reference that have no foreign key, each with its reason.
const FOREIGN_BY_CHOICE: &[(&str, &str)] = &[
    ("event.invoice_id", "written with every step: no lock on the invoice's row"),
    ("claim.invoice_id", "hot: a check would lock the row of every invoice that is issued"),
    ("attempt.invoice_id", "hot: invoices are never deleted"),
    ("settlement.invoice_id", "hot: written by the group that holds the invoice's lock"),
    ("settlement.attempt_id", "hot: written by the group that read the attempt"),
    ("break_case.file_id", "written with the file's verdict"),
    ("break_case.invoice_id", "written with the settlement"),
    ("break_case.settlement_id", "written with the settlement"),
    ("delivery.endpoint_id", "hot: an endpoint that is gone keeps its deliveries"),
    ("delivery.invoice_id", "hot: with `sequence` it names a step, which is an event"),
    ("compat_payment.invoice_id", "a check would lock the row of an invoice just issued"),
    ("statement_line.statement_id", "hot: by the million, after their statement"),
    ("delivery.delivery_id", "the delivery's own"),
    ("match_side.match_id", "hot: a trigger looks at all sides of a statement at once"),
    ("match_side.settlement_id", "hot: the same trigger compares the amounts"),
    ("match_side.back_id", "a refund or a reversal; the same trigger compares the amounts"),
    ("match_side.report_id", "with `batch` it names a batch; the same trigger compares the sums"),
    ("match_side.payout_id", "a line of the pay-over, whose room stands above"),
    ("match_side.invoice_id", "a suggestion: invoices are never deleted"),
    ("open_line.break_id", "written with the case"),
    ("report_batch.match_id", "written with the match, gone with it"),
    ("report_batch.break_id", "written with the case"),
    ("payover_item.invoice_id", "a check would lock the row of every invoice of a run"),
    ("line_in_payover.invoice_id", "as above; written under the invoice's lock"),
    ("line_in_payover.payover_line_id", "written with the transfer, by a room below"),
    ("receipt.invoice_id", "with `sequence` it names a step, which is an event"),
    ("receipt_task.invoice_id", "with `sequence` it names a step, which is an event"),
    ("receipt_task.receipt_id", "a task goes once it is done"),
    ("statistic_notice.invoice_id", "with `sequence` it names a step, which is an event"),
];

/// Tables that every payment writes: a foreign key there takes row locks on what all share.
const HOT: &[&str] = &[
    "answer",
    "attempt",
    "claim",
    "delivery",
    "event",
    "invoice",
    "ledger.entry",
    "ledger.posting",
    "nonce",
    "outbox",
    "settlement",
];

/// What is written once and stays.
const NEVER_CHANGED: &[&str] = &[
    "audit",
    "break_comment",
    "break_evidence",
    "break_resolution",
    "break_step",
    "event",
    "event_batch",
    "ledger.account",
    "ledger.balance_snapshot",
    "ledger.closed_day",
    "ledger.locked_month",
    "ledger.reopened_day",
    "day_position",
    "day_preparation",
    "day_snapshot",
    "payover_item",
    "ledger.entry",
    "ledger.posting",
    "certification",
    "partner_exchange",
    "partner_opening",
    "placement",
    "register_load",
    "line_paid_over",
    "opening_balance",
    "receipt_step",
    "refund_batch",
    "report_mapping",
    "reversal",
    "settlement",
    "match",
    "match_confirmation",
    "match_side",
    "matching_entry",
    "partner_fee",
    "unmatch",
    "statement_file_piece",
    "statement_line",
];

/// The one row each that a query finds, as text; there should be none.
async fn found(pool: &PgPool, query: &'static str) -> Vec<String> {
    sqlx::query_scalar::<_, String>(query).fetch_all(pool).await.expect("the catalogue")
}

fn none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n{}\n", found.join("\n"));
}

#[tokio::test]
async fn the_schema_keeps_its_rules() {
    let scratch = Scratch::make().await;
    let pool = scratch.owner().await;
    references_are_kept_or_foreign_by_choice(&pool).await;
    types_are_exact(&pool).await;
    constraints_have_names(&pool).await;
    what_changes_is_not_indexed(&pool).await;
    the_application_owns_and_rewrites_nothing(&pool).await;
    functions_of_the_owner_are_closed(&pool).await;
    pool.close().await;
    scratch.drop().await;
}

async fn references_are_kept_or_foreign_by_choice(pool: &PgPool) {
    let loose = found(
        pool,
        "select (case n.nspname when 'public' then '' else n.nspname || '.' end) || c.relname || '.' || a.attname
           from pg_attribute a
           join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p') and not c.relispartition
           join pg_namespace n on n.oid = c.relnamespace and n.nspname in ('public', 'ledger')
          where a.attname like '%\\_id' and a.atttypid = 'uuid'::regtype and not a.attisdropped
            and not exists (select from pg_constraint k
                             where k.conrelid = c.oid and a.attnum = any(k.conkey)
                               and (k.contype = 'f'
                                    or (k.contype = 'p' and cardinality(k.conkey) = 1)))
          order by 1",
    )
    .await;
    let chosen: Vec<&str> = FOREIGN_BY_CHOICE.iter().map(|(column, _)| *column).collect();
    let mut unknown = loose.clone();
    unknown.retain(|column| !chosen.contains(&column.as_str()));
    none(&unknown, "a uuid `_id` column has a foreign key or a reason to have none");
    for column in chosen {
        assert!(loose.iter().any(|l| l == column), "{column} needs no exception any more");
    }
    let tied =
        found(pool, "select k.conrelid::regclass::text from pg_constraint k where k.contype = 'f'")
            .await;
    for table in HOT {
        assert!(!tied.iter().any(|t| t == table), "{table} is hot and has a foreign key");
    }
}

async fn types_are_exact(pool: &PgPool) {
    none(
        &found(
            pool,
            "select table_name || '.' || column_name || ' ' || data_type
               from information_schema.columns
              where table_schema in ('public', 'ledger') and table_name not like '\\_sqlx%'
                and (data_type in ('real', 'double precision', 'money',
                                   'timestamp without time zone', 'time with time zone')
                     or (column_name in ('amount', 'held', 'refunded') and data_type <> 'numeric'
                         and table_name <> 'statistic_day')
                     or (column_name like '%\\_at' and column_name <> 'notify_at'
                         and data_type <> 'timestamp with time zone')
                     or column_name = 'mode')",
        )
        .await,
        "money is numeric, a time has its zone, and no row says in which mode it was made",
    );
}

async fn constraints_have_names(pool: &PgPool) {
    // What PostgreSQL makes up itself: `<table>_check`, `_check1`, `<table>_<column>_check`. Primary
    // keys and the keys of single columns keep its names, which say all there is to say.
    none(
        &found(
            pool,
            "select k.conrelid::regclass::text || ': ' || k.conname
               from pg_constraint k join pg_namespace n on n.oid = k.connamespace
              where n.nspname in ('public', 'ledger') and k.contype in ('c', 'f', 'u', 'x')
                and k.conparentid = 0 and k.coninhcount = 0 and k.conname ~ '_(check|fkey|key|excl)[0-9]*$'
                and k.conname ~ ('^' || (select relname from pg_class where oid = k.conrelid) ||
                                 '(_check[0-9]*|_[a-z_]+_(check|fkey|key)[0-9]+|_[a-z_]+_check[0-9]*)$')",
        )
        .await,
        "a constraint's name says what must hold",
    );
}

async fn what_changes_is_not_indexed(pool: &PgPool) {
    none(
        &found(
            pool,
            "select distinct i.indexrelid::regclass::text || ' holds ' || a.attname
               from pg_index i
               join pg_attribute a on a.attrelid = i.indrelid and a.attnum > 0
               join information_schema.column_privileges p
                 on p.table_name = 'invoice' and p.column_name = a.attname
                and p.grantee = 'payclear_app' and p.privilege_type = 'UPDATE'
              where i.indrelid = 'invoice'::regclass
                and (a.attnum = any(i.indkey::smallint[])
                     or pg_get_indexdef(i.indexrelid) ~ ('\\m' || a.attname || '\\M.*where')
                     or pg_get_expr(i.indpred, i.indrelid) ~ ('\\m' || a.attname || '\\M'))",
        )
        .await,
        "no column of an invoice that changes is in an index or its predicate",
    );
    let changing = found(
        pool,
        "select column_name::text from information_schema.column_privileges
          where table_schema = 'public' and table_name = 'invoice' and grantee = 'payclear_app'
            and privilege_type = 'UPDATE'",
    )
    .await;
    assert!(changing.iter().any(|c| c == "status"), "the query above looks at something");
    let crowded = found(
        pool,
        "select c.relname::text from pg_class c
          where c.relname in ('invoice', 'attempt') and c.relnamespace = 'public'::regnamespace
            and not coalesce(c.reloptions @> array['fillfactor=50'], false)",
    )
    .await;
    none(&crowded, "half of each page is free for the updates of one group");
}

async fn the_application_owns_and_rewrites_nothing(pool: &PgPool) {
    none(
        &found(
            pool,
            "select c.oid::regclass::text || ' is of ' || c.relowner::regrole::text
               from pg_class c join pg_namespace n on n.oid = c.relnamespace
              where n.nspname in ('public', 'ledger') and c.relowner <> 'payclear_owner'::regrole
             union all
             select p.oid::regprocedure::text || ' is of ' || p.proowner::regrole::text
               from pg_proc p join pg_namespace n on n.oid = p.pronamespace
              where n.nspname in ('public', 'ledger') and p.proowner <> 'payclear_owner'::regrole",
        )
        .await,
        "everything is the owner's",
    );
    let may = found(
        pool,
        "select distinct (case t.table_schema when 'public' then '' else t.table_schema || '.' end)
                || t.table_name || ' ' || p.what
           from information_schema.tables t
          cross join (values ('update'), ('delete'), ('truncate')) p(what)
          where t.table_schema in ('public', 'ledger') and t.table_type = 'BASE TABLE'
            and (has_table_privilege('payclear_app', format('%I.%I', t.table_schema, t.table_name), p.what)
                 or (p.what = 'update' and has_any_column_privilege(
                        'payclear_app', format('%I.%I', t.table_schema, t.table_name), p.what)))",
    )
    .await;
    let wrong: Vec<String> = may
        .iter()
        .filter(|privilege| {
            let (table, what) = privilege.split_once(' ').unwrap_or_default();
            // What was exchanged with a partner is forgotten after its time, never changed.
            let forgotten = table == "partner_exchange" && what == "delete";
            what == "truncate" || (NEVER_CHANGED.contains(&table) && !forgotten)
        })
        .cloned()
        .collect();
    none(&wrong, "the application rewrites nothing of what was said");
    none(
        &found(
            pool,
            "select rolname::text from pg_roles
              where rolname in ('payclear_app', 'payclear_auditor')
                and (rolsuper or rolcreatedb or rolcreaterole or rolbypassrls)",
        )
        .await,
        "roles hold no power over the cluster",
    );
}

async fn functions_of_the_owner_are_closed(pool: &PgPool) {
    none(
        &found(
            pool,
            "select p.oid::regprocedure::text
               from pg_proc p join pg_namespace n on n.oid = p.pronamespace
              where n.nspname in ('public', 'ledger') and p.prosecdef
                and not exists (select from unnest(p.proconfig) c
                                 where c ~ '^search_path=pg_catalog, pg_temp$')",
        )
        .await,
        "a security definer function has a fixed search_path that ends with pg_temp",
    );
}
