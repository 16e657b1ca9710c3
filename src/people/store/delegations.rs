//! SQL on `delegation`.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;

use crate::people::delegate::Delegation;
use crate::people::role::Grant;
use crate::platform::audit::By;
use crate::vocabulary::ids::{DelegationId, PersonId};

/// Who may sign in under an address.
pub async fn active_person(
    conn: &mut PgConnection,
    email: &str,
) -> Result<Option<PersonId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select person_id as "person_id: PersonId" from person
            where email = $1 and withdrawn_at is null and approved_at is not null
              and disabled_at is null"#,
        email
    )
    .fetch_optional(conn)
    .await
}

/// Was this person given a role that holds this one?
pub async fn holds(
    conn: &mut PgConnection,
    person: PersonId,
    grant: &Grant,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from person_role
                           where person_id = $1 and role = $2
                             and (scope = '*' or scope = $3 or starts_with($3, scope || '.')))
                  as "holds!""#,
        person as PersonId,
        grant.role.as_str(),
        grant.scope.as_str()
    )
    .fetch_one(conn)
    .await
}

/// Does this person work for a partner?
pub async fn works_for_partner(
    conn: &mut PgConnection,
    person: PersonId,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from person_role where person_id = $1 and role = 'partner')
                  as "works!""#,
        person as PersonId
    )
    .fetch_one(conn)
    .await
}

/// Enters a delegation, pending.
pub async fn delegation_insert(
    conn: &mut PgConnection,
    delegation: &Delegation,
    by: By<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into delegation (delegation_id, giver_id, receiver_id, role, scope, first_day,
                                 last_day, reason, made_at, made_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        delegation.id as DelegationId,
        delegation.giver as PersonId,
        delegation.receiver as PersonId,
        delegation.grant.role.as_str(),
        delegation.grant.scope.as_str(),
        delegation.first_day,
        delegation.last_day,
        delegation.reason,
        by.at,
        by.actor
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Between whom a delegation is.
#[derive(Debug)]
pub struct Between {
    /// Who lent.
    pub giver: PersonId,
    /// To whom.
    pub receiver: PersonId,
}

/// One delegation, locked until the transaction ends.
pub async fn delegation_lock(
    conn: &mut PgConnection,
    id: DelegationId,
) -> Result<Option<Between>, sqlx::Error> {
    sqlx::query_as!(
        Between,
        r#"select giver_id as "giver: PersonId", receiver_id as "receiver: PersonId"
             from delegation where delegation_id = $1 for update"#,
        id as DelegationId
    )
    .fetch_optional(conn)
    .await
}

/// Writes down that one was approved; `false` when it has ended or was before.
pub async fn delegation_approve(
    conn: &mut PgConnection,
    id: DelegationId,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update delegation set approved_at = $2
          where delegation_id = $1 and approved_at is null and ended_at is null",
        id as DelegationId,
        now
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends one; `false` when that was done before.
pub async fn delegation_end(
    conn: &mut PgConnection,
    id: DelegationId,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update delegation set ended_at = $2 where delegation_id = $1 and ended_at is null",
        id as DelegationId,
        now
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A delegation in a list.
#[derive(Debug)]
pub struct Listed {
    /// Its id.
    pub delegation_id: DelegationId,
    /// Who lends.
    pub giver: String,
    /// To whom.
    pub receiver: String,
    /// Which role.
    pub role: String,
    /// For which agencies.
    pub scope: String,
    /// The first day.
    pub first_day: NaiveDate,
    /// The last day.
    pub last_day: NaiveDate,
    /// Why.
    pub reason: String,
    /// When it was approved.
    pub approved_at: Option<DateTime<Utc>>,
    /// When it was ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// Delegations, the newest first: everybody's, or those from and to one person.
pub async fn delegation_list(
    conn: &mut PgConnection,
    of: Option<PersonId>,
    most: i64,
) -> Result<Vec<Listed>, sqlx::Error> {
    sqlx::query_as!(
        Listed,
        r#"select d.delegation_id as "delegation_id: DelegationId", g.email as giver,
                  r.email as receiver, d.role, d.scope, d.first_day, d.last_day, d.reason,
                  d.approved_at, d.ended_at
             from delegation d
             join person g on g.person_id = d.giver_id
             join person r on r.person_id = d.receiver_id
            where $1::uuid is null or d.giver_id = $1 or d.receiver_id = $1
            order by d.delegation_id desc limit $2"#,
        of as Option<PersonId>,
        most
    )
    .fetch_all(conn)
    .await
}
