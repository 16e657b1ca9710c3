//! The refunds that an officer sees.

use sqlx::PgConnection;

use super::{Desk, OfficerError};
use crate::people::officer::Officer;
use crate::people::role::Scope;
use crate::refunds::door::released;
use crate::refunds::refund::Refund;
use crate::refunds::status::RefundStatus;
use crate::refunds::store;
use crate::refunds::store::officers::{Listed, refunds_list};
use crate::refunds::view::Released;
use crate::vocabulary::ids::RefundId;

/// Which refunds, of those in sight.
#[derive(Debug)]
pub struct Filter<'a> {
    /// In this state.
    pub status: Option<RefundStatus>,
    /// Of this agency and those below it.
    pub agency: Option<&'a str>,
    /// Older than this one.
    pub before: Option<RefundId>,
    /// At most so many.
    pub limit: i64,
}

/// A refund as an officer sees it.
#[derive(Debug)]
pub struct Seen {
    /// The refund.
    pub refund: Refund,
    /// What an approval would look at.
    pub released: Released,
    /// The agency of its invoice.
    pub agency: String,
    /// The code of its invoice.
    pub invoice: String,
}

impl Desk {
    /// Refunds of the agencies in this person's scope, the newest first.
    pub async fn list(
        &self,
        officer: &Officer,
        filter: &Filter<'_>,
    ) -> Result<Vec<Seen>, sqlx::Error> {
        self.list_of(&officer.scopes(), filter).await
    }

    /// Refunds of the agencies in these scopes, the newest first.
    pub async fn list_of(
        &self,
        scopes: &[String],
        filter: &Filter<'_>,
    ) -> Result<Vec<Seen>, sqlx::Error> {
        let mut conn = self.refunding.pool.acquire().await?;
        let wanted = Listed {
            scopes,
            status: filter.status,
            agency: filter.agency,
            before: filter.before,
            limit: filter.limit,
        };
        let rows = refunds_list(&mut conn, &wanted).await?;
        let ids: Vec<_> = rows.iter().map(|row| row.refund).collect();
        // In the order of their ids, as the rows are from the end.
        let refunds = store::refunds_read(&mut conn, &ids).await?;
        let mut seen = Vec::with_capacity(rows.len());
        for (row, refund) in rows.into_iter().zip(refunds.into_iter().rev()) {
            let released = released(&mut conn, &refund).await?;
            seen.push(Seen { refund, released, agency: row.agency, invoice: row.invoice });
        }
        Ok(seen)
    }

    /// One refund, when it is of the agencies in these scopes.
    pub async fn one(&self, scopes: &[String], id: RefundId) -> Result<Option<Seen>, OfficerError> {
        let mut conn = self.refunding.pool.acquire().await?;
        let Some(refund) = store::refund_read(&mut conn, id).await? else { return Ok(None) };
        let seen = self.seen(&mut conn, refund).await?;
        let covers = |scope: &String| scope.parse::<Scope>().is_ok_and(|s| s.covers(&seen.agency));
        Ok(scopes.iter().any(covers).then_some(seen))
    }

    /// One of them.
    pub(super) async fn seen(
        &self,
        conn: &mut PgConnection,
        refund: Refund,
    ) -> Result<Seen, OfficerError> {
        let invoice = crate::invoices::store::invoice_read(conn, refund.invoice).await?;
        let invoice = invoice.ok_or(OfficerError::NotFound)?;
        let released = released(conn, &refund).await?;
        Ok(Seen { refund, released, agency: invoice.agency, invoice: invoice.code.to_string() })
    }
}
