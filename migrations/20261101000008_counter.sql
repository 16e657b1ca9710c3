-- The citizen's counter: accounts that payers named and nobody accepted, and mail to payers.

-- An account that was not accepted: the payer may name another.
alter table refund_account add column dropped_at timestamptz;
alter table refund_account add constraint refund_account_approved_or_dropped
    check (approved_at is null or dropped_at is null);
grant update (dropped_at) on refund_account to payclear_app;

-- Payment confirmations that are to be sent, by themselves or because a payer asked. The address is
-- kept, sealed, only until the mail has left or was given up.
create table mail (
    mail_id uuid primary key,
    invoice_id uuid not null,
    -- The invoice's cycle: what is paid again after a reversal is told again.
    cycle integer not null,
    automatic boolean not null,
    address_sealed bytea,
    asked_at timestamptz not null,
    state text not null default 'due',
    tries integer not null default 0,
    next_at timestamptz,
    ended_at timestamptz,
    last_error text,
    constraint mail_invoice_fkey foreign key (invoice_id) references invoice,
    constraint mail_state check (state in ('due', 'sent', 'failed')),
    constraint mail_tries check (tries >= 0),
    constraint mail_due_has_time check ((state = 'due') = (next_at is not null)),
    constraint mail_due_has_address check ((state = 'due') = (address_sealed is not null)),
    constraint mail_ended_is_dated check ((state = 'due') = (ended_at is null))
);
create index mail_due_idx on mail (next_at) where state = 'due';
create index mail_invoice_idx on mail (invoice_id, asked_at);
create index mail_ended_idx on mail (ended_at) where state <> 'due';
-- Nobody is written to twice by ourselves for one payment.
create unique index mail_automatic_once on mail (invoice_id, cycle) where automatic;

-- One row: up to which batch of events payments have been looked at for mail.
create table mail_progress (
    only_one boolean primary key default true constraint mail_progress_only_one check (only_one),
    batch_id bigint not null
);

grant select, insert, delete on mail to payclear_app;
grant update (state, tries, next_at, ended_at, address_sealed, last_error) on mail to payclear_app;
grant select, insert on mail_progress to payclear_app;
grant update (batch_id) on mail_progress to payclear_app;
grant select on mail, mail_progress to payclear_auditor;
