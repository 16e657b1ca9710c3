-- Receipts: number ranges, receipts numbered after commit, their history; and what the open
-- statistics are made of.

-- A range of receipt numbers (dải số biên lai) that a unit may use, as it was notified to the tax
-- office. The symbol names its year: numbers run from 1 January (or first use) to 31 December.
create table receipt_range (
    agency text not null,
    form text not null,
    symbol text not null,
    first_number integer not null,
    last_number integer not null,
    -- Who issues on the agency's behalf, by which written delegation; empty when it issues itself.
    delegate_name text not null default '',
    delegate_tax_code text not null default '',
    delegation text not null default '',
    -- What is left of it is given up.
    closed boolean not null default false,
    load_id bigint not null,
    constraint receipt_range_pkey primary key (agency, form, symbol, first_number),
    constraint receipt_range_form check (form in ('EBL01', 'EBL02')),
    constraint receipt_range_symbol check (symbol ~ '^[0-9]{2}T[ABCDEGHKLMNPQRSTUVXY]{2}$'),
    constraint receipt_range_numbers check
        (first_number between 1 and 99999999 and last_number between first_number and 99999999),
    constraint receipt_range_delegation_is_whole check
        ((delegate_name = '') = (delegate_tax_code = '') and (delegate_name = '') = (delegation = '')),
    constraint receipt_range_load_fkey foreign key (load_id) references register_load
);

-- No number belongs to two ranges, and what was notified does not change; loads come one after
-- another, so that each sees those before it.
create function receipt_range_guard() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'UPDATE' and (new.agency, new.form, new.symbol, new.first_number, new.last_number,
            new.delegate_name, new.delegate_tax_code, new.delegation)
        is distinct from (old.agency, old.form, old.symbol, old.first_number, old.last_number,
            old.delegate_name, old.delegate_tax_code, old.delegation) then
        raise exception 'a range of receipt numbers stays as it was notified'
            using errcode = 'check_violation';
    end if;
    if exists (select from public.receipt_range r
                where r.agency = new.agency and r.form = new.form and r.symbol = new.symbol
                  and r.first_number <> new.first_number
                  and int4range(r.first_number, r.last_number, '[]')
                      && int4range(new.first_number, new.last_number, '[]')) then
        raise exception 'two ranges of receipt numbers overlap' using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger receipt_range_guard before insert or update on receipt_range
    for each row execute function receipt_range_guard();

-- The key that signs an agency's receipts, sealed, where no remote signing service does.
create table receipt_key (
    key_id text primary key,
    agency text not null,
    public_key bytea not null,
    secret bytea not null,
    made_at timestamptz not null,
    constraint receipt_key_public_is_ed25519 check (length(public_key) = 32),
    constraint receipt_key_of_agency unique (agency)
);

-- One row: up to which batch of events receipts are made, by whose fence.
create table receipt_progress (
    only_one boolean primary key default true constraint receipt_progress_only_one check (only_one),
    batch_id bigint not null,
    -- What was paid before has its paper receipt.
    since_batch bigint not null,
    fence bigint not null default 0
);
insert into receipt_progress (batch_id, since_batch)
    select coalesce(max(batch_id), 0), coalesce(max(batch_id), 0) from event_batch;

-- What could not be done when its event was looked at, in the order of the events: a receipt for a
-- payment whose unit has no number left, an end for one that was taken back before it had its receipt;
-- and another in place of one that two officers found wrong. Done rows go.
create table receipt_task (
    task_id bigint generated always as identity primary key,
    kind text not null,
    agency text not null,
    invoice_id uuid not null,
    -- The step `invoice.paid` that the receipt is of.
    sequence integer not null,
    at timestamptz not null,
    -- Of a replacement: which receipt, what is put right, why, by whom.
    receipt_id uuid,
    correction jsonb,
    constraint receipt_task_kind check (kind in ('issue', 'cancel', 'replace')),
    constraint receipt_task_once unique (invoice_id, sequence, kind),
    constraint receipt_task_replaces check ((kind = 'replace') = (receipt_id is not null))
);
create index receipt_task_agency_idx on receipt_task (agency, task_id);

-- An electronic receipt (biên lai điện tử). What it says never changes; where it stands does.
create table receipt (
    receipt_id uuid primary key,
    invoice_id uuid not null,
    -- The step `invoice.paid` that it is of.
    sequence integer not null,
    -- Rises with each replacement.
    revision integer not null default 0,
    agency text not null,
    form text not null,
    symbol text not null,
    number integer not null,
    -- The day that it bears.
    day date not null,
    amount numeric not null,
    currency text not null,
    payer_name text not null,
    -- Under this the public checks it; random.
    check_code text not null,
    -- The very bytes that are signed, and their SHA-256.
    content text not null,
    content_hash bytea not null,
    issued_at timestamptz not null,
    -- The clock, or the officer who proposed it and the one who agreed.
    issued_by text not null default 'clock',
    agreed_by text,
    -- The one that it stands in place of.
    replaces uuid,
    -- From here on it changes.
    status text not null default 'valid',
    status_since timestamptz not null,
    key_id text,
    signature bytea,
    signed_at timestamptz,
    constraint receipt_number_once unique (agency, form, symbol, number),
    constraint receipt_check_code_key unique (check_code),
    constraint receipt_of_payment unique (invoice_id, sequence, revision),
    constraint receipt_symbol_is_of_its_year check
        (left(symbol, 2)::integer = extract(year from day)::integer % 100),
    constraint receipt_amount check (amount > 0),
    constraint receipt_check_code_is_long check (length(check_code) >= 20),
    constraint receipt_content_hash_is_its check (content_hash = sha256(convert_to(content, 'UTF8'))),
    constraint receipt_status check (status in ('valid', 'cancelled', 'replaced')),
    constraint receipt_replacement check ((revision > 0) = (replaces is not null)),
    constraint receipt_signature_is_whole check
        ((signature is null) = (signed_at is null) and (signature is null) = (key_id is null)),
    constraint receipt_two_people check (agreed_by <> issued_by),
    constraint receipt_person_is_agreed_with check
        (position('@' in issued_by) = 0 or agreed_by is not null),
    constraint receipt_replaces_fkey foreign key (replaces) references receipt
);
-- A payment has one receipt that stands.
create unique index receipt_one_stands on receipt (invoice_id, sequence) where status = 'valid';
create index receipt_unsigned_idx on receipt (issued_at) where signature is null;
create index receipt_day_idx on receipt (agency, day);

-- Numbers run without a gap: each is the first of a range of its unit or follows the one before.
-- Locks nothing: one leader numbers, and two would meet on the unique number.
create function receipt_follows() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if exists (select from lines l
                where not exists (select from public.receipt_range g
                                   where g.agency = l.agency and g.form = l.form and g.symbol = l.symbol
                                     and l.number between g.first_number and g.last_number)
                   or (not exists (select from public.receipt_range g
                                    where g.agency = l.agency and g.form = l.form
                                      and g.symbol = l.symbol and g.first_number = l.number)
                       and not exists (select from public.receipt r
                                        where r.agency = l.agency and r.form = l.form
                                          and r.symbol = l.symbol and r.number = l.number - 1))) then
        raise exception 'a receipt number does not follow the one before'
            using errcode = 'check_violation';
    end if;
    return null;
end $$;
create trigger receipt_follows after insert on receipt
    referencing new table as lines for each statement execute function receipt_follows();

-- The arrows of a receipt's life; a signature is given once.
create function receipt_steps() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if old.status <> new.status and old.status <> 'valid' then
        raise exception 'a receipt that is % cannot become %', old.status, new.status
            using errcode = 'check_violation';
    end if;
    if old.signature is not null and (new.signature, new.key_id, new.signed_at)
        is distinct from (old.signature, old.key_id, old.signed_at) then
        raise exception 'a signature stays as it was given' using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger receipt_steps before update on receipt
    for each row execute function receipt_steps();

-- How a receipt ended: by whom, why. Rows are added and nothing else. How it began stands in the
-- receipt itself.
create table receipt_step (
    receipt_step_id bigint generated always as identity primary key,
    receipt_id uuid not null,
    kind text not null,
    -- The day on which it is reported.
    day date not null,
    at timestamptz not null,
    actor text not null,
    -- Who agreed, when a person did it.
    approved_by text,
    reason text not null,
    constraint receipt_step_receipt_fkey foreign key (receipt_id) references receipt,
    constraint receipt_step_kind check (kind in ('cancelled', 'replaced')),
    constraint receipt_step_once unique (receipt_id, kind),
    constraint receipt_step_two_people check (approved_by <> actor),
    constraint receipt_step_person_is_approved check
        (position('@' in actor) = 0 or approved_by is not null),
    constraint receipt_step_has_reason check (reason <> '')
);
create index receipt_step_day_idx on receipt_step (day);

create function receipt_history_stays() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    raise exception 'the history of receipts is only added to' using errcode = 'check_violation';
end $$;
create trigger receipt_history_stays before update or delete on receipt_step
    for each row execute function receipt_history_stays();
create trigger receipt_stays before delete on receipt
    for each row execute function receipt_history_stays();

grant select, insert on receipt_range, receipt, receipt_step, receipt_task, receipt_key
    to payclear_app;
grant update (closed, load_id) on receipt_range to payclear_app;
grant delete on receipt_task to payclear_app;
grant update (status, status_since, key_id, signature, signed_at) on receipt to payclear_app;
grant select, update on receipt_progress to payclear_app;
grant select on receipt_range, receipt, receipt_step, receipt_task, receipt_key, receipt_progress
    to payclear_auditor;

-- One day of one agency, procedure and channel (partner; empty where none is known yet): counts and
-- sums, and how long things took, as histograms. Made from committed events, after commit.
create table statistic_day (
    day date not null,
    agency text not null,
    procedure text not null,
    partner text not null,
    currency text not null,
    issued bigint not null default 0,
    issued_amount numeric not null default 0,
    paid bigint not null default 0,
    paid_amount numeric not null default 0,
    expired bigint not null default 0,
    cancelled bigint not null default 0,
    reversed bigint not null default 0,
    reversed_amount numeric not null default 0,
    refunded bigint not null default 0,
    refunded_amount numeric not null default 0,
    attempts bigint not null default 0,
    attempts_succeeded bigint not null default 0,
    attempts_failed bigint not null default 0,
    notices bigint not null default 0,
    notices_failed bigint not null default 0,
    -- How many took how long: place n counts those below the n-th bound.
    pay_times bigint[] not null default '{}',
    notify_times bigint[] not null default '{}',
    constraint statistic_day_pkey primary key (day, agency, procedure, partner, currency),
    constraint statistic_day_counts check (least(issued, paid, expired, cancelled, reversed, refunded,
        attempts, attempts_succeeded, attempts_failed, notices, notices_failed) >= 0)
);

-- One row: up to which batch of events the statistics are made.
create table statistic_progress (
    only_one boolean primary key default true constraint statistic_progress_only_one check (only_one),
    batch_id bigint not null,
    fence bigint not null default 0
);
insert into statistic_progress (batch_id) values (0);

-- Payments whose notice has not arrived yet: looked at again until it has, or is given up.
create table statistic_notice (
    invoice_id uuid not null,
    sequence integer not null,
    paid_at timestamptz not null,
    partner text not null,
    look_at timestamptz not null,
    constraint statistic_notice_pkey primary key (invoice_id, sequence)
);
create index statistic_notice_look_idx on statistic_notice (look_at);

grant select, insert, update on statistic_day to payclear_app;
grant select, update on statistic_progress to payclear_app;
grant select, insert, update, delete on statistic_notice to payclear_app;
grant select on statistic_day, statistic_progress, statistic_notice to payclear_auditor;
