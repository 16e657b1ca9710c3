-- Who is who: agencies, procedures and their tariffs, portals, partners and their accounts.
-- Versions are dated: a row holds from `valid_from` until a later row of the same key begins.

-- One load of registers: all or nothing, by somebody, from somewhere.
create table register_load (
    load_id bigint generated always as identity primary key,
    loaded_at timestamptz not null,
    actor text not null,
    digest bytea not null,
    row_count integer not null
);

-- Raised in every transaction that changes a register, a key or an endpoint: the row lock puts the
-- changes in one order, so a process that sees a new number and reads again misses nothing.
create table directory_version (
    only_one boolean primary key default true constraint directory_version_only_one check (only_one),
    version bigint not null default 1
);
insert into directory_version default values;

-- The body that money belongs to.
create table agency (
    code text not null,
    valid_from date not null,
    name text not null,
    name_en text not null default '',
    -- Budget chapter (chương) of the agency.
    chapter text not null default '',
    tax_code text not null default '',
    closed boolean not null default false,
    load_id bigint not null,
    constraint agency_pkey primary key (code, valid_from),
    constraint agency_load_fkey foreign key (load_id) references register_load
);

-- Where the Treasury takes an agency's money.
create table treasury_account (
    agency text not null,
    number text not null,
    valid_from date not null,
    treasury_code text not null,
    treasury_name text not null,
    bank_bin text not null default '',
    closed boolean not null default false,
    load_id bigint not null,
    constraint treasury_account_pkey primary key (agency, number, valid_from),
    constraint treasury_account_load_fkey foreign key (load_id) references register_load
);

-- An administrative procedure (thủ tục hành chính).
create table procedure (
    code text not null,
    valid_from date not null,
    name text not null,
    name_en text not null default '',
    -- When the portal is told that the dossier is paid: at the partner's word, or when the money
    -- has been seen in the bank.
    notify_at text not null default 'paid',
    closed boolean not null default false,
    load_id bigint not null,
    constraint procedure_pkey primary key (code, valid_from),
    constraint procedure_notify_at check (notify_at in ('paid', 'banked')),
    constraint procedure_load_fkey foreign key (load_id) references register_load
);

-- A line of the tariff of a procedure: phí or lệ phí.
create table fee_line (
    procedure text not null,
    line smallint not null,
    valid_from date not null,
    valid_until date,
    kind text not null,
    name text not null,
    name_en text not null default '',
    amount numeric not null,
    currency text not null,
    chapter text not null,
    sub_item text not null,
    -- The agency the line belongs to; empty means the agency that asks.
    beneficiary text not null default '',
    legal_basis text not null default '',
    load_id bigint not null,
    constraint fee_line_pkey primary key (procedure, line, valid_from),
    constraint fee_line_kind check (kind in ('phi', 'le_phi')),
    constraint fee_line_amount check (amount > 0 and amount <= 1000000000000),
    constraint fee_line_dates check (valid_until is null or valid_until >= valid_from),
    constraint fee_line_load_fkey foreign key (load_id) references register_load
);

-- A system that files dossiers and asks for invoices.
create table portal (
    code text primary key,
    name text not null,
    name_en text not null default '',
    -- Origins a payer may be sent back to.
    return_origins text[] not null default '{}',
    -- Origins, besides our own, under which the portal may see this service (integration
    -- platforms rewrite hosts).
    seen_as text[] not null default '{}',
    calls_per_second integer not null default 50,
    open boolean not null default true,
    load_id bigint not null,
    constraint portal_calls_per_second check (calls_per_second > 0),
    constraint portal_load_fkey foreign key (load_id) references register_load
);

-- A bank or wallet. `settings` are the dialect's own, sealed.
create table partner (
    code text primary key,
    name text not null,
    name_en text not null default '',
    dialect text not null,
    calls_per_second integer not null default 200,
    open boolean not null default true,
    seen_as text[] not null default '{}',
    settings bytea,
    load_id bigint not null,
    constraint partner_code_form check (code ~ '^[a-z0-9][a-z0-9-]{0,30}$'),
    constraint partner_calls_per_second check (calls_per_second > 0),
    constraint partner_load_fkey foreign key (load_id) references register_load
);

-- An account that collects. It has exactly one settling source: what another source says of it is
-- kept and matched, never booked.
create table collecting_account (
    partner text not null,
    number text not null,
    valid_from date not null,
    bin text not null,
    holder text not null,
    -- The agency it collects for; empty means any.
    agency text not null default '',
    settling_source text not null,
    closed boolean not null default false,
    load_id bigint not null,
    constraint collecting_account_pkey primary key (partner, number, valid_from),
    constraint collecting_account_source check (settling_source in ('webhook', 'api', 'statement')),
    constraint collecting_account_load_fkey foreign key (load_id) references register_load
);

-- Keys of callers, sealed. Two may live at once, so that one can be changed without a pause.
create table caller_key (
    key_id text primary key,
    caller_kind text not null,
    caller text not null,
    purpose text not null default 'sign',
    slot smallint not null,
    secret bytea not null,
    made_at timestamptz not null,
    made_by text not null,
    revoked_at timestamptz,
    constraint caller_key_kind check (caller_kind in ('portal', 'partner')),
    constraint caller_key_purpose check (purpose in ('sign', 'approve')),
    constraint caller_key_slot check (slot in (1, 2))
);
create unique index caller_key_two_alive on caller_key (caller_kind, caller, purpose, slot)
    where revoked_at is null;

-- Where a portal is told of results.
create table endpoint (
    endpoint_id uuid primary key,
    portal text not null,
    url text not null,
    secret bytea not null,
    previous_secret bytea,
    previous_until timestamptz,
    state text not null default 'open',
    state_reason text not null default '',
    made_at timestamptz not null,
    constraint endpoint_portal_fkey foreign key (portal) references portal,
    constraint endpoint_state check (state in ('open', 'disabled', 'gone')),
    constraint endpoint_previous_has_end check ((previous_secret is null) = (previous_until is null))
);
create index endpoint_portal_idx on endpoint (portal);

grant select, update on directory_version to payclear_app;
grant select, insert on register_load, agency, treasury_account, procedure, fee_line,
    portal, partner, collecting_account, caller_key, endpoint to payclear_app;
grant update on agency, treasury_account, procedure, fee_line, collecting_account,
    portal, partner to payclear_app;
grant update (revoked_at) on caller_key to payclear_app;
grant update on endpoint to payclear_app;
