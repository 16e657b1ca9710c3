-- Registers say whose money it is, to which account it goes and what a procedure costs: what one
-- person brings, another looks at before it holds.

-- The very files that wait, by their digest.
create table register_waiting (
    digest bytea primary key,
    -- The text of each file by its name.
    files jsonb not null,
    made_at timestamptz not null
);
grant select, insert, delete on register_waiting to payclear_app;
grant select on register_waiting to payclear_auditor;

create function register_load_guard() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if not public.bootstrap_is_open()
       and not public.is_being_approved(array['registers.import'], encode(new.digest, 'hex')) then
        raise exception 'registers are approved by another' using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger register_load_guard before insert on register_load
    for each row execute function register_load_guard();
