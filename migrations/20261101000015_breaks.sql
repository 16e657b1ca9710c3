-- Breaks as cases: what money each of them holds, who has it, what was said about it, every step of
-- its life, and its way out.
--
-- The cases are the sub-ledger of three accounts: what stands in suspense, in part payments held and
-- in refund due of a partner is the sum of what its open cases hold, always. `payclear verify`
-- recomputes it.

alter table break_case add column held_in text;
-- Credit positive, as those accounts are: below zero when money left an account that it had not come
-- to (it was given back and then taken back as well).
alter table break_case add column held numeric not null default 0;
-- A part payment that completed its invoice, and by which settlement: held again when that one is
-- taken back.
alter table break_case add column used numeric not null default 0;
alter table break_case add column used_by uuid;
alter table break_case add column owner text not null default '';
-- Why it is still open, in a person's words.
alter table break_case add column reason text not null default '';
alter table break_case add column waits_until timestamptz;
-- Its partner sees it since then.
alter table break_case add column shared_since timestamptz;
-- From this day on it ages.
alter table break_case add column ages_from date;
-- The line of a statement or a report that it is about.
alter table break_case add column line_id bigint;
-- The file that it is about: closed once that was taken, or another stands for it.
alter table break_case add column file_id uuid;
alter table break_case add column closed_at timestamptz;
-- Who changed it last, when, and why.
alter table break_case add column changed_by text not null default 'payclear';
alter table break_case add column changed_at timestamptz;
alter table break_case add column change text not null default '';

update break_case
   set ages_from = (opened_at at time zone 'Asia/Ho_Chi_Minh')::date, changed_at = state_since,
       closed_at = case when state in ('resolved', 'auto_closed') then state_since end;
alter table break_case alter column ages_from set not null;
alter table break_case alter column changed_at set not null;

alter table break_case add constraint break_case_held_in check
    (held_in in ('suspense', 'part_payments_held', 'refund_due', 'refunds_in_transit'));
alter table break_case add constraint break_case_holds_somewhere check
    ((held = 0 and used = 0) or held_in is not null);
-- Nobody closes what still holds money.
alter table break_case add constraint break_case_holds_while_open check
    (held = 0 or state in ('open', 'assigned', 'waiting'));
alter table break_case add constraint break_case_used_by_one check ((used = 0) = (used_by is null));
alter table break_case add constraint break_case_closing_is_dated check
    ((closed_at is not null) = (state in ('resolved', 'auto_closed')));
alter table break_case add constraint break_case_assigned_to_somebody check
    (state <> 'assigned' or owner <> '');
alter table break_case add constraint break_case_waits_for_a_reason check
    (state <> 'waiting' or reason <> '');

create index break_case_settlement_idx on break_case (settlement_id) where settlement_id is not null;
create index break_case_file_idx on break_case (file_id) where file_id is not null;
create index break_case_used_idx on break_case (used_by) where used_by is not null;
create index break_case_holding_idx on break_case (held_in, partner) where held <> 0;
-- How cases stood at an instant of late: those that are closed since are found by when.
create index break_case_closed_idx on break_case (closed_at) where closed_at is not null;
create index break_case_shared_idx on break_case (partner, break_id) where shared_since is not null;

-- Every step of a case, written by the triggers below whoever takes it.
create table break_step (
    step_id bigint generated always as identity primary key,
    break_id uuid not null,
    at timestamptz not null,
    from_state text not null,
    to_state text not null,
    -- 1: one more is open; -1: one less; 0: neither. Their sum up to an instant is what was open then.
    opens smallint not null,
    owner text not null,
    -- Why it was still open then, in a person's words.
    reason text not null,
    held numeric not null,
    made_by text not null,
    why text not null,
    constraint break_step_break_fkey foreign key (break_id) references break_case,
    constraint break_step_opens check (opens in (-1, 0, 1))
);
create index break_step_break_idx on break_step (break_id, step_id);
create index break_step_at_idx on break_step (at) where opens <> 0;
insert into break_step
    (break_id, at, from_state, to_state, opens, owner, reason, held, made_by, why)
    select break_id, opened_at, '', 'open', 1, '', '', 0, 'payclear', detail from break_case
    union all
    select break_id, closed_at, 'open', state, -1, '', '', 0, 'payclear', '' from break_case
     where closed_at is not null;

create function break_case_opened() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if exists (select from lines l where l.state not in ('open', 'auto_closed')) then
        raise exception 'a case begins open, or closed by itself' using errcode = 'check_violation';
    end if;
    insert into public.break_step
        (break_id, at, from_state, to_state, opens, owner, reason, held, made_by, why)
        select l.break_id, l.opened_at, '', 'open', 1, l.owner, l.reason, l.held, l.changed_by,
               l.detail
          from lines l order by l.break_id;
    insert into public.break_step
        (break_id, at, from_state, to_state, opens, owner, reason, held, made_by, why)
        select l.break_id, l.opened_at, 'open', l.state, -1, l.owner, l.reason, l.held, l.changed_by, ''
          from lines l where l.state = 'auto_closed' order by l.break_id;
    return null;
end $$;
create trigger break_case_opened after insert on break_case
    referencing new table as lines for each statement execute function break_case_opened();

-- The arrows of a case's life. A person closes one only by an approval that another has given.
create function break_case_guard() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if new.state <> old.state then
        if (old.state, new.state) not in (
                ('open', 'assigned'), ('open', 'waiting'), ('open', 'resolved'),
                ('open', 'auto_closed'), ('assigned', 'waiting'), ('assigned', 'resolved'),
                ('assigned', 'auto_closed'), ('waiting', 'open'), ('waiting', 'assigned'),
                ('waiting', 'resolved'), ('waiting', 'auto_closed'), ('resolved', 'open'),
                ('auto_closed', 'open')) then
            raise exception 'a case that is % cannot become %', old.state, new.state
                using errcode = 'check_violation';
        end if;
        if new.state = 'resolved'
           and not public.is_being_approved(array['break.resolve'], new.break_id::text) then
            raise exception 'a case is resolved by two people' using errcode = 'check_violation';
        end if;
    end if;
    -- Steps are dated in their order whatever the clocks of replicas say: how a case stood at an
    -- instant is its last step before it.
    new.changed_at := greatest(new.changed_at, old.changed_at);
    if old.closed_at is null then
        new.closed_at := case when new.closed_at is not null
                              then greatest(new.closed_at, new.changed_at) end;
    end if;
    return new;
end $$;
create trigger break_case_guard before update on break_case
    for each row execute function break_case_guard();

create function break_case_stepped() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    was_open boolean := old.closed_at is null;
    is_open boolean := new.closed_at is null;
begin
    insert into public.break_step
        (break_id, at, from_state, to_state, opens, owner, reason, held, made_by, why)
        values (new.break_id, new.changed_at, old.state, new.state,
                is_open::integer - was_open::integer, new.owner, new.reason, new.held, new.changed_by,
                new.change);
    return null;
end $$;
create trigger break_case_stepped after update on break_case
    for each row when ((old.state, old.owner, old.held, old.held_in, old.reason, old.waits_until, old.shared_since)
        is distinct from (new.state, new.owner, new.held, new.held_in, new.reason, new.waits_until, new.shared_since))
    execute function break_case_stepped();

-- What was said about a case. Never changed.
create table break_comment (
    comment_id uuid primary key,
    break_id uuid not null,
    made_at timestamptz not null,
    made_by text not null,
    -- The partner sees it.
    shared boolean not null,
    said text not null,
    constraint break_comment_break_fkey foreign key (break_id) references break_case,
    constraint break_comment_length check (length(said) between 1 and 4000)
);
create index break_comment_break_idx on break_comment (break_id, comment_id);

-- What shows it: letters, statements, pictures, as they were handed in. Never changed.
create table break_evidence (
    evidence_id uuid primary key,
    break_id uuid not null,
    made_at timestamptz not null,
    made_by text not null,
    shared boolean not null,
    name text not null,
    media_type text not null,
    sha256 bytea not null,
    bytes bytea not null,
    constraint break_evidence_break_fkey foreign key (break_id) references break_case,
    constraint break_evidence_once unique (break_id, sha256),
    constraint break_evidence_size check (length(bytes) between 1 and 10485760),
    constraint break_evidence_sha256 check (sha256 = sha256(bytes))
);

-- The way out of a case that two people took, and what it booked. Never changed.
create table break_resolution (
    approval_id uuid primary key,
    break_id uuid not null,
    way text not null,
    amount numeric not null,
    currency text not null,
    partner text not null,
    proposed_by text not null,
    decided_by text not null,
    at timestamptz not null,
    entries bigint[] not null,
    constraint break_resolution_approval_fkey foreign key (approval_id) references approval,
    constraint break_resolution_break_fkey foreign key (break_id) references break_case,
    constraint break_resolution_two_people check (proposed_by <> decided_by)
);
create index break_resolution_break_idx on break_resolution (break_id);
create index break_resolution_written_off_idx on break_resolution (partner, at) where way = 'write_off';

-- It carries out the very approval that it names: no other way leads here.
create function break_resolution_guard() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if not exists (select from public.approval a
                    where a.approval_id = new.approval_id and a.kind = 'break.resolve'
                      and a.status = 'approved' and a.subject = new.break_id::text
                      and a.made_by = new.proposed_by and a.decided_by = new.decided_by) then
        raise exception 'a way out is taken by an approval' using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger break_resolution_guard before insert on break_resolution
    for each row execute function break_resolution_guard();

-- Money in suspense whose invoice an officer found: the settlement that places it, made by the
-- officers' word, and the one whose money it is. Placed once.
create table placement (
    settlement_id uuid primary key,
    places uuid not null,
    placed_by text not null,
    at timestamptz not null,
    constraint placement_settlement_fkey foreign key (settlement_id) references settlement,
    constraint placement_places_fkey foreign key (places) references settlement (settlement_id),
    constraint placement_once unique (places)
);

alter table settlement drop constraint settlement_source;
alter table settlement add constraint settlement_source check
    (source in ('webhook', 'api', 'statement', 'officer'));

-- What was placed is as banked as the money that it is.
create function placement_is_banked() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if exists (select from public.placement p join lines l on l.settlement_id = p.places) then
        insert into public.settlement_banked (settlement_id, confirmed_by, at, entry_id)
            select p.settlement_id, l.confirmed_by, l.at, l.entry_id
              from public.placement p join lines l on l.settlement_id = p.places
            on conflict on constraint settlement_banked_pkey do nothing;
    end if;
    return null;
end $$;
create trigger placement_is_banked after insert on settlement_banked
    referencing new table as lines for each statement execute function placement_is_banked();

-- What is no more seen in the bank is not placed as if it were.
create function placement_is_unbanked() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if exists (select from public.placement p join lines l on l.settlement_id = p.places) then
        delete from public.settlement_banked b
         using public.placement p, lines l
         where p.places = l.settlement_id and b.settlement_id = p.settlement_id;
    end if;
    return null;
end $$;
create trigger placement_is_unbanked after delete on settlement_banked
    referencing old table as lines for each statement execute function placement_is_unbanked();

-- Invoices whose portal is told once the money was seen in the bank are looked at whenever some of
-- it was, whoever says so. A row that waits is written anew: who looks takes it away first, and so
-- misses nothing.
create function banked_is_looked_at() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if exists (select from public.procedure where notify_at = 'banked') then
        insert into public.due (kind, subject, due_at)
            select 'invoice.banked', i.invoice_id, min(l.at)
              from lines l
              join public.settlement s on s.settlement_id = l.settlement_id
              join public.invoice i on i.invoice_id = s.invoice_id
             where i.terms ->> 'notify_when_banked' = 'true'
             group by i.invoice_id order by i.invoice_id
            on conflict on constraint due_pkey do update set due_at = excluded.due_at;
    end if;
    return null;
end $$;
create trigger banked_is_looked_at after insert on settlement_banked
    referencing new table as lines for each statement execute function banked_is_looked_at();

-- The roles of an approved person change by an approval, all at once.
create or replace function person_role_guard() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    of_person uuid := case tg_op when 'DELETE' then old.person_id else new.person_id end;
begin
    if public.is_being_approved(array['person.roles'], of_person::text) then
        return case tg_op when 'DELETE' then old else new end;
    end if;
    if tg_op = 'DELETE' then
        raise exception 'roles are taken away by another' using errcode = 'check_violation';
    end if;
    if not public.bootstrap_is_open() and exists (
        select from public.person
         where person_id = new.person_id and approved_at is not null) then
        raise exception 'roles are given before a person is approved'
            using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger person_role_guard_delete before delete on person_role
    for each row execute function person_role_guard();
grant delete on person_role to payclear_app;

revoke update on break_case from payclear_app;
grant update (state, state_since, detail, held_in, held, used, used_by, owner, reason, waits_until,
    shared_since, line_id, file_id, closed_at, changed_by, changed_at, change) on break_case to payclear_app;
grant select on break_step to payclear_app;
grant select, insert on break_comment, break_evidence, break_resolution, placement to payclear_app;
grant select on break_step, break_comment, break_evidence, break_resolution, placement
    to payclear_auditor;
