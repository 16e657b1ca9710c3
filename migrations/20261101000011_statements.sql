-- Files that banks and partners send, and what they say: statements of accounts, reports of what a
-- partner collected, and their lines. What was received is kept as it came.

-- One file, as it came.
create table statement_file (
    file_id uuid primary key,
    -- Of the bytes as they came: the same again is the same file.
    sha256 bytea not null,
    -- The partner that sent it by the signed API; empty: our own people.
    sender text not null default '',
    -- Whose file it is; empty while nobody knows.
    partner text not null default '',
    name text not null,
    -- Where it came in.
    source text not null,
    received_by text not null,
    received_at timestamptz not null,
    size bigint not null,
    -- camt.053.001.08, mt940, the name of a report mapping; empty when it could not be told.
    format text not null default '',
    -- From here on it changes.
    state text not null default 'received',
    state_since timestamptz not null,
    -- What was found: the answer its sender got, and gets again.
    verdict jsonb,
    constraint statement_file_sha256_length check (length(sha256) = 32),
    constraint statement_file_size check (size >= 0),
    constraint statement_file_source check (source in ('desk', 'api', 'partner', 'command', 'folder')),
    -- received ─▶ staged ─▶ booked ─▶ superseded; staged ─▶ quarantined ─▶ booked | rejected.
    constraint statement_file_state check (state in
        ('received', 'staged', 'quarantined', 'rejected', 'booked', 'noted', 'superseded'))
);
create index statement_file_received_idx on statement_file (received_at);
-- What was refused may be sent again once its cause is gone: an account that was not entered yet.
create unique index statement_file_content_once on statement_file (sha256, sender)
    where state <> 'rejected';
create index statement_file_content_idx on statement_file (sha256);
-- Files whose taking in was broken off.
create index statement_file_unfinished_idx on statement_file (state_since) where state = 'received';

-- The bytes of a file, in pieces.
create table statement_file_piece (
    file_id uuid not null,
    place integer not null,
    bytes bytea not null,
    constraint statement_file_piece_pkey primary key (file_id, place),
    constraint statement_file_piece_file_fkey foreign key (file_id) references statement_file
);

-- Compressing them again costs more than the room that it saves.
alter table statement_file_piece alter column bytes set storage external;

-- One statement of one account, or one report of one partner.
create table statement (
    statement_id uuid primary key,
    file_id uuid not null,
    -- Its place in the file, from 0.
    place integer not null,
    -- account: movements of a bank account; report: what a partner says that it collected.
    kind text not null,
    partner text not null,
    -- The bank account's number; of a report the collecting account that it is about.
    account text not null,
    -- The statement's id in its sender's words.
    reference text not null,
    -- Its running number, when its sender counts.
    number bigint,
    -- Of a statement in pages, each a list of its own: which one.
    page bigint not null default 1,
    -- The business day that it is of: the last day that it covers.
    day date not null,
    -- The first day that it covers, when it is told.
    from_day date,
    currency text not null,
    -- Balances with their sign, credit positive; a report has none.
    opening numeric,
    closing numeric,
    lines bigint not null,
    -- Entries of the account, or rows of the report; of some entries there are details.
    entries bigint not null default 0,
    -- The sum of its booked lines with their sign, credit positive.
    total numeric not null,
    -- reading ─▶ staged ─▶ booked ─▶ superseded; reading ─▶ quarantined ─▶ staged | rejected. Nobody
    -- looks at one that is read: its lines are not all there.
    state text not null default 'reading',
    state_since timestamptz not null,
    -- The earlier issue of the same statement that it stands in for.
    supersedes uuid,
    constraint statement_file_fkey foreign key (file_id) references statement_file,
    constraint statement_supersedes_fkey foreign key (supersedes) references statement,
    constraint statement_kind check (kind in ('account', 'report')),
    constraint statement_state check (state in
        ('reading', 'staged', 'quarantined', 'booked', 'rejected', 'superseded')),
    constraint statement_place_once unique (file_id, place),
    constraint statement_lines_counted check (lines >= 0)
);
-- A statement stands once; another issue of it takes its place.
create unique index statement_stands_once on statement (kind, partner, account, reference)
    where state in ('staged', 'booked');
create index statement_waiting_idx on statement (state_since) where state = 'staged';
create index statement_account_idx on statement (partner, account, day) where kind = 'account';
create index statement_day_idx on statement (day, partner, account);

-- One line: a movement of the account, or one collected payment of the report. Never updated.
create table statement_line (
    line_id bigint generated always as identity,
    statement_id uuid not null,
    -- Its place in the statement, from 1.
    place integer not null,
    -- payment, refund, reversal, payout (of ours, to the Treasury), lump (many payments in one
    -- credit), fee, other.
    nature text not null,
    -- booked, or pending, information, future: kept and not matched. Of a report's line what the
    -- partner says of the payment: success is booked, failed is failed.
    standing text not null default 'booked',
    -- With its sign: credit, money in, is positive. Gross.
    amount numeric not null,
    -- What the partner kept of it; 0 when it does not say.
    fee numeric not null default 0,
    value_date date not null,
    -- The sender's own number of the movement; empty when it has none.
    transaction_id text not null default '',
    -- Which it is, from 1, of the lines of its statement that have no number and say the very same.
    occurrence integer not null default 1,
    -- Our reference as the sender gives it back: EndToEndId, order id, payout line.
    order_reference text not null default '',
    -- The settlement batch that it belongs to, or pays.
    batch text not null default '',
    memo text not null default '',
    -- The other account, masked.
    counterparty text not null default '',
    constraint statement_line_pkey primary key (line_id),
    constraint statement_line_place_once unique (statement_id, place),
    constraint statement_line_occurrence check (occurrence > 0),
    constraint statement_line_nature check (nature in
        ('payment', 'refund', 'reversal', 'payout', 'lump', 'fee', 'other')),
    constraint statement_line_standing check (standing in ('booked', 'pending', 'failed')),
    constraint statement_line_amount check (abs(amount) < 1000000000000000),
    constraint statement_line_fee check (fee >= 0)
);

-- How a partner's report is read. A change is a new version; what was read stays as it was read.
create table report_mapping (
    partner text not null,
    name text not null,
    version integer not null,
    -- TOML, as it was given.
    content text not null,
    made_at timestamptz not null,
    made_by text not null,
    constraint report_mapping_pkey primary key (partner, name, version),
    constraint report_mapping_version check (version > 0)
);

-- What stood on an account when this installation began; once for an account.
create table opening_balance (
    partner text not null,
    account text not null,
    currency text not null,
    -- The evening of the day before its first statement.
    day date not null,
    -- Credit positive.
    amount numeric not null,
    -- The ledger's entry; none when nothing stood there.
    entry_id bigint,
    made_at timestamptz not null,
    made_by text not null,
    constraint opening_balance_pkey primary key (partner, account),
    constraint opening_balance_amount check (abs(amount) < 1000000000000000)
);

grant select, insert on statement_file, statement_file_piece, statement, statement_line,
    report_mapping, opening_balance to payclear_app;
grant update (partner, format, state, state_since, verdict) on statement_file to payclear_app;
grant update (state, state_since, supersedes) on statement to payclear_app;
grant select on statement_file, statement_file_piece, statement, statement_line, report_mapping,
    opening_balance to payclear_auditor;

-- How amounts are read is decided by two, or at the very beginning.
create function report_mapping_guard() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if not public.bootstrap_is_open()
       and not public.is_being_approved(array['statement.mapping'], new.partner || '/' || new.name) then
        raise exception 'a mapping is approved by another' using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger report_mapping_guard before insert on report_mapping
    for each row execute function report_mapping_guard();
