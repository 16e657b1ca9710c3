-- The officers' day: the working calendar, the days with their states, the signed snapshots, and
-- what is paid over to the Treasury.

-- Days off and worked weekends (ngày nghỉ, ngày làm bù), dated like every register: a row holds from
-- `valid_from`, the day on which it was announced, until a later row of the same day.
create table holiday (
    day date not null,
    valid_from date not null,
    name text not null,
    -- A weekend that is worked in place of another day.
    working boolean not null default false,
    -- Taken back: the day is as its weekday says.
    closed boolean not null default false,
    load_id bigint not null,
    constraint holiday_pkey primary key (day, valid_from),
    constraint holiday_load_fkey foreign key (load_id) references register_load
);
grant select, insert, update on holiday to payclear_app;

-- ---- the ledger's side: which days take entries ----

-- A day closes in revisions: it is closed while its last closing was not reopened.
alter table ledger.closed_day add column revision integer not null default 1;
alter table ledger.closed_day drop constraint closed_day_pkey;
alter table ledger.closed_day add constraint closed_day_pkey primary key (day, revision);
alter table ledger.closed_day add constraint closed_day_revision check (revision > 0);

-- A closing that was taken back. The closing and its snapshot stay.
create table ledger.reopened_day (
    day date not null,
    revision integer not null,
    reopened_at timestamptz not null,
    reopened_by text not null,
    reason text not null,
    constraint reopened_day_pkey primary key (day, revision),
    constraint reopened_day_closed_fkey foreign key (day, revision) references ledger.closed_day,
    constraint reopened_day_has_reason check (reason <> '')
);

-- Months whose days stay closed for good.
create table ledger.locked_month (
    -- Its first day.
    month date primary key,
    locked_at timestamptz not null,
    locked_by text not null,
    constraint locked_month_is_a_first check (extract(day from month) = 1)
);

create function ledger.is_closed(of_day date) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
    select exists (
        select from ledger.closed_day c
         where c.day = of_day
           and not exists (select from ledger.reopened_day r
                            where r.day = c.day and r.revision = c.revision));
$$;

-- As before, and a day that was reopened takes entries again.
create or replace function ledger.entry_stamp() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    new.made_by_tx := pg_current_xact_id();
    new.made_at := transaction_timestamp();
    while exists (select from ledger.closed_day c
                   where c.day = new.business_day
                     and not exists (select from ledger.reopened_day r
                                      where r.day = c.day and r.revision = c.revision)) loop
        new.business_day := new.business_day + 1;
    end loop;
    return new;
end $$;

-- The entries of a day are found by where they lie: they are written in the order of days.
create index entry_business_day_idx on ledger.entry using brin (business_day)
    with (pages_per_range = 16, autosummarize = on);

-- ---- the officers' side ----

-- A business day (ngày đối soát) and where it stands.
create table business_day (
    day date primary key,
    opened_at timestamptz not null,
    -- From here on it changes.
    status text not null default 'open',
    status_since timestamptz not null,
    -- Rises with each reopening.
    revision integer not null default 1,
    prepared_by text,
    preparation_id uuid,
    approved_by text,
    reopen_by text,
    reopen_reason text,
    constraint business_day_status check (status in
        ('open', 'files_complete', 'matched', 'prepared', 'approved', 'closed',
         'reopen_requested', 'reopened')),
    constraint business_day_revision check (revision > 0),
    constraint business_day_four_eyes check (approved_by <> prepared_by),
    constraint business_day_prepared_by_somebody check
        ((status in ('prepared', 'approved', 'closed', 'reopen_requested')) = (prepared_by is not null)),
    constraint business_day_prepared_is_kept check ((prepared_by is null) = (preparation_id is null)),
    constraint business_day_approved_by_somebody check
        ((status in ('approved', 'closed', 'reopen_requested')) = (approved_by is not null)),
    constraint business_day_reopening_has_reason check
        ((status = 'reopen_requested') = (reopen_by is not null)
         and (reopen_by is null) = (reopen_reason is null))
);
create index business_day_unclosed_idx on business_day (day) where status <> 'closed';

-- What was prepared to be signed: canonical JSON and its hash. Kept, whatever became of it.
create table day_preparation (
    preparation_id uuid primary key,
    day date not null,
    revision integer not null,
    content text not null,
    content_hash bytea not null,
    prepared_by text not null,
    prepared_at timestamptz not null,
    constraint day_preparation_day_fkey foreign key (day) references business_day,
    constraint day_preparation_hash_of_content check
        (content_hash = sha256(convert_to(content, 'UTF8')))
);
alter table business_day add constraint business_day_preparation_fkey
    foreign key (preparation_id) references day_preparation;

-- Keys that sign; the secret half is sealed. A key signs from its approval on until a later one is
-- approved; its public half is shown for good.
create table signing_key (
    key_id text primary key,
    public_key bytea not null,
    secret bytea not null,
    made_at timestamptz not null,
    made_by text not null,
    usable_since timestamptz,
    constraint signing_key_is_ed25519 check (length(public_key) = 32)
);

create function signing_key_guard() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'UPDATE' and old.usable_since is not null then
        raise exception 'since when a key is usable stays' using errcode = 'check_violation';
    end if;
    if new.usable_since is not null and not public.bootstrap_is_open()
       and not public.is_being_approved(array['signing_key.add'], new.key_id) then
        raise exception 'a key is approved by another' using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger signing_key_guard before insert or update on signing_key
    for each row execute function signing_key_guard();

-- A day that was closed: what was prepared, sealed and signed, chained to the one before it.
create table day_snapshot (
    day date not null,
    revision integer not null,
    preparation_id uuid not null,
    -- Canonical JSON: the hash of the content, the seal before it, the head of the event chain, who
    -- prepared and who approved.
    seal text not null,
    seal_hash bytea not null,
    signature bytea not null,
    key_id text not null,
    closed_at timestamptz not null,
    constraint day_snapshot_pkey primary key (day, revision),
    constraint day_snapshot_day_fkey foreign key (day) references business_day,
    constraint day_snapshot_preparation_fkey foreign key (preparation_id) references day_preparation,
    constraint day_snapshot_key_fkey foreign key (key_id) references signing_key,
    constraint day_snapshot_hash_of_seal check (seal_hash = sha256(convert_to(seal, 'UTF8'))),
    constraint day_snapshot_signature_length check (length(signature) = 64)
);

-- What is signed stays: for the owner as well.
create function kept_as_it_is() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    raise exception '% is kept as it is', tg_table_name using errcode = 'insufficient_privilege';
end $$;
create trigger day_preparation_kept before update or delete or truncate on day_preparation
    for each statement execute function kept_as_it_is();
create trigger day_snapshot_kept before update or delete or truncate on day_snapshot
    for each statement execute function kept_as_it_is();

-- The arrows of a day's life, and what must be so at each.
create function business_day_steps() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        if new.status <> 'open' or new.revision <> 1 then
            raise exception 'a day begins open' using errcode = 'check_violation';
        end if;
        return new;
    end if;
    if (new.day, new.opened_at) is distinct from (old.day, old.opened_at) then
        raise exception 'a day stays the day it is' using errcode = 'check_violation';
    end if;
    if old.status <> new.status and (old.status, new.status) not in (
            ('open', 'files_complete'), ('reopened', 'files_complete'),
            ('files_complete', 'matched'), ('files_complete', 'open'), ('matched', 'open'),
            ('matched', 'prepared'), ('prepared', 'matched'), ('prepared', 'approved'),
            ('approved', 'closed'), ('closed', 'reopen_requested'),
            ('reopen_requested', 'closed'), ('reopen_requested', 'reopened')) then
        raise exception 'a day that is % cannot become %', old.status, new.status
            using errcode = 'check_violation';
    end if;
    if new.revision <> old.revision
       and (new.revision <> old.revision + 1 or new.status <> 'reopened') then
        raise exception 'a revision begins with a reopening' using errcode = 'check_violation';
    end if;
    if old.prepared_by is not null and new.status not in ('matched', 'reopened')
       and (new.prepared_by, new.preparation_id) is distinct from (old.prepared_by, old.preparation_id) then
        raise exception 'who prepared a day stays' using errcode = 'check_violation';
    end if;
    if old.approved_by is not null and new.status <> 'reopened'
       and new.approved_by is distinct from old.approved_by then
        raise exception 'who approved a day stays' using errcode = 'check_violation';
    end if;
    if old.status = 'prepared' and new.status = 'approved'
       and not public.is_being_approved(array['day.close'], new.day || '/' || new.revision) then
        raise exception 'a day is approved by another' using errcode = 'check_violation';
    end if;
    if old.status = 'approved' and new.status = 'closed' and not (
            exists (select from ledger.closed_day c
                     where c.day = new.day and c.revision = new.revision)
            and exists (select from public.day_snapshot s
                         where s.day = new.day and s.revision = new.revision
                           and s.preparation_id = new.preparation_id)) then
        raise exception 'a day that closes is sealed' using errcode = 'check_violation';
    end if;
    if new.status = 'reopened' and old.status <> 'reopened' and (
            new.revision = old.revision
            or not exists (select from ledger.reopened_day r
                            where r.day = old.day and r.revision = old.revision)) then
        raise exception 'a day is reopened in the ledger as well' using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger business_day_steps before insert or update on business_day
    for each row execute function business_day_steps();

-- A day closes once it was approved by another, and once those before it are closed.
create function ledger.closed_day_guard() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not exists (select from public.business_day b
                    where b.day = new.day and b.revision = new.revision and b.status = 'approved'
                      and b.approved_by <> b.prepared_by) then
        raise exception 'a day closes when another has approved it' using errcode = 'check_violation';
    end if;
    if exists (select from public.business_day b
                where b.day < new.day and not ledger.is_closed(b.day)) then
        raise exception 'days close in their order' using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger closed_day_guard before insert on ledger.closed_day
    for each row execute function ledger.closed_day_guard();

-- The last closed day is reopened first, by two people, and never one of a locked month.
create function ledger.reopened_day_guard() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if exists (select from ledger.locked_month m where m.month = date_trunc('month', new.day)::date) then
        raise exception 'the month is locked for good' using errcode = 'check_violation';
    end if;
    if exists (select from ledger.closed_day c where c.day > new.day and ledger.is_closed(c.day)) then
        raise exception 'the last closed day is reopened first' using errcode = 'check_violation';
    end if;
    if not public.is_being_approved(array['day.reopen'], new.day || '/' || new.revision) then
        raise exception 'a day is reopened by two people' using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger reopened_day_lock before insert on ledger.reopened_day
    for each statement execute function ledger.close_takes_day_lock();
create trigger reopened_day_guard before insert on ledger.reopened_day
    for each row execute function ledger.reopened_day_guard();

-- A month is locked when its last day is closed, and with that all before it.
create function ledger.locked_month_guard() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not ledger.is_closed((new.month + interval '1 month' - interval '1 day')::date) then
        raise exception 'a month is locked once its last day is closed'
            using errcode = 'check_violation';
    end if;
    if not public.is_being_approved(array['month.lock'], to_char(new.month, 'YYYY-MM')) then
        raise exception 'a month is locked by two people' using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger locked_month_lock before insert on ledger.locked_month
    for each statement execute function ledger.close_takes_day_lock();
create trigger locked_month_guard before insert on ledger.locked_month
    for each row execute function ledger.locked_month_guard();

-- A file that was not in when it should have been, and its case.
create table missing_file (
    day date not null,
    partner text not null,
    account text not null,
    kind text not null,
    break_id uuid not null,
    -- When it was in after all.
    found_at timestamptz,
    constraint missing_file_pkey primary key (day, partner, account, kind),
    constraint missing_file_kind check (kind in ('account', 'report')),
    constraint missing_file_break_fkey foreign key (break_id) references break_case
);

grant select, insert on business_day, day_preparation, day_snapshot, signing_key, missing_file,
    ledger.reopened_day, ledger.locked_month to payclear_app;
grant update (status, status_since, revision, prepared_by, preparation_id, approved_by, reopen_by,
    reopen_reason) on business_day to payclear_app;
grant update (usable_since) on signing_key to payclear_app;
grant update (found_at, break_id) on missing_file to payclear_app;

-- ---- paid over to the Treasury ----

-- One run: what is paid out of one bank account, in one file.
create table payover (
    payover_id uuid primary key,
    -- The bank account that pays.
    account text not null,
    currency text not null,
    -- Of business days up to this one.
    until date not null,
    amount numeric not null,
    lines integer not null,
    prepared_by text not null,
    prepared_at timestamptz not null,
    -- From here on it changes.
    status text not null default 'prepared',
    status_since timestamptz not null,
    approved_by text,
    sent_by text,
    sent_at timestamptz,
    constraint payover_amount check (amount > 0),
    constraint payover_lines check (lines > 0),
    constraint payover_status check (status in
        ('prepared', 'approved', 'refused', 'sent', 'confirmed', 'failed')),
    constraint payover_four_eyes check (approved_by <> prepared_by),
    constraint payover_approved_by_somebody check
        (status not in ('approved', 'sent', 'confirmed', 'failed') or approved_by is not null),
    constraint payover_sent_by_somebody check
        ((status in ('sent', 'confirmed', 'failed')) = (sent_by is not null)
         and (sent_by is null) = (sent_at is null))
);
create index payover_unfinished_idx on payover (status) where status in ('prepared', 'approved', 'sent');

create function payover_steps() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        if new.status <> 'prepared' then
            raise exception 'a run begins as prepared' using errcode = 'check_violation';
        end if;
        return new;
    end if;
    if old.status <> new.status and (old.status, new.status) not in (
            ('prepared', 'approved'), ('prepared', 'refused'), ('approved', 'refused'),
            ('approved', 'sent'), ('sent', 'confirmed'), ('sent', 'failed')) then
        raise exception 'a run that is % cannot become %', old.status, new.status
            using errcode = 'check_violation';
    end if;
    if old.status = 'prepared' and new.status = 'approved'
       and not public.is_being_approved(array['payover.release'], new.payover_id::text) then
        raise exception 'a run is released by another' using errcode = 'check_violation';
    end if;
    if old.approved_by is not null and new.approved_by is distinct from old.approved_by then
        raise exception 'who approved a run stays' using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger payover_steps before insert or update on payover
    for each row execute function payover_steps();

-- One transfer of a run: its id is the reference that the bank gives back.
create table payover_line (
    payover_line_id uuid primary key,
    payover_id uuid not null,
    place integer not null,
    -- Through whom the money came to the account that pays.
    partner text not null,
    agency text not null,
    treasury_account text not null,
    treasury_name text not null,
    -- The bank's BIN, or the Treasury office's code.
    treasury_bank text not null,
    chapter text not null,
    sub_item text not null,
    -- The business day on which it was collected.
    day date not null,
    amount numeric not null,
    items integer not null,
    -- From here on it changes.
    status text not null default 'waiting',
    status_since timestamptz not null,
    confirmed_by text,
    value_date date,
    statement_line bigint,
    entry_id bigint,
    -- The case that is open about it.
    break_id uuid,
    constraint payover_line_run_fkey foreign key (payover_id) references payover,
    constraint payover_line_place unique (payover_id, place),
    constraint payover_line_amount check (amount > 0),
    constraint payover_line_status check (status in ('waiting', 'sent', 'confirmed', 'failed')),
    constraint payover_line_confirmed_is_booked check ((status = 'confirmed') = (entry_id is not null)),
    constraint payover_line_break_fkey foreign key (break_id) references break_case
);
create index payover_line_sent_idx on payover_line (status_since) where status = 'sent';

create function payover_line_steps() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if old.status <> new.status and (old.status, new.status) not in (
            ('waiting', 'sent'), ('sent', 'confirmed'), ('sent', 'failed')) then
        raise exception 'a transfer that is % cannot become %', old.status, new.status
            using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger payover_line_steps before update on payover_line
    for each row execute function payover_line_steps();

-- What a transfer is the sum of: parts of lines of invoices. Written with the transfer.
create table payover_item (
    payover_line_id uuid not null,
    invoice_id uuid not null,
    line integer not null,
    cycle integer not null,
    amount numeric not null,
    constraint payover_item_pkey primary key (payover_line_id, invoice_id, line),
    constraint payover_item_line_fkey foreign key (payover_line_id) references payover_line,
    constraint payover_item_amount check (amount > 0)
);
create index payover_item_invoice_idx on payover_item (invoice_id);

-- A transfer is the sum of its parts, and no line of an invoice is paid over for more than it is.
-- The lines' amounts stand in the invoice and never change.
create function payover_item_fits() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if exists (select from public.payover_line l
                 join lateral (select coalesce(sum(i.amount), 0) as total
                                 from public.payover_item i
                                where i.payover_line_id = l.payover_line_id) t on true
                where l.payover_line_id in (select n.payover_line_id from lines n)
                  and t.total <> l.amount) then
        raise exception 'a transfer is the sum of its parts' using errcode = 'check_violation';
    end if;
    if exists (select from (select distinct n.invoice_id, n.line from lines n) n
                 join public.invoice v on v.invoice_id = n.invoice_id
                 join lateral (
                      select sum(i.amount) as total
                        from public.payover_item i
                        join public.payover_line l on l.payover_line_id = i.payover_line_id
                        join public.payover p on p.payover_id = l.payover_id
                       where i.invoice_id = n.invoice_id and i.line = n.line
                         and l.status <> 'failed' and p.status <> 'refused') t on true
                where t.total > coalesce(
                      (v.lines -> (n.line - 1) -> 'amount' ->> 'amount')::numeric, 0)) then
        raise exception 'more than the line of the invoice' using errcode = 'check_violation';
    end if;
    return null;
end $$;
create trigger payover_item_fits after insert on payover_item
    referencing new table as lines for each statement execute function payover_item_fits();

-- Lines of invoices that are in a run which is not finished: nothing of them is given back until
-- then, and no other run takes them.
create table line_in_payover (
    invoice_id uuid not null,
    line integer not null,
    payover_line_id uuid not null,
    constraint line_in_payover_pkey primary key (invoice_id, line)
);
create index line_in_payover_of_idx on line_in_payover (payover_line_id);

-- What is in a run, or was paid over by one, stays seen in the bank: money has gone out for it.
create function settlement_banked_stays() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if exists (select from public.settlement s
                 join public.payover_item i on i.invoice_id = s.invoice_id and i.cycle = s.applied_cycle
                 join public.payover_line l on l.payover_line_id = i.payover_line_id
                 join public.payover p on p.payover_id = l.payover_id
                where s.settlement_id = old.settlement_id
                  and l.status <> 'failed' and p.status <> 'refused') then
        raise exception 'settlement % is being paid over', old.settlement_id
            using errcode = 'check_violation';
    end if;
    return old;
end $$;
create trigger settlement_banked_stays before delete on settlement_banked
    for each row execute function settlement_banked_stays();

-- Net positions up to the end of a closed day: sums since the beginning, so that reading them
-- means reading the days after it alone.
create table day_position (
    day date not null,
    revision integer not null,
    partner text not null,
    agency text not null,
    currency text not null,
    collected numeric not null,
    refunded numeric not null,
    fees numeric not null,
    paid_over numeric not null,
    constraint day_position_pkey primary key (day, revision, partner, agency, currency)
);

-- What was seen in the bank lately.
create index settlement_banked_at_idx on settlement_banked using brin (at);

grant select, insert on payover, payover_line, payover_item, day_position to payclear_app;
grant select, insert, delete on line_in_payover to payclear_app;
grant update (status, status_since, approved_by, sent_by, sent_at) on payover to payclear_app;
grant update (status, status_since, confirmed_by, value_date, statement_line, entry_id, break_id)
    on payover_line to payclear_app;

-- Auditors read what came since the first grant as well.
grant select on all tables in schema public to payclear_auditor;
grant select on all tables in schema ledger to payclear_auditor;
