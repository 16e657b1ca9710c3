-- A portal that speaks the messages of the national PaymentPlatform instead of our own API: by which
-- code and secret it is known, and where results go. Sealed, because the secret signs both ways.
create table compat_portal (
    portal text not null,
    -- MaDoiTac, as it stands in every message.
    partner_code text not null,
    settings bytea not null,
    configured_at timestamptz not null,
    constraint compat_portal_pkey primary key (portal),
    constraint compat_portal_partner_code_key unique (partner_code),
    constraint compat_portal_portal_fkey foreign key (portal) references portal
);

-- One payment that such a portal asked for, by its own reference (MaThamChieu), and whether it was
-- told the result.
create table compat_payment (
    portal text not null,
    reference text not null,
    invoice_id uuid not null,
    -- ThongTinGiaoDich: the result repeats it.
    description text not null,
    asked_at timestamptz not null,
    -- From here on it changes.
    state text not null default 'open',
    tries integer not null default 0,
    last_at timestamptz,
    last_error text,
    constraint compat_payment_pkey primary key (portal, reference),
    constraint compat_payment_invoice_once unique (invoice_id),
    constraint compat_payment_state check (state in ('open', 'told', 'parked', 'closed')),
    constraint compat_payment_tries check (tries >= 0)
);

grant select, insert on compat_portal, compat_payment to payclear_app;
grant update (partner_code, settings, configured_at) on compat_portal to payclear_app;
grant update (state, tries, last_at, last_error) on compat_payment to payclear_app;
grant select on compat_portal, compat_payment to payclear_auditor;
