//! The account that a payer names for a refund, as an officer takes it down; another looks at it.

use super::{Desk, OfficerError, refund_in};
use crate::partners::dialects::CounterAccount;
use crate::people::officer::Officer;
use crate::platform::audit::By;
use crate::refunds::name_account::take_down_in;
use crate::refunds::status::RefundStatus;
use crate::vocabulary::ids::{ApprovalId, RefundId};

impl Desk {
    /// Takes down the account that the payer of a refund names, and proposes it.
    pub async fn name_account(
        &self,
        officer: &Officer,
        id: RefundId,
        account: &CounterAccount,
    ) -> Result<ApprovalId, OfficerError> {
        let mut tx = self.refunding.pool.begin().await?;
        let (refund, invoice) = refund_in(&mut tx, officer, id).await?;
        // Where it goes was approved with it.
        if matches!(refund.status, RefundStatus::Approved | RefundStatus::Sent) {
            let why = format!("the refund is {}: where it goes is decided", refund.status);
            return Err(OfficerError::WrongState(why));
        }
        let by = By { actor: &officer.email, at: self.refunding.clock.now() };
        let of = (&invoice, refund.settlement);
        let approval = take_down_in(&mut tx, &self.keys, by, of, account).await?;
        tx.commit().await?;
        Ok(approval)
    }
}
