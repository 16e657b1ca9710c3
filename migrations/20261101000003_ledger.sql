-- Double entry, insert-only, balanced and sealed by the database itself.
--
-- Amounts are signed here: debit is positive. The application role may read and insert; it owns
-- nothing, so it can neither update nor delete nor truncate nor switch a trigger off.

create schema ledger;

create table ledger.account (
    account_id bigint generated always as identity primary key,
    kind text not null,
    -- The partner or agency the account is of.
    owner text not null,
    -- The account number or the budget code; empty when the kind has none.
    detail text not null default '',
    currency text not null,
    opened_at timestamptz not null default transaction_timestamp(),
    constraint account_once unique (kind, owner, detail, currency),
    constraint account_kind check (kind in (
        'partner_receivable', 'agency_payable', 'refund_due', 'part_payments_held', 'suspense',
        'bank_account', 'claim_on_agency', 'refunds_in_transit', 'claim_on_treasury',
        'carried_in', 'write_off'))
);

create sequence ledger.entry_number;

create table ledger.entry (
    entry_id bigint primary key,
    act text not null,
    business_day date not null,
    value_date date not null,
    currency text not null,
    -- What caused it, for example 'settlement/<id>'.
    source text not null,
    reverses bigint,
    actor text not null,
    reason text not null default '',
    made_by_tx xid8 not null,
    made_at timestamptz not null
);
create index entry_made_by_tx_idx on ledger.entry (made_by_tx);
create unique index entry_reversed_once on ledger.entry (reverses) where reverses is not null;

create table ledger.posting (
    entry_id bigint not null,
    line smallint not null,
    account_id bigint not null,
    amount numeric not null,
    constraint posting_pkey primary key (entry_id, line),
    constraint posting_is_something check (amount <> 0),
    constraint posting_bounded check (abs(amount) < 1000000000000000 and scale(amount) <= 4)
);
create index posting_account_idx on ledger.posting (account_id, entry_id);

-- Days that are closed. A row here is never taken away; reopening is a new revision elsewhere.
create table ledger.closed_day (
    day date primary key,
    closed_at timestamptz not null,
    closed_by text not null
);

-- The sum of an account's postings made by transactions below `below_tx`.
create table ledger.balance_snapshot (
    account_id bigint not null,
    below_tx xid8 not null,
    amount numeric not null,
    made_at timestamptz not null,
    constraint balance_snapshot_pkey primary key (account_id, below_tx)
);
create index balance_snapshot_below_idx on ledger.balance_snapshot (below_tx);

-- Closing a day takes this lock exclusively, booking takes it shared. It is taken in a statement
-- of its own, so that the next statement sees what a closing that was waited for has written.
create function ledger.day_lock() returns bigint language sql immutable as $$ select 7309453::bigint $$;

create function ledger.entry_take_day_lock() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform pg_advisory_xact_lock_shared(ledger.day_lock());
    return null;
end $$;
create trigger entry_10_day_lock before insert on ledger.entry
    for each statement execute function ledger.entry_take_day_lock();

-- Stamps the entry with the transaction that makes it, whatever the client sent, and moves it to
-- the first open day not before its own: real money is never refused because a day closed.
create function ledger.entry_stamp() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    new.made_by_tx := pg_current_xact_id();
    new.made_at := transaction_timestamp();
    while exists (select from ledger.closed_day d where d.day = new.business_day) loop
        new.business_day := new.business_day + 1;
    end loop;
    return new;
end $$;
create trigger entry_20_stamp before insert on ledger.entry
    for each row execute function ledger.entry_stamp();

create function ledger.close_takes_day_lock() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform pg_advisory_xact_lock(ledger.day_lock());
    return null;
end $$;
create trigger closed_day_lock before insert on ledger.closed_day
    for each statement execute function ledger.close_takes_day_lock();

-- The lines of an entry come in one statement, sum to nothing, are of the entry's currency and on
-- accounts that exist, and belong to an entry of this very transaction. Both stamps are compared:
-- transaction numbers start again in a cluster restored from a dump.
create function ledger.check_lines() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    bad record;
begin
    select l.entry_id,
           sum(l.amount) <> 0
               or bool_or(e.made_by_tx is distinct from pg_current_xact_id()
                          or e.made_at is distinct from transaction_timestamp()) as broken
      into bad
      from lines l
      left join ledger.entry e on e.entry_id = l.entry_id
      left join ledger.account a on a.account_id = l.account_id
     group by l.entry_id
    having sum(l.amount) <> 0
        or bool_or(e.made_by_tx is distinct from pg_current_xact_id()
                   or e.made_at is distinct from transaction_timestamp()
                   or a.currency is distinct from e.currency)
     limit 1;
    if not found then
        return null;
    elsif bad.broken then
        raise exception 'entry % is unbalanced or sealed', bad.entry_id
            using errcode = 'check_violation';
    end if;
    raise exception 'entry % has a line in another currency or on no account', bad.entry_id
        using errcode = 'check_violation';
end $$;
create trigger lines_ok after insert on ledger.posting
    referencing new table as lines for each statement execute function ledger.check_lines();

-- An entry without lines is no entry: the statement that inserts it inserts them as well. With no
-- line of amount 0, a sum of 0 means two at least.
create function ledger.has_lines() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    bare bigint;
begin
    select e.entry_id into bare from entries e
     where not exists (select from ledger.posting p where p.entry_id = e.entry_id)
     limit 1;
    if found then
        raise exception 'entry % has no lines', bare using errcode = 'check_violation';
    end if;
    return null;
end $$;
create trigger entry_has_lines after insert on ledger.entry
    referencing new table as entries for each statement execute function ledger.has_lines();

-- A balance is the newest snapshot and what came after it.
create view ledger.balance as
    select a.account_id, a.kind, a.owner, a.detail, a.currency,
           coalesce(s.amount, 0) + coalesce(p.amount, 0) as amount
      from ledger.account a
      left join lateral (
            select b.amount, b.below_tx from ledger.balance_snapshot b
             where b.account_id = a.account_id order by b.below_tx desc limit 1) s on true
      left join lateral (
            select sum(p.amount) as amount
              from ledger.posting p join ledger.entry e on e.entry_id = p.entry_id
             where p.account_id = a.account_id
               and (s.below_tx is null or e.made_by_tx >= s.below_tx)) p on true;

grant usage on schema ledger to payclear_app, payclear_auditor;
grant select, insert on ledger.account, ledger.entry, ledger.posting, ledger.closed_day,
    ledger.balance_snapshot to payclear_app;
grant select on ledger.balance to payclear_app;
grant usage, select on sequence ledger.entry_number to payclear_app;
