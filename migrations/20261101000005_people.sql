-- People: who they are, what they may do, for whose money, and what one of them proposes and
-- another decides. From here on nobody registers a key, an endpoint, a partner's settings or a
-- person alone.

-- Somebody who signs in. What is waiting to be approved lies in the `next_` columns: credentials
-- of a new person, or new ones of a known person, shown once and good for nothing until then.
create table person (
    person_id uuid primary key,
    email text not null,
    name text not null,
    -- argon2id, in the PHC form.
    password text,
    -- The secret of the one-time codes, sealed.
    totp bytea,
    -- The step of the last code that was taken: none is taken twice.
    totp_step bigint not null default 0,
    next_password text,
    next_totp bytea,
    failed integer not null default 0,
    locked_until timestamptz,
    made_at timestamptz not null,
    made_by text not null,
    -- Since when this person may sign in: approved by somebody else.
    approved_at timestamptz,
    -- Never approved: the address is free again.
    withdrawn_at timestamptz,
    disabled_at timestamptz,
    constraint person_email_form check (email ~ '^[^\s@]+@[^\s@]+$' and email = lower(email)),
    constraint person_name_given check (name <> ''),
    constraint person_password_is_argon2id check (password like '$argon2id$%'),
    constraint person_next_password_is_argon2id check (next_password like '$argon2id$%'),
    constraint person_failed_counts check (failed >= 0),
    constraint person_withdrawn_was_not_approved check (withdrawn_at is null or approved_at is null)
);
-- An address is one person's.
create unique index person_email_once on person (email) where withdrawn_at is null;

-- What a person may do, and for which agencies: `G01` is the agency G01 and all below it
-- (`G01.A`), `*` is everything.
create table person_role (
    person_id uuid not null,
    role text not null,
    scope text not null,
    constraint person_role_pkey primary key (person_id, role, scope),
    constraint person_role_person_fkey foreign key (person_id) references person,
    constraint person_role_known check
        (role in ('viewer', 'officer', 'approver', 'operator', 'auditor', 'admin', 'partner')),
    -- Somebody who works for a partner: the scope is its code, never everything.
    constraint person_role_of_one_partner check (role <> 'partner' or scope <> '*'),
    constraint person_role_scope_form check (scope = '*' or scope ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$')
);

-- Somebody who is signed in. The token itself is known to its holder alone.
create table session (
    token_hash bytea primary key,
    person_id uuid not null,
    -- A token in a cookie is sent by browsers of themselves: writes with it need an Origin.
    carried_by text not null,
    made_at timestamptz not null,
    seen_at timestamptz not null,
    expires_at timestamptz not null,
    constraint session_token_is_sha256 check (length(token_hash) = 32),
    constraint session_carried_by check (carried_by in ('cookie', 'bearer')),
    constraint session_person_fkey foreign key (person_id) references person
);
create index session_person_idx on session (person_id);
create index session_expires_idx on session (expires_at);

-- What one proposes and another decides. The decision is bound to the hash of the exact content.
create table approval (
    approval_id uuid primary key,
    kind text not null,
    -- What it is about: an endpoint's id, a key's name, a refund's id.
    subject text not null,
    -- Whose business it is, `*` when it is everybody's.
    agency text not null,
    -- Canonical JSON: members sorted, no blanks.
    content text not null,
    content_hash bytea not null,
    made_by text not null,
    made_at timestamptz not null,
    expires_at timestamptz not null,
    status text not null default 'pending',
    decided_by text,
    decided_at timestamptz,
    reason text,
    constraint approval_kind_form check (kind ~ '^[a-z_]+(\.[a-z_]+)*$'),
    constraint approval_agency_given check (agency <> ''),
    constraint approval_hash_of_content check
        (content_hash = sha256(convert_to(content, 'UTF8'))),
    constraint approval_status_known check
        (status in ('pending', 'approved', 'rejected', 'expired', 'applied')),
    -- Nobody decides on what they made, whatever roles they hold.
    constraint approval_four_eyes check (decided_by <> made_by),
    constraint approval_decided_when check ((status = 'pending') = (decided_at is null)),
    constraint approval_decided_by_whom check
        ((status in ('pending', 'expired')) = (decided_by is null))
);
-- One open question at a time about one thing.
create unique index approval_one_pending on approval (kind, subject) where status = 'pending';
create index approval_status_idx on approval (status, approval_id);

-- Said once and decided once.
create function approval_guard() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        if new.status <> 'pending' then
            raise exception 'an approval begins pending' using errcode = 'check_violation';
        end if;
        return new;
    end if;
    if (new.approval_id, new.kind, new.subject, new.agency, new.content, new.content_hash,
        new.made_by, new.made_at, new.expires_at)
       is distinct from
       (old.approval_id, old.kind, old.subject, old.agency, old.content, old.content_hash,
        old.made_by, old.made_at, old.expires_at) then
        raise exception 'what was proposed stays as it is' using errcode = 'check_violation';
    end if;
    if old.status = 'pending' and new.status in ('approved', 'rejected', 'expired') then
        return new;
    end if;
    if old.status = 'approved' and new.status = 'applied'
       and (new.decided_by, new.decided_at) is not distinct from (old.decided_by, old.decided_at)
       and new.reason is not distinct from old.reason then
        return new;
    end if;
    raise exception 'an approval that is % cannot become %', old.status, new.status
        using errcode = 'check_violation';
end $$;
create trigger approval_guard before insert or update on approval
    for each row execute function approval_guard();

-- Before anything was approved there is nobody to approve: the first keys, endpoints and people
-- are made by one person at the command line, and that is over with the first approval.
create function bootstrap_is_open() returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
    select not exists (select from public.approval where status in ('approved', 'applied'));
$$;

-- Does this very transaction carry out the approval of a kind for a subject? `approved` becomes
-- `applied` before the commit, so that nobody else ever sees it.
create function is_being_approved(of_kinds text[], of_subject text) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
    select exists (select from public.approval
                    where kind = any(of_kinds) and subject = of_subject and status = 'approved');
$$;

create function person_guard() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if (tg_op = 'INSERT' and (new.approved_at is not null or new.password is not null))
       or (tg_op = 'UPDATE' and old.approved_at is null and new.approved_at is not null)
       or (tg_op = 'UPDATE' and old.disabled_at is not null and new.disabled_at is null)
       or (tg_op = 'UPDATE' and new.password = old.next_password
           and new.password is distinct from old.password) then
        if not public.bootstrap_is_open()
           and not public.is_being_approved(array['person.add', 'person.reset'], new.person_id::text) then
            raise exception 'a person is approved by another' using errcode = 'check_violation';
        end if;
    end if;
    return new;
end $$;
create trigger person_guard before insert or update on person
    for each row execute function person_guard();

-- Roles are part of what was approved.
create function person_role_guard() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if not public.bootstrap_is_open() and exists (
        select from public.person
         where person_id = new.person_id and approved_at is not null) then
        raise exception 'roles are given before a person is approved'
            using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger person_role_guard before insert on person_role
    for each row execute function person_role_guard();

-- Who works for a partner has that role alone: what is lent or given to them besides would let
-- another house look into ours.
create function person_role_one_side() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if exists (select from public.person_role r
                where r.person_id = new.person_id
                  and (r.role = 'partner' or new.role = 'partner')
                  and (r.role, r.scope) <> (new.role, new.scope)) then
        raise exception 'who works for a partner has that role alone'
            using errcode = 'check_violation';
    end if;
    return null;
end $$;
create trigger person_role_one_side after insert on person_role
    for each row execute function person_role_one_side();

-- A key is usable from its approval on; those of before are.
alter table caller_key add column usable_since timestamptz;
update caller_key set usable_since = made_at;

create function caller_key_guard() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'UPDATE' and new.usable_since is not distinct from old.usable_since then
        return new;
    end if;
    if tg_op = 'UPDATE' and old.usable_since is not null then
        raise exception 'since when a key is usable stays' using errcode = 'check_violation';
    end if;
    if new.usable_since is not null and not public.bootstrap_is_open()
       and not public.is_being_approved(array['key.add'], new.key_id) then
        raise exception 'a key is approved by another' using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger caller_key_guard before insert or update on caller_key
    for each row execute function caller_key_guard();

-- An endpoint is told nothing until it is approved.
alter table endpoint drop constraint endpoint_state;
alter table endpoint add constraint endpoint_state
    check (state in ('pending', 'open', 'disabled', 'gone'));
alter table endpoint alter column state set default 'pending';

create function endpoint_guard() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        if new.state <> 'pending' and not public.bootstrap_is_open() then
            raise exception 'an endpoint is approved by another' using errcode = 'check_violation';
        end if;
        return new;
    end if;
    if (new.endpoint_id, new.portal, new.url) is distinct from
       (old.endpoint_id, old.portal, old.url) then
        raise exception 'another address is another endpoint' using errcode = 'check_violation';
    end if;
    if new.state = 'pending' and old.state <> 'pending' then
        raise exception 'an endpoint is pending once' using errcode = 'check_violation';
    end if;
    if old.state = 'pending' and new.state not in ('pending', 'gone')
       and not public.is_being_approved(array['endpoint.add'], new.endpoint_id::text) then
        raise exception 'an endpoint is approved by another' using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger endpoint_guard before insert or update on endpoint
    for each row execute function endpoint_guard();

-- Settings wait here, sealed, until they are approved.
alter table partner add column next_settings bytea;

create function partner_guard() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if new.settings is distinct from old.settings and not public.bootstrap_is_open()
       and not public.is_being_approved(array['partner.configure'], new.code) then
        raise exception 'the settings of a partner are approved by another'
            using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger partner_guard before update of settings on partner
    for each row execute function partner_guard();

grant select, insert on person, person_role, session, approval to payclear_app;
grant update (password, totp, totp_step, next_password, next_totp, failed, locked_until,
    approved_at, withdrawn_at, disabled_at) on person to payclear_app;
grant update (seen_at) on session to payclear_app;
grant delete on session to payclear_app;
grant update (status, decided_by, decided_at, reason) on approval to payclear_app;
grant update (usable_since) on caller_key to payclear_app;
