-- The officers' desk: roles that are lent for an absence, and what its lists are found by.

-- A role that one person lends to another for some days because they are away; a third has approved
-- it. It holds while the lender themselves holds the role.
create table delegation (
    delegation_id uuid primary key,
    giver_id uuid not null,
    receiver_id uuid not null,
    role text not null,
    scope text not null,
    first_day date not null,
    last_day date not null,
    reason text not null,
    made_at timestamptz not null,
    made_by text not null,
    -- From here on it changes.
    approved_at timestamptz,
    ended_at timestamptz,
    constraint delegation_giver_fkey foreign key (giver_id) references person,
    constraint delegation_receiver_fkey foreign key (receiver_id) references person,
    constraint delegation_to_another check (giver_id <> receiver_id),
    constraint delegation_role_known check
        (role in ('viewer', 'officer', 'approver', 'operator', 'auditor', 'admin')),
    constraint delegation_scope_form check (scope = '*' or scope ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$'),
    constraint delegation_days check (last_day >= first_day and last_day - first_day < 92),
    constraint delegation_reason_given check (reason <> '')
);
create index delegation_receiver_idx on delegation (receiver_id);
create index delegation_giver_idx on delegation (giver_id);

create function delegation_guard() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        if new.approved_at is not null or new.ended_at is not null then
            raise exception 'a delegation begins as a proposal' using errcode = 'check_violation';
        end if;
        if exists (select from public.person_role
                    where person_id = new.receiver_id and role = 'partner') then
            raise exception 'nothing is lent to who works for a partner'
                using errcode = 'check_violation';
        end if;
        return new;
    end if;
    if (new.delegation_id, new.giver_id, new.receiver_id, new.role, new.scope, new.first_day,
        new.last_day, new.reason, new.made_at, new.made_by)
       is distinct from
       (old.delegation_id, old.giver_id, old.receiver_id, old.role, old.scope, old.first_day,
        old.last_day, old.reason, old.made_at, old.made_by) then
        raise exception 'what was delegated stays as it is' using errcode = 'check_violation';
    end if;
    if old.ended_at is not null and new is distinct from old then
        raise exception 'what has ended stays ended' using errcode = 'check_violation';
    end if;
    if old.approved_at is not null and new.approved_at is distinct from old.approved_at then
        raise exception 'since when a delegation is approved stays' using errcode = 'check_violation';
    end if;
    if old.approved_at is null and new.approved_at is not null
       and not public.is_being_approved(array['delegation.add'], new.delegation_id::text) then
        raise exception 'a delegation is approved by another' using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger delegation_guard before insert or update on delegation
    for each row execute function delegation_guard();

-- The log is looked through by who and by what, the newest first.
create index audit_actor_idx on audit (actor, audit_id);
create index audit_action_idx on audit (action, audit_id);

grant select, insert on delegation to payclear_app;
grant update (approved_at, ended_at) on delegation to payclear_app;
grant select on delegation to payclear_auditor;

-- What did not go as it should with a partner, newest first, as its own people read it.
create index partner_exchange_partner_idx on partner_exchange (partner, exchange_id);
create index partner_exchange_failed_idx on partner_exchange (partner, exchange_id)
    where verdict not in ('answered', 'recorded', 'repeat');
