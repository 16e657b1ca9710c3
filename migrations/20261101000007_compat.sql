-- A portal that speaks the messages of the national PaymentPlatform instead of our own API: by which
-- code and secret it is known, and where results go. Sealed, because the secret signs both ways.
-- What waits to be approved lies in the `next_` columns, good for nothing until then.
create table compat_portal (
    portal text not null,
    -- MaDoiTac, as it stands in every message.
    partner_code text,
    settings bytea,
    configured_at timestamptz,
    next_partner_code text,
    next_settings bytea,
    constraint compat_portal_pkey primary key (portal),
    constraint compat_portal_partner_code_key unique (partner_code),
    constraint compat_portal_portal_fkey foreign key (portal) references portal,
    constraint compat_portal_is_whole check
        ((partner_code is null) = (settings is null)
         and (partner_code is null) = (configured_at is null)),
    constraint compat_portal_next_is_whole check
        ((next_partner_code is null) = (next_settings is null))
);

-- A secret that signs both ways, and where results go: another than who entered them approves them.
create function compat_portal_guard() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if (tg_op = 'INSERT' and new.settings is not null)
       or (tg_op = 'UPDATE' and (new.portal, new.partner_code, new.settings)
                                is distinct from (old.portal, old.partner_code, old.settings)) then
        if not public.bootstrap_is_open()
           and not public.is_being_approved(array['portal.compat'], new.portal) then
            raise exception 'what is agreed with a portal is approved by another'
                using errcode = 'check_violation';
        end if;
    end if;
    return new;
end $$;
create trigger compat_portal_guard before insert or update on compat_portal
    for each row execute function compat_portal_guard();

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
grant update (partner_code, settings, configured_at, next_partner_code, next_settings)
    on compat_portal to payclear_app;
grant update (state, tries, last_at, last_error) on compat_payment to payclear_app;
grant select on compat_portal, compat_payment to payclear_auditor;
