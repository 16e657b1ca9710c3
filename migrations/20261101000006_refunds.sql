-- Refunds: what is given back, out of what is due back, of what was paid, or by the Treasury.
--
-- What a refund gives back never changes; its life does, along arrows that a trigger knows. The
-- sums are guarded here as well: no program of ours can give back more than came in.

-- What is asked back or was given back of what was paid in this cycle: the living refunds. It
-- changes under the invoice's lock, with them.
alter table invoice add column refunding numeric not null default 0;
alter table invoice add constraint invoice_refunding
    check (refunding >= 0 and refunding <= amount and refunded <= refunding);
grant update (refunding) on invoice to payclear_app;

-- Until statements can be imported: an officer's word that a settlement was seen in the bank.
create table settlement_banked (
    settlement_id uuid not null,
    confirmed_by text not null,
    at timestamptz not null,
    entry_id bigint not null,
    constraint settlement_banked_pkey primary key (settlement_id),
    constraint settlement_banked_settlement_fkey foreign key (settlement_id) references settlement
);

-- Until pay-over runs stand here: an officer's word that a line of an invoice went to the Treasury.
create table line_paid_over (
    invoice_id uuid not null,
    line integer not null,
    confirmed_by text not null,
    at timestamptz not null,
    constraint line_paid_over_pkey primary key (invoice_id, line),
    constraint line_paid_over_invoice_fkey foreign key (invoice_id) references invoice,
    constraint line_paid_over_line_positive check (line > 0)
);

-- An account that a payer named for what is given back of one settlement, sealed; a second person
-- must approve it. Two people may have paid one invoice: it is of use for that settlement alone.
create table refund_account (
    refund_account_id uuid primary key,
    invoice_id uuid not null,
    settlement_id uuid not null,
    sealed bytea not null,
    named_at timestamptz not null,
    approved_by text,
    approved_at timestamptz,
    constraint refund_account_invoice_fkey foreign key (invoice_id) references invoice,
    constraint refund_account_settlement_fkey foreign key (settlement_id) references settlement,
    constraint refund_account_approval_is_dated check ((approved_by is null) = (approved_at is null))
);
create index refund_account_invoice_idx on refund_account (invoice_id);
create index refund_account_settlement_idx on refund_account (settlement_id);

-- One file of transfers, or of claims, handed over together.
create table refund_batch (
    refund_batch_id uuid primary key,
    method text not null,
    partner text not null,
    made_by text not null,
    made_at timestamptz not null,
    constraint refund_batch_method check (method in ('transfer', 'treasury'))
);

-- One amount that is given back of one settlement.
create table refund (
    refund_id uuid primary key,
    invoice_id uuid not null,
    settlement_id uuid not null,
    -- The invoice's cycle that it gives back of.
    cycle integer not null,
    partner text not null,
    -- Our reference in the partner's own form.
    reference text not null,
    kind text not null,
    method text not null,
    amount numeric not null,
    currency text not null,
    -- [{line, agency, budget, amount}]; none for what is due back.
    shares jsonb not null default '[]',
    reason text not null,
    requested_by text not null,
    requested_at timestamptz not null,
    -- From here on it changes.
    status text not null default 'requested',
    status_since timestamptz not null,
    approved_by text,
    approval_entry bigint,
    -- To where it was approved to be transferred: the SHA-256 of the sealed account.
    destination bytea,
    outcome_entry bigint,
    partner_refund text,
    last_code text,
    refund_batch_id uuid,
    constraint refund_invoice_fkey foreign key (invoice_id) references invoice,
    constraint refund_settlement_fkey foreign key (settlement_id) references settlement,
    constraint refund_batch_fkey foreign key (refund_batch_id) references refund_batch,
    constraint refund_reference_key unique (partner, reference),
    constraint refund_kind check (kind in ('surplus', 'paid', 'treasury')),
    constraint refund_method check (method in ('partner', 'transfer', 'treasury')),
    constraint refund_treasury_by_treasury check ((kind = 'treasury') = (method = 'treasury')),
    constraint refund_amount check (amount > 0),
    constraint refund_shares_of_what_was_paid check ((kind = 'surplus') = (shares = '[]'::jsonb)),
    constraint refund_status check
        (status in ('requested', 'approved', 'sent', 'confirmed', 'failed', 'refused')),
    constraint refund_two_people check (approved_by <> requested_by),
    constraint refund_approved_by_somebody check
        ((status in ('requested', 'refused')) = (approved_by is null)),
    constraint refund_approval_is_booked check ((approved_by is null) = (approval_entry is null)),
    constraint refund_destination_is_approved check
        ((destination is not null) = (method = 'transfer' and approved_by is not null)),
    constraint refund_destination_is_sha256 check (octet_length(destination) = 32),
    constraint refund_outcome_is_booked check
        ((status in ('confirmed', 'failed')) = (outcome_entry is not null))
);
create index refund_invoice_idx on refund (invoice_id);
create index refund_settlement_idx on refund (settlement_id);
create index refund_approved_idx on refund (partner, method, refund_id) where status = 'approved';
create index refund_waiting_idx on refund (status)
    where status in ('requested', 'approved', 'sent');
create index refund_batch_idx on refund (refund_batch_id) where refund_batch_id is not null;
-- What is due back of one settlement is given back once.
create unique index refund_surplus_once on refund (settlement_id)
    where kind = 'surplus' and status not in ('refused', 'failed');

-- No more is given back than came in: of a settlement, and of what an invoice was paid in a cycle.
-- The invoices are locked first, in a statement of its own, so that the sums are of all that others
-- have committed.
create function refund_fits() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform i.invoice_id from public.invoice i
      where i.invoice_id in (select l.invoice_id from lines l)
      order by i.invoice_id for no key update;
    if exists (select from lines l where l.status <> 'requested') then
        raise exception 'a refund begins as requested' using errcode = 'check_violation';
    end if;
    if exists (select from lines l join public.settlement s on s.settlement_id = l.settlement_id
                where s.invoice_id is distinct from l.invoice_id or s.partner <> l.partner
                   or s.currency <> l.currency or s.entry_id is null) then
        raise exception 'a refund of another settlement' using errcode = 'check_violation';
    end if;
    if exists (select from public.refund r
                 join public.settlement s on s.settlement_id = r.settlement_id
                where r.settlement_id in (select l.settlement_id from lines l)
                  and r.status not in ('refused', 'failed')
                group by s.settlement_id, s.amount having sum(r.amount) > s.amount) then
        raise exception 'more than the settlement brought in' using errcode = 'check_violation';
    end if;
    if exists (select from public.refund r
                 join public.invoice i on i.invoice_id = r.invoice_id
                where r.invoice_id in (select l.invoice_id from lines l)
                  and r.status not in ('refused', 'failed') and r.kind <> 'surplus'
                group by i.invoice_id, i.amount, r.cycle having sum(r.amount) > i.amount) then
        raise exception 'more than was paid' using errcode = 'check_violation';
    end if;
    return null;
end $$;
create trigger refund_fits after insert on refund
    referencing new table as lines for each statement execute function refund_fits();

-- The arrows of a refund's life, and what must be so when one is approved.
create function refund_steps() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if old.status <> new.status and (old.status, new.status) not in (
            ('requested', 'approved'), ('requested', 'refused'), ('approved', 'sent'),
            ('sent', 'confirmed'), ('sent', 'failed')) then
        raise exception 'a refund that is % cannot become %', old.status, new.status
            using errcode = 'check_violation';
    end if;
    if old.approved_by is not null
       and (new.approved_by is distinct from old.approved_by
            or new.destination is distinct from old.destination
            or new.approval_entry is distinct from old.approval_entry) then
        raise exception 'an approval stays as it was given' using errcode = 'check_violation';
    end if;
    if old.status = 'requested' and new.status = 'approved' then
        if new.kind <> 'surplus' and exists (
                select from public.invoice i
                 where i.invoice_id = new.invoice_id and i.cycle <> new.cycle) then
            raise exception 'what it was part of was taken back' using errcode = 'check_violation';
        end if;
        if exists (select from public.reversal r where r.settlement_id = new.settlement_id) then
            raise exception 'the settlement was taken back' using errcode = 'check_violation';
        end if;
        -- What went to the Treasury is the Treasury's to give back.
        if new.kind = 'paid' and exists (
                select from public.line_paid_over o
                 where o.invoice_id = new.invoice_id
                   and o.line in (select (s.value ->> 'line')::integer
                                    from jsonb_array_elements(new.shares) s)) then
            raise exception 'a line of it was paid over' using errcode = 'check_violation';
        end if;
        -- Nothing leaves refund due before that very settlement has been seen in the bank, and
        -- who has seen it does not release it.
        if new.kind = 'surplus' and not exists (
                select from public.settlement_banked b
                 where b.settlement_id = new.settlement_id and b.confirmed_by <> new.approved_by) then
            raise exception 'the settlement is not banked, or by who approves'
                using errcode = 'check_violation';
        end if;
    end if;
    return new;
end $$;
create trigger refund_steps before update on refund
    for each row execute function refund_steps();

grant select, insert on refund, refund_account, refund_batch, settlement_banked, line_paid_over
    to payclear_app;
grant update (status, status_since, approved_by, approval_entry, destination, outcome_entry,
    partner_refund, last_code, refund_batch_id) on refund to payclear_app;
grant update (approved_by, approved_at) on refund_account to payclear_app;
grant select on refund, refund_account, refund_batch, settlement_banked, line_paid_over
    to payclear_auditor;
