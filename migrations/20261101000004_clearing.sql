-- Invoices, attempts, settlements, breaks, deliveries: what has a life.
--
-- Hot tables have no foreign keys to registers or to the ledger: their checks would take row
-- locks on rows that every payment shares. Statement triggers stand instead.

-- What one dossier owes for one fee. Every row of a page is updated by one group, hence the free
-- half; no column that changes is in an index.
create table invoice (
    invoice_id uuid not null,
    code text not null,
    portal text not null,
    agency text not null,
    procedure text not null,
    fee text not null,
    dossier text not null,
    amount numeric not null,
    currency text not null,
    -- Who pays, as the portal named them; the identity number only masked.
    payer jsonb not null,
    payer_id_sealed bytea,
    -- [{kind, name, name_en, amount, chapter, sub_item, beneficiary}]
    lines jsonb not null,
    -- {return_url, channels, metadata, collecting account}: what the portal asked for.
    terms jsonb not null,
    issued_at timestamptz not null,
    expires_at timestamptz not null,
    -- From here on it changes.
    status text not null default 'issued',
    status_since timestamptz not null,
    sequence integer not null default 1,
    -- Rises with each reversal: one applied settlement per cycle.
    cycle integer not null default 1,
    held numeric not null default 0,
    -- [{settlement, partner, amount}]: the held parts and through whom they came; their sum is `held`.
    parts jsonb not null default '[]',
    refunded numeric not null default 0,
    paid_at timestamptz,
    paid_via text,
    constraint invoice_pkey primary key (invoice_id),
    constraint invoice_code_key unique (code),
    constraint invoice_status check (status in ('issued', 'pending', 'paid', 'expired', 'cancelled')),
    constraint invoice_amount check (amount > 0 and amount <= 1000000000000),
    constraint invoice_held check (held >= 0 and held < amount),
    constraint invoice_refunded check (refunded >= 0 and refunded <= amount),
    constraint invoice_paid_is_dated check ((status = 'paid') = (paid_at is not null)),
    constraint invoice_paid_has_way check ((paid_at is null) = (paid_via is null)),
    constraint invoice_expires_later check (expires_at > issued_at)
) with (fillfactor = 50);
create index invoice_portal_idx on invoice (portal, issued_at);
create index invoice_expires_idx on invoice (expires_at, invoice_id);
-- Looked up by dossier from the portal and from the public page.
create index invoice_dossier_idx on invoice (dossier);

-- One dossier, one fee, one claim: it stands while the fee is open or paid and goes when the
-- invoice is cancelled or expires, so that the fee can be issued again.
create table claim (
    portal text not null,
    dossier text not null,
    fee text not null,
    invoice_id uuid not null,
    constraint claim_key primary key (portal, dossier, fee)
);

-- One order to pay one invoice through one partner.
create table attempt (
    attempt_id uuid not null,
    invoice_id uuid not null,
    partner text not null,
    -- Our reference in the partner's own form; unique per partner.
    reference text not null,
    amount numeric not null,
    currency text not null,
    payer_ip text not null default '',
    language text not null default 'vi',
    created_at timestamptz not null,
    expires_at timestamptz not null,
    -- From here on it changes.
    status text not null default 'created',
    status_since timestamptz not null,
    instruction jsonb,
    last_code text,
    constraint attempt_pkey primary key (attempt_id),
    constraint attempt_reference_key unique (partner, reference),
    constraint attempt_status check (status in
        ('created', 'sent', 'awaiting_payer', 'succeeded', 'failed', 'expired', 'unknown')),
    constraint attempt_amount check (amount > 0)
) with (fillfactor = 50);
create index attempt_invoice_idx on attempt (invoice_id);

-- A partner's signed word that it collected money: its own idempotency record, with the raw body.
-- Never updated.
create table settlement (
    settlement_id uuid not null,
    partner text not null,
    -- webhook, api or statement: who says it.
    source text not null,
    transaction_id text not null,
    account text not null,
    amount numeric not null,
    currency text not null,
    memo text not null,
    value_time timestamptz not null,
    received_at timestamptz not null,
    -- What was done with it.
    outcome text not null,
    invoice_id uuid,
    attempt_id uuid,
    -- Set on the one settlement that paid the invoice in this cycle of its life.
    applied_cycle integer,
    entry_id bigint,
    -- What the partner said, masked, and the SHA-256 of what it really was.
    raw bytea not null,
    raw_sha256 bytea not null,
    counter_account bytea,
    constraint settlement_raw_sha256 check (octet_length(raw_sha256) = 32),
    constraint settlement_pkey primary key (settlement_id),
    constraint settlement_transaction_key unique (partner, source, transaction_id),
    constraint settlement_amount check (amount > 0 and amount < 1000000000000000),
    constraint settlement_source check (source in ('webhook', 'api', 'statement')),
    constraint settlement_outcome check (outcome in
        ('applied', 'applied_late', 'overpaid', 'held', 'refund_due', 'suspense', 'suspected_duplicate', 'noted')),
    constraint settlement_applied_has_invoice check (applied_cycle is null or invoice_id is not null),
    -- Every settlement but a noted one is booked.
    constraint settlement_is_booked check ((outcome = 'noted') = (entry_id is null)),
    constraint settlement_applied check
        ((applied_cycle is not null) = (outcome in ('applied', 'applied_late', 'overpaid')))
);
-- An invoice is paid once, whatever arrives: what did not pay it has no cycle, and is no duplicate
-- of anything. The settlements of an invoice are looked up by the same index.
create unique index settlement_pays_once on settlement (invoice_id, applied_cycle) nulls distinct
    where invoice_id is not null;

-- What stands in place of foreign keys, whose checks would lock rows that others need: a statement
-- trigger asks once for all rows of a group, and locks nothing.
create function attempt_has_invoice() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if exists (select from lines l left join public.invoice i on i.invoice_id = l.invoice_id
                where i.invoice_id is null) then
        raise exception 'an attempt without an invoice' using errcode = 'foreign_key_violation';
    end if;
    return null;
end $$;
create trigger attempt_has_invoice after insert on attempt
    referencing new table as lines for each statement execute function attempt_has_invoice();

create function settlement_is_whole() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if exists (select from lines l left join ledger.entry e on e.entry_id = l.entry_id
                where l.entry_id is not null and e.entry_id is null)
       or exists (select from lines l left join public.invoice i on i.invoice_id = l.invoice_id
                   where l.invoice_id is not null and i.invoice_id is null) then
        raise exception 'a settlement without its entry or invoice'
            using errcode = 'foreign_key_violation';
    end if;
    return null;
end $$;
create trigger settlement_is_whole after insert on settlement
    referencing new table as lines for each statement execute function settlement_is_whole();

-- A partner takes its word back: the bank reversed, the wallet charged back.
create table reversal (
    reversal_id uuid primary key,
    settlement_id uuid not null,
    partner text not null,
    transaction_id text not null,
    reason text not null,
    received_at timestamptz not null,
    entry_id bigint not null,
    constraint reversal_settlement_fkey foreign key (settlement_id) references settlement,
    constraint reversal_once unique (settlement_id),
    constraint reversal_transaction_key unique (partner, transaction_id)
);

-- A difference that somebody must explain.
create table break_case (
    break_id uuid primary key,
    code text not null,
    opened_at timestamptz not null,
    partner text not null,
    agency text not null default '',
    invoice_id uuid,
    settlement_id uuid,
    amount numeric not null,
    currency text not null,
    state text not null default 'open',
    state_since timestamptz not null,
    detail text not null default '',
    constraint break_case_code check (code ~ '^[BF][0-9]{2}$'),
    constraint break_case_state check (state in ('open', 'assigned', 'waiting', 'resolved', 'auto_closed')),
    constraint break_case_amount check (amount >= 0)
);
create index break_case_open_idx on break_case (opened_at) where state in ('open', 'assigned', 'waiting');
create index break_case_invoice_idx on break_case (invoice_id) where invoice_id is not null;

-- One notice to one endpoint. The row is written when the portal has answered, or when it must be
-- tried again: it is the mark that the message was handled.
create table delivery (
    endpoint_id uuid not null,
    invoice_id uuid not null,
    sequence integer not null,
    delivery_id uuid not null,
    portal text not null,
    kind text not null,
    state text not null,
    tries integer not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    next_at timestamptz,
    last_status smallint,
    last_error text,
    constraint delivery_pkey primary key (invoice_id, sequence, endpoint_id),
    constraint delivery_state check (state in ('due', 'delivered', 'parked')),
    constraint delivery_tries check (tries >= 0),
    constraint delivery_due_has_time check ((state = 'due') = (next_at is not null))
) with (fillfactor = 90);
create index delivery_due_idx on delivery (endpoint_id, next_at) where state = 'due';
create index delivery_parked_idx on delivery (portal, last_at) where state = 'parked';

-- What was said between a partner and us, masked, for disputes: every call of ours with its answer,
-- and what the partner said of its own accord, unless it was booked and so is kept with its
-- settlement. The digests are of what was really said: whoever brings a message forward can be
-- held to it, and its signature checked.
create table partner_exchange (
    exchange_id bigint generated always as identity primary key,
    made_at timestamptz not null,
    partner text not null,
    direction text not null,
    purpose text not null,
    status smallint,
    verdict text not null,
    -- What the partner said.
    body bytea not null,
    body_sha256 bytea not null,
    -- What we had said, when it is an answer.
    request bytea,
    request_sha256 bytea,
    constraint partner_exchange_sha256 check
        (octet_length(body_sha256) = 32 and octet_length(request_sha256) = 32),
    constraint partner_exchange_request_of_ours check
        ((request is null) = (request_sha256 is null) and (request is null or direction = 'out')),
    constraint partner_exchange_direction check (direction in ('in', 'out'))
);
create index partner_exchange_made_at_idx on partner_exchange using brin (made_at);

grant select, insert on invoice, attempt, settlement, reversal, break_case, delivery,
    partner_exchange to payclear_app;
grant update (status, status_since, sequence, cycle, held, parts, refunded, paid_at, paid_via)
    on invoice to payclear_app;
grant select, insert, delete on claim to payclear_app;
grant update (status, status_since, instruction, last_code) on attempt to payclear_app;
grant update (state, state_since, detail) on break_case to payclear_app;
grant update (state, tries, last_at, next_at, last_status, last_error) on delivery to payclear_app;
grant delete on partner_exchange to payclear_app;

-- Auditors read everything and change nothing. Sealed columns stay sealed.
grant select on all tables in schema public to payclear_auditor;
grant select on all tables in schema ledger to payclear_auditor;
