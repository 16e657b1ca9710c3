-- Matching (đối soát): what banks and partners say meets what we booked. A match is never changed;
-- it is taken back by a row beside it, with a reason.

-- What the contract with a partner says, from a day on: what it keeps of each payment, and within
-- how many working days its money is in the bank.
create table partner_fee (
    partner text not null,
    valid_from date not null,
    -- Of each payment: so many đồng, and so many hundredths; the sum rounded half up to 1 đồng.
    fixed numeric not null default 0,
    percent numeric not null default 0,
    window_days smallint not null default 3,
    -- How far a whole batch may be off, for a second officer to accept; 0 means never.
    tolerance numeric not null default 0,
    made_by text not null,
    made_at timestamptz not null,
    constraint partner_fee_pkey primary key (partner, valid_from),
    constraint partner_fee_fixed check (fixed >= 0),
    constraint partner_fee_percent check (percent >= 0 and percent < 100),
    constraint partner_fee_window check (window_days between 0 and 60),
    constraint partner_fee_tolerance check (tolerance between 0 and 1000)
);

-- How far the matching of a statement has come. A crash goes on from here.
create table matching (
    statement_id uuid primary key,
    -- undoing (of the issue that it stands in for), lines, done.
    phase text not null,
    -- The place of the last line that was looked at, and booked with what was found.
    upto integer not null default 0,
    rule_version smallint not null,
    matched bigint not null default 0,
    suggested bigint not null default 0,
    open bigint not null default 0,
    kept bigint not null default 0,
    started_at timestamptz not null,
    finished_at timestamptz,
    constraint matching_statement_fkey foreign key (statement_id) references statement,
    constraint matching_phase check (phase in ('undoing', 'lines', 'done', 'undone')),
    constraint matching_is_finished check ((finished_at is null) = (phase in ('undoing', 'lines')))
);

-- The entries that book a statement: they go back when another issue takes its place.
create table matching_entry (
    entry_id bigint primary key,
    statement_id uuid not null,
    constraint matching_entry_statement_fkey foreign key (statement_id) references statement
);
create index matching_entry_statement_idx on matching_entry (statement_id);

-- A decision that things belong together. Never changed: see `unmatch` and `match_confirmation`.
create table match (
    match_id uuid primary key,
    -- line: a report's line and our settlement. funds: a bank account's credit or debit and what it
    -- pays. payout: our own transfer to the Treasury.
    layer text not null,
    rule text not null,
    rule_version smallint not null,
    -- As it was made: a suggestion counts once it is confirmed.
    state text not null,
    partner text not null,
    account text not null,
    -- Whose business it is: the agency that the account collects for, or everybody's (*).
    agency text not null,
    -- What the partner kept by contract of what is paid here.
    fee numeric not null default 0,
    -- What is missing (-) or over (+), accepted by two people.
    difference numeric not null default 0,
    -- Which fields agreed; of one by hand, why.
    reason text not null,
    made_by text not null,
    made_at timestamptz not null,
    constraint match_layer check (layer in ('line', 'funds', 'payout')),
    constraint match_rule check (rule ~ '^R([0-9]|10)$' or rule = 'hand'),
    constraint match_state check (state in ('suggested', 'confirmed')),
    constraint match_fee check (fee >= 0),
    constraint match_difference_by_people check (difference = 0 or rule in ('hand', 'R10')),
    constraint match_by_hand_has_reason check (rule <> 'hand' or reason <> '')
);

-- What a match joins. A row that holds a line and something of ours is a pair.
create table match_side (
    match_id uuid not null,
    place smallint not null,
    layer text not null,
    line_id bigint,
    line_amount numeric not null default 0,
    settlement_id uuid,
    -- A refund, or a reversal: money that went back.
    back_id uuid,
    -- A batch of a report, as a whole.
    report_id uuid,
    batch text,
    -- A line of a pay-over.
    payout_id uuid,
    -- Suggested: the invoice that money in suspense seems to be meant for.
    invoice_id uuid,
    own_amount numeric not null default 0,
    -- Until the match is taken back.
    active boolean not null default true,
    constraint match_side_pkey primary key (match_id, place),
    constraint match_side_place check (place > 0),
    constraint match_side_is_something
        check (num_nonnulls(line_id, settlement_id, back_id, report_id, payout_id) > 0),
    constraint match_side_is_one_thing_of_ours
        check (num_nonnulls(settlement_id, back_id, report_id, payout_id) <= 1),
    constraint match_side_batch check ((report_id is null) = (batch is null)),
    constraint match_side_invoice check (invoice_id is null or settlement_id is not null),
    constraint match_side_amounts check ((line_id is not null or line_amount = 0)
        and (line_id is null or line_amount <> 0))
);
-- A line belongs to one match, a settlement to one of each layer. A suggestion that names an invoice
-- stands beside the match of its money.
create unique index match_side_line_once on match_side (line_id)
    where active and invoice_id is null;
create unique index match_side_settlement_of_line_once on match_side (settlement_id)
    where active and layer = 'line' and settlement_id is not null;
create unique index match_side_settlement_of_funds_once on match_side (settlement_id)
    where active and layer = 'funds' and settlement_id is not null and invoice_id is null;
create unique index match_side_suggested_once on match_side (line_id)
    where active and invoice_id is not null;
create unique index match_side_back_once on match_side (back_id, layer)
    where active and back_id is not null;
create unique index match_side_batch_once on match_side (report_id, batch)
    where active and report_id is not null;
-- What people have taken back is not matched again by a rule.
create index match_side_undone_idx on match_side (line_id) where not active;
create unique index match_side_payout_once on match_side (payout_id)
    where active and payout_id is not null;

-- A person has agreed to a suggestion.
create table match_confirmation (
    match_id uuid primary key,
    confirmed_by text not null,
    at timestamptz not null,
    constraint match_confirmation_match_fkey foreign key (match_id) references match
);

-- A match is taken back: nothing of it is deleted.
create table unmatch (
    match_id uuid primary key,
    reason text not null,
    made_by text not null,
    made_at timestamptz not null,
    constraint unmatch_match_fkey foreign key (match_id) references match,
    constraint unmatch_has_reason check (reason <> '')
);

-- The batches of reports, added up while their lines are looked at.
create table report_batch (
    statement_id uuid not null,
    batch text not null,
    partner text not null,
    account text not null,
    currency text not null,
    day date not null,
    value_date date not null,
    lines bigint not null,
    -- Signed sums of booked lines; the fee that the report states, and the one of the contract.
    gross numeric not null,
    fee numeric not null,
    contract_fee numeric not null,
    first_place integer not null,
    last_place integer not null,
    -- adding (its report is still being read) ─▶ open ─▶ funded (its money was seen in the bank) ─▶ banked (so was each settlement told of it).
    state text not null default 'adding',
    banked_upto integer not null default 0,
    -- The entry that books its money, while it is funded.
    entry_id bigint,
    match_id uuid,
    -- The case that its money has not come in time.
    break_id uuid,
    constraint report_batch_pkey primary key (statement_id, batch),
    constraint report_batch_statement_fkey foreign key (statement_id) references statement,
    constraint report_batch_state check
        (state in ('adding', 'open', 'funded', 'banked', 'undone')),
    constraint report_batch_is_funded check ((state in ('funded', 'banked')) = (match_id is not null))
);
create index report_batch_named_idx on report_batch (batch) where state = 'open';
-- Money that is due.
create index report_batch_due_idx on report_batch (partner, value_date)
    where state = 'open' and break_id is null and batch <> '';
create index report_batch_waiting_idx on report_batch (state) where state in ('open', 'funded');

-- Lines that no rule has matched, and why. Gone once they are matched.
create table open_line (
    line_id bigint primary key,
    statement_id uuid not null,
    -- waiting: its window is open. open: a case. payout: a transfer of ours, for the pay-over. kept:
    -- nothing is to be done.
    standing text not null,
    -- The code that it has, or will have.
    code text,
    break_id uuid,
    why text not null,
    look_after date not null,
    -- What its money was booked to, of a bank account's line: receivable or suspense.
    booked_to text,
    entry_id bigint,
    constraint open_line_statement_fkey foreign key (statement_id) references statement,
    constraint open_line_standing check (standing in ('waiting', 'open', 'payout', 'kept')),
    constraint open_line_booked_to check (booked_to in ('receivable', 'suspense')),
    constraint open_line_has_case check (standing <> 'open' or code is not null)
);
create index open_line_statement_idx on open_line (statement_id);
create index open_line_waiting_idx on open_line (line_id) where standing in ('waiting', 'open');
create index open_line_payout_idx on open_line (line_id) where standing = 'payout';

-- Up to which day of an account settlements that nobody reported have been looked for.
create table missing_upto (
    partner text not null,
    account text not null,
    day date not null,
    constraint missing_upto_pkey primary key (partner, account)
);

-- The sides of a match come in one statement, tell the amounts of what they join, and add up. One
-- question for all rows of a statement. Plans are kept from reading whole tables: what comes in has
-- no statistics.
create function match_side_fits() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
declare
    bad uuid;
begin
    -- Counted from the first place without a gap: whoever comes later with more meets the primary key.
    select s.match_id into bad
      from (select l.match_id, count(*) as sides, min(l.place) as first, max(l.place) as last,
                   sum(l.line_amount) as line, sum(l.own_amount) as own, min(l.layer) as low,
                   max(l.layer) as high, bool_or(l.invoice_id is not null) as suggests
              from lines l group by l.match_id) s
      left join lateral (select m.layer, m.fee, m.difference, m.state from public.match m
                          where m.match_id = s.match_id offset 0) m on true
     where m.layer is null or s.low <> m.layer or s.high <> m.layer
        or s.line <> s.own - m.fee + m.difference
        or (s.suggests and m.state <> 'suggested')
        or s.first <> 1 or s.last <> s.sides
     limit 1;
    if found then
        raise exception 'the sides of match % do not add up', bad using errcode = 'check_violation';
    end if;
    select l.match_id into bad
      from lines l
      left join lateral (select t.amount, t.standing from public.statement_line t
                          where t.line_id = l.line_id offset 0) t on true
      left join lateral (select t.amount, t.entry_id from public.settlement t
                          where t.settlement_id = l.settlement_id offset 0) o on true
     where (l.line_id is not null
            and (t.amount is distinct from l.line_amount or t.standing is distinct from 'booked'))
        or (l.settlement_id is not null
            and (o.amount is distinct from l.own_amount or o.entry_id is null))
     limit 1;
    if found then
        raise exception 'match % is of another line or settlement', bad
            using errcode = 'check_violation';
    end if;
    if not exists (select from lines l where l.back_id is not null or l.report_id is not null) then
        return null;
    end if;
    select l.match_id into bad
      from lines l
     where (l.back_id is not null and l.own_amount is distinct from -coalesce(
                (select r.amount from public.refund r where r.refund_id = l.back_id),
                (select s.amount from public.reversal r
                   join public.settlement s on s.settlement_id = r.settlement_id
                  where r.reversal_id = l.back_id)))
        or (l.report_id is not null and l.own_amount is distinct from
                (select b.gross - b.fee from public.report_batch b
                  where b.statement_id = l.report_id and b.batch = l.batch))
     limit 1;
    if found then
        raise exception 'match % is of another amount', bad using errcode = 'check_violation';
    end if;
    return null;
end $$;
create trigger match_side_fits after insert on match_side
    referencing new table as lines for each statement execute function match_side_fits();

-- Only what was suggested, and still stands, is confirmed.
create function match_confirmation_fits() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not exists (select from public.match m
                    where m.match_id = new.match_id and m.state = 'suggested'
                      and not exists (select from public.unmatch u where u.match_id = m.match_id)) then
        raise exception 'match % is no suggestion that stands', new.match_id
            using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger match_confirmation_fits before insert on match_confirmation
    for each row execute function match_confirmation_fits();

-- What is taken back frees what it joined.
create function unmatch_frees() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
begin
    update public.match_side s set active = false
      from lines l where s.match_id = l.match_id;
    return null;
end $$;
create trigger unmatch_frees after insert on unmatch
    referencing new table as lines for each statement execute function unmatch_frees();

-- A settlement that was seen in the bank by a match is no longer, once that match is taken back. What
-- an officer saw stays, and so does what a refund of what is due back was released by.
alter table settlement_banked drop constraint settlement_banked_settlement_fkey;
create function settlement_banked_fits() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
begin
    if exists (select from lines l
                 left join lateral (select t.entry_id from public.settlement t
                                     where t.settlement_id = l.settlement_id offset 0) t on true
                where t.entry_id is null) then
        raise exception 'what is not booked cannot be banked' using errcode = 'check_violation';
    end if;
    return null;
end $$;
create trigger settlement_banked_fits after insert on settlement_banked
    referencing new table as lines for each statement execute function settlement_banked_fits();

create function settlement_banked_leaves() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if old.confirmed_by not like 'match/%'
       or (exists (select from public.match_side s
                    where s.settlement_id = old.settlement_id and s.active and s.invoice_id is null)
           and not exists (select from public.unmatch u
                            where u.match_id = substr(old.confirmed_by, 7)::uuid)) then
        raise exception 'settlement % was seen in the bank', old.settlement_id
            using errcode = 'check_violation';
    end if;
    if exists (select from public.refund r
                where r.settlement_id = old.settlement_id and r.kind = 'surplus'
                  and r.status in ('approved', 'sent', 'confirmed')) then
        raise exception 'settlement % was given back', old.settlement_id
            using errcode = 'check_violation';
    end if;
    return old;
end $$;
create trigger settlement_banked_leaves before delete on settlement_banked
    for each row execute function settlement_banked_leaves();

grant select, insert on partner_fee, matching_entry, match, match_side, match_confirmation, unmatch
    to payclear_app;
grant select, insert, update on matching, report_batch, missing_upto to payclear_app;
grant select, insert, update, delete on open_line to payclear_app;
grant delete on settlement_banked to payclear_app;
grant select on partner_fee, matching, matching_entry, match, match_side, match_confirmation, unmatch,
    report_batch, open_line, missing_upto to payclear_auditor;
