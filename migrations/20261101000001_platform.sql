-- What every room stands on: repeated requests, messages, steps, leaders.
--
-- The owner of all this cannot log in. The application role reads and inserts; it updates only what
-- has a life, deletes only what grows with traffic, and truncates nothing.

-- One row: which life of this database it is. `era` rises when a cluster is rebuilt from a dump,
-- because transaction numbers then start again.
create table installation (
    only_one boolean primary key default true constraint installation_only_one check (only_one),
    era integer not null default 1 constraint installation_era check (era > 0)
);
insert into installation default values;

-- The stored answer to a request that a caller may repeat: same key, same request, same bytes.
create table answer (
    caller text not null,
    key text not null,
    fingerprint bytea not null,
    status smallint not null,
    body bytea not null,
    made_at timestamptz not null,
    constraint answer_pkey primary key (caller, key),
    constraint answer_key_length check (length(key) between 1 and 255),
    constraint answer_fingerprint_is_sha256 check (length(fingerprint) = 32),
    -- Only decided answers are kept: a fault must be able to succeed on a retry.
    constraint answer_is_decided check (status between 200 and 299 or status in (409, 412))
);
create index answer_made_at_idx on answer (made_at);

-- Nonces of signed writes, in a ring of eight quarter-hours: a signature is good for five minutes
-- either way, so the leaf two ahead of now is always old and can be emptied in one step.
create table nonce (
    slot smallint not null,
    key_id text not null,
    created bigint not null,
    nonce text not null,
    constraint nonce_slot_of_created check (slot = (created / 900) % 8),
    constraint nonce_once unique (slot, key_id, created, nonce)
) partition by list (slot);
create table nonce_0 partition of nonce for values in (0);
create table nonce_1 partition of nonce for values in (1);
create table nonce_2 partition of nonce for values in (2);
create table nonce_3 partition of nonce for values in (3);
create table nonce_4 partition of nonce for values in (4);
create table nonce_5 partition of nonce for values in (5);
create table nonce_6 partition of nonce for values in (6);
create table nonce_7 partition of nonce for values in (7);

-- Empties the leaf two ahead of the clock. The application role owns nothing and cannot truncate,
-- so the owner's function does; it refuses while the leaf holds anything younger than half an hour.
create function nonce_empty_ahead() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    now_seconds bigint := extract(epoch from statement_timestamp())::bigint;
    leaf integer := ((now_seconds / 900) + 2) % 8;
    young boolean;
begin
    execute format('select exists (select from public.nonce_%s where created > $1)', leaf)
        into young using now_seconds - 1800;
    if young then
        raise exception 'nonces of leaf % are too young to be forgotten', leaf
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    execute format('truncate public.nonce_%s', leaf);
    return leaf;
end $$;

-- One row per step of anything: at once the history, the portal's feed and the source of the audit
-- chain. Never updated. `made_by_tx` orders what commits; numbers are given after commit, in
-- batches (event_batch).
create table event (
    made_by_tx xid8 not null,
    event_id bigint generated always as identity,
    made_at timestamptz not null,
    kind text not null,
    portal text,
    agency text,
    invoice_id uuid,
    -- The place of this step in the life of its invoice, from 1 without a gap.
    sequence integer,
    actor text not null,
    body text not null,
    constraint event_pkey primary key (made_by_tx, event_id),
    constraint event_sequence_of_invoice unique (invoice_id, sequence),
    constraint event_sequence_positive check (sequence > 0),
    -- Steps of an attempt tell of an invoice without being a step of it.
    constraint event_sequence_has_invoice check (sequence is null or invoice_id is not null)
);
create index event_feed_idx on event (portal, made_by_tx, event_id);

-- Nobody but the database says which transaction made an event.
create function event_stamp() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    new.made_by_tx := pg_current_xact_id();
    return new;
end $$;
create trigger event_stamp before insert on event for each row execute function event_stamp();

-- Committed events in their final order: a half-open interval of transactions, a first number, and
-- a digest that chains to the one before. Written by one leader, after commit.
create table event_batch (
    batch_id bigint primary key,
    era integer not null,
    from_tx xid8 not null,
    to_tx xid8 not null,
    first_number bigint not null,
    events integer not null,
    digest bytea not null,
    made_at timestamptz not null,
    fence bigint not null,
    constraint event_batch_interval check (from_tx < to_tx),
    constraint event_batch_counts check (events >= 0 and first_number > 0),
    constraint event_batch_digest_is_sha256 check (length(digest) = 32),
    constraint event_batch_from_once unique (era, from_tx),
    constraint event_batch_first_once unique (first_number, batch_id)
);

-- Messages that wait for the broker: thin pointers, written with the change they tell of and
-- deleted once the broker has confirmed them.
create table outbox (
    outbox_id bigint generated always as identity primary key,
    kind text not null,
    -- The partner for what goes to a bank; empty otherwise.
    route text not null default '',
    subject uuid not null,
    sequence integer not null default 0,
    trace text not null default '',
    made_at timestamptz not null
);

-- What must be looked at again at a time: the broker keeps no timers.
create table due (
    kind text not null,
    subject uuid not null,
    due_at timestamptz not null,
    tries integer not null default 0,
    -- Whose turn it takes: the partner, where the kind leads to partners; empty otherwise.
    lane text not null default '',
    constraint due_pkey primary key (kind, subject)
);
create index due_turn_idx on due (kind, lane, due_at);

-- Who leads what. A leader writes its fence with its work; an old leader's writes are refused.
create table lease (
    name text primary key,
    holder text not null,
    fence bigint not null,
    until timestamptz not null
);

-- Where a sweep has got to.
create table watermark (
    name text primary key,
    at timestamptz not null
);

-- What people and programs did to registers, keys and settings.
create table audit (
    audit_id bigint generated always as identity primary key,
    made_at timestamptz not null,
    actor text not null,
    action text not null,
    subject text not null,
    detail jsonb not null default '{}',
    reason text
);

grant usage on schema public to payclear_app, payclear_auditor;
grant select on installation, event, event_batch, audit to payclear_app;
grant insert on event, event_batch, audit to payclear_app;
grant select, insert, delete on answer, outbox to payclear_app;
grant select, insert on nonce to payclear_app;
grant select, insert, update, delete on due, lease, watermark to payclear_app;
revoke all on function nonce_empty_ahead() from public;
grant execute on function nonce_empty_ahead() to payclear_app;
