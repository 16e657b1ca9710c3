-- What became of putting a partner through its paces, and by which run it was opened to payers.

-- One run of it.
create table certification (
    certification_id uuid primary key,
    partner text not null,
    dialect text not null,
    -- How payers pay there; none when its settings could not be read.
    channel text,
    -- Of the program that ran.
    version text not null,
    run_by text not null,
    run_at timestamptz not null,
    -- The SHA-256 of the sealed settings in force that were driven; none when others were, or another
    -- address: that says nothing of what runs.
    settings_sha256 bytea,
    -- [{check, result, seen, mend}]
    cases jsonb not null,
    passed boolean not null,
    constraint certification_partner_fkey foreign key (partner) references partner,
    constraint certification_settings_sha256 check (octet_length(settings_sha256) = 32),
    constraint certification_has_cases check
        (jsonb_typeof(cases) = 'array' and jsonb_array_length(cases) > 0),
    constraint certification_passed_without_failure check
        (passed = not jsonb_path_exists(cases, '$[*] ? (@.result == "fail")'))
);
create index certification_partner_idx on certification (partner, certification_id);

-- A partner is opened to payers by a load of the registers.
create table partner_opening (
    partner text not null,
    load_id bigint not null,
    certification_id uuid,
    -- Why it is opened without a run that it passed.
    uncertified text,
    opened_by text not null,
    opened_at timestamptz not null,
    constraint partner_opening_pkey primary key (partner, load_id),
    constraint partner_opening_load_fkey foreign key (load_id) references register_load,
    constraint partner_opening_certification_fkey
        foreign key (certification_id) references certification,
    constraint partner_opening_by_run_or_reason check
        ((certification_id is null) = (btrim(uncertified) <> '' is true))
);

-- The run was passed with the settings that are in force at that moment.
create function partner_opening_guard() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if new.certification_id is not null and not exists (
            select from public.certification c
              join public.partner p on p.code = c.partner and p.dialect = c.dialect
             where c.certification_id = new.certification_id and c.partner = new.partner
               and c.passed and c.settings_sha256 = sha256(coalesce(p.settings, ''))) then
        raise exception 'a partner is opened by a run that it passed as it is configured now'
            using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger partner_opening_guard before insert on partner_opening
    for each row execute function partner_opening_guard();

create function partner_open_guard() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if new.open and (tg_op = 'INSERT' or not old.open) and not public.bootstrap_is_open()
       and not exists (select from public.partner_opening o
                        where o.partner = new.code and o.load_id = new.load_id) then
        raise exception 'nothing says by which run a partner is opened'
            using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger partner_open_guard before insert or update of open on partner
    for each row execute function partner_open_guard();

grant select, insert on certification, partner_opening to payclear_app;
grant select on certification, partner_opening to payclear_auditor;
