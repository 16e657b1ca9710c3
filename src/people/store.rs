//! SQL on `person`, `person_role`, `session` and, in a part of its own, `delegation`.

pub mod delegations;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::role::Grant;
use super::session::CarriedBy;
use crate::vocabulary::day::to_local;
use crate::vocabulary::ids::PersonId;

/// A person, as lists show them.
#[derive(Debug, Clone, serde::Serialize)]
pub struct PersonRow {
    /// The id.
    pub person_id: PersonId,
    /// The address that they sign in with.
    pub email: String,
    /// The name.
    pub name: String,
    /// `officer:G01`, by name.
    pub roles: Vec<String>,
    /// When the person was entered.
    pub made_at: DateTime<Utc>,
    /// Who entered them.
    pub made_by: String,
    /// Since when they may sign in.
    pub approved_at: Option<DateTime<Utc>>,
    /// Since when they may not any more.
    pub disabled_at: Option<DateTime<Utc>>,
}

/// Everybody, by address; those who were never approved and never will be are left out.
pub async fn person_list(conn: &mut PgConnection) -> Result<Vec<PersonRow>, sqlx::Error> {
    sqlx::query_as!(
        PersonRow,
        r#"select person_id as "person_id: PersonId", email, name, made_at, made_by, approved_at,
               disabled_at,
               array(select role || ':' || scope from person_role r
                      where r.person_id = person.person_id order by 1) as "roles!"
           from person where withdrawn_at is null order by email"#
    )
    .fetch_all(conn)
    .await
}

/// What a person proves who they are with; sealed or hashed.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// argon2id, in the PHC form.
    pub password: String,
    /// The secret of the one-time codes, sealed.
    pub totp: Option<Vec<u8>>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// A person to enter, pending.
#[derive(Debug)]
pub struct NewPerson<'a> {
    /// The id.
    pub id: PersonId,
    /// The address, in small letters.
    pub email: &'a str,
    /// The name.
    pub name: &'a str,
    /// Who enters them.
    pub made_by: &'a str,
    /// When.
    pub made_at: DateTime<Utc>,
}

/// Enters a person; `false` when the address is somebody's.
pub async fn person_insert(
    conn: &mut PgConnection,
    person: &NewPerson<'_>,
    next: &Credentials,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "insert into person (person_id, email, name, next_password, next_totp, made_at, made_by)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (email) where withdrawn_at is null do nothing",
        person.id as PersonId,
        person.email,
        person.name,
        next.password,
        next.totp,
        person.made_at,
        person.made_by,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives a person their roles.
pub async fn person_role_insert(
    conn: &mut PgConnection,
    person: PersonId,
    grants: &[Grant],
) -> Result<(), sqlx::Error> {
    let roles: Vec<String> = grants.iter().map(|g| g.role.as_str().to_owned()).collect();
    let scopes: Vec<String> = grants.iter().map(|g| g.scope.as_str().to_owned()).collect();
    sqlx::query!(
        "insert into person_role (person_id, role, scope)
         select distinct $1::uuid, * from unnest($2::text[], $3::text[])",
        person as PersonId,
        &roles,
        &scopes,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes all roles of a person away, when they are given others by an approval.
pub async fn person_role_delete(
    conn: &mut PgConnection,
    person: PersonId,
) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from person_role where person_id = $1", person as PersonId)
        .execute(conn)
        .await?;
    Ok(())
}

/// How many people decide on everybody's keys and people.
pub async fn admins(conn: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "admins!" from person p
            where p.approved_at is not null and p.disabled_at is null and p.withdrawn_at is null
              and exists (select from person_role r
                           where r.person_id = p.person_id and r.role = 'admin' and r.scope = '*')"#
    )
    .fetch_one(conn)
    .await
}

/// Puts new credentials beside those in force.
pub async fn person_next_put(
    conn: &mut PgConnection,
    person: PersonId,
    next: &Credentials,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update person set next_password = $2, next_totp = $3 where person_id = $1",
        person as PersonId,
        next.password,
        next.totp,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The credentials that wait to be approved, the person's row locked.
pub async fn person_next(
    conn: &mut PgConnection,
    person: PersonId,
) -> Result<Option<Credentials>, sqlx::Error> {
    let row = sqlx::query!(
        "select next_password, next_totp from person
          where person_id = $1 and withdrawn_at is null for update",
        person as PersonId,
    )
    .fetch_optional(conn)
    .await?;
    let with_password = row.and_then(|row| Some((row.next_password?, row.next_totp)));
    Ok(with_password.map(|(password, totp)| Credentials { password, totp }))
}

/// Puts the waiting credentials in force. A person who was disabled may sign in again.
pub async fn person_next_take(
    conn: &mut PgConnection,
    person: PersonId,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update person
            set password = next_password, totp = next_totp, totp_step = 0, failed = 0,
                locked_until = null, disabled_at = null, next_password = null, next_totp = null,
                approved_at = coalesce(approved_at, $2)
          where person_id = $1 and next_password is not null and withdrawn_at is null",
        person as PersonId,
        now,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets the waiting credentials. A person who was never approved gives the address free.
pub async fn person_next_drop(
    conn: &mut PgConnection,
    person: PersonId,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update person
            set next_password = null, next_totp = null,
                withdrawn_at = case when approved_at is null then $2::timestamptz end
          where person_id = $1",
        person as PersonId,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Disables a person; `false` when that is done already.
pub async fn person_disable(
    conn: &mut PgConnection,
    person: PersonId,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update person set disabled_at = $2 where person_id = $1 and disabled_at is null",
        person as PersonId,
        now,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Who has an address, the row locked until the transaction ends.
pub async fn person_of_email(
    conn: &mut PgConnection,
    email: &str,
) -> Result<Option<(PersonId, bool)>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select person_id as "person_id: PersonId", approved_at is not null as "approved!"
             from person where email = $1 and withdrawn_at is null for update"#,
        email,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| (row.person_id, row.approved)))
}

/// The hash that a password given for an address is compared with.
pub async fn password_of_email(
    conn: &mut PgConnection,
    email: &str,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select password as "password!" from person
            where email = $1 and withdrawn_at is null and password is not null"#,
        email,
    )
    .fetch_optional(conn)
    .await
}

/// What a sign-in is decided on.
#[derive(Debug)]
pub struct SigningIn {
    /// Who.
    pub person_id: PersonId,
    /// The hash, as it is now.
    pub password: Option<String>,
    /// The sealed secret of the one-time codes.
    pub totp: Option<Vec<u8>>,
    /// The step of the last code taken.
    pub totp_step: i64,
    /// Failures since the last success.
    pub failed: i32,
    /// No success before this.
    pub locked_until: Option<DateTime<Utc>>,
    /// Approved and not disabled.
    pub active: bool,
}

/// The same, the row locked until the transaction ends.
pub async fn person_signing_in(
    conn: &mut PgConnection,
    email: &str,
) -> Result<Option<SigningIn>, sqlx::Error> {
    sqlx::query_as!(
        SigningIn,
        r#"select person_id as "person_id: PersonId", password, totp, totp_step, failed,
               locked_until, (approved_at is not null and disabled_at is null) as "active!"
           from person where email = $1 and withdrawn_at is null for update"#,
        email,
    )
    .fetch_optional(conn)
    .await
}

/// Writes down how a sign-in ended.
pub async fn person_tried(
    conn: &mut PgConnection,
    person: PersonId,
    (failed, locked_until, totp_step): (i32, Option<DateTime<Utc>>, i64),
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update person set failed = $2, locked_until = $3, totp_step = $4 where person_id = $1",
        person as PersonId,
        failed,
        locked_until,
        totp_step,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Replaces a password that is still `old`.
pub async fn person_password_put(
    conn: &mut PgConnection,
    person: PersonId,
    (old, new): (&str, &str),
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update person set password = $3
          where person_id = $1 and password = $2 and disabled_at is null",
        person as PersonId,
        old,
        new,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Is the person still active? Until the transaction ends nobody can disable them.
pub async fn person_hold_active(
    conn: &mut PgConnection,
    person: PersonId,
) -> Result<bool, sqlx::Error> {
    let row = sqlx::query_scalar!(
        r#"select 1 as "one!" from person
            where person_id = $1 and approved_at is not null and disabled_at is null for share"#,
        person as PersonId,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.is_some())
}

/// Begins a session.
pub async fn session_insert(
    conn: &mut PgConnection,
    token_hash: &[u8; 32],
    (person, carried_by): (PersonId, CarriedBy),
    (now, expires_at): (DateTime<Utc>, DateTime<Utc>),
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into session (token_hash, person_id, carried_by, made_at, seen_at, expires_at)
         values ($1, $2, $3, $4, $4, $5)",
        &token_hash[..],
        person as PersonId,
        carried_by.as_str(),
        now,
        expires_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A session and who it is of.
#[derive(Debug)]
pub struct SessionRow {
    /// Who.
    pub person_id: PersonId,
    /// Their address.
    pub email: String,
    /// Their name.
    pub name: String,
    /// `role:scope`.
    pub roles: Vec<String>,
    /// How the token comes.
    pub carried_by: String,
    /// When it was last used, to a minute.
    pub seen_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// The session of a token, with the roles that are its person's and those that are lent to them
/// today, unless it has ended or its person may not sign in any more.
pub async fn session_read(
    conn: &mut PgConnection,
    token_hash: &[u8; 32],
    (now, idle_since): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Option<SessionRow>, sqlx::Error> {
    sqlx::query_as!(
        SessionRow,
        r#"select person_id as "person_id: PersonId", p.email, p.name, s.carried_by, s.seen_at,
               s.expires_at,
               array(select r.role || ':' || r.scope from person_role r
                      where r.person_id = p.person_id
                      union
                     select d.role || ':' || d.scope
                       from delegation d join person g on g.person_id = d.giver_id
                      where d.receiver_id = p.person_id and d.approved_at is not null
                        and d.ended_at is null and $4::date between d.first_day and d.last_day
                        and g.approved_at is not null and g.disabled_at is null
                        and exists (select from person_role h
                                     where h.person_id = d.giver_id and h.role = d.role
                                       and (h.scope = '*' or h.scope = d.scope
                                            or starts_with(d.scope, h.scope || '.')))
                      order by 1) as "roles!"
           from session s join person p using (person_id)
          where s.token_hash = $1 and s.expires_at > $2 and s.seen_at > $3
            and p.approved_at is not null and p.disabled_at is null"#,
        &token_hash[..],
        now,
        idle_since,
        to_local(now).date(),
    )
    .fetch_optional(conn)
    .await
}

/// Notes that a session was used.
pub async fn session_seen(
    conn: &mut PgConnection,
    token_hash: &[u8; 32],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!("update session set seen_at = $2 where token_hash = $1", &token_hash[..], now)
        .execute(conn)
        .await?;
    Ok(())
}

/// Ends one session.
pub async fn session_end(
    conn: &mut PgConnection,
    token_hash: &[u8; 32],
) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from session where token_hash = $1", &token_hash[..])
        .execute(conn)
        .await?;
    Ok(())
}

/// Ends all sessions of a person, but for one that is kept.
pub async fn session_end_all(
    conn: &mut PgConnection,
    person: PersonId,
    but: Option<&[u8; 32]>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from session where person_id = $1 and token_hash is distinct from $2",
        person as PersonId,
        but.map(|hash| &hash[..]),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets sessions that have ended; the clock role calls this every minute.
pub async fn session_prune(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from session where token_hash in
             (select token_hash from session where expires_at <= $1 limit 2000)",
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The roles of somebody who may sign in, as they are written; none of anybody else.
pub async fn roles_of_email(
    conn: &mut PgConnection,
    email: &str,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select r.role || ':' || r.scope as "grant!"
             from person p join person_role r on r.person_id = p.person_id
            where p.email = $1 and p.approved_at is not null and p.disabled_at is null
              and p.withdrawn_at is null
            order by 1"#,
        email
    )
    .fetch_all(conn)
    .await
}
