//! QUERY and GET_BILL: how a payment stands, and its receipt.

use serde_json::json;

use super::http::CompatDoors;
use super::message::{check_version, reference};
use super::peer::{FAILED, Peer};
use super::reply::{Code, Reply, time};
use super::store;
use crate::invoices::invoice::Invoice;
use crate::invoices::status::Status;
use crate::invoices::store::invoice_read;
use crate::partners::dialects::json::Object;

impl CompatDoors {
    /// TrangThaiGD of a payment.
    pub(super) async fn query(
        &self,
        peer: &Peer,
        message: &Object<'_>,
    ) -> Result<Reply, sqlx::Error> {
        let invoice = match self.asked(peer, message).await? {
            Ok(invoice) => invoice,
            Err(reply) => return Ok(reply),
        };
        let status = match invoice.status {
            Status::Issued | Status::Pending => peer.waiting_status.as_str(),
            Status::Paid => peer.paid_status.as_str(),
            Status::Expired | Status::Cancelled => FAILED,
        };
        let mut told = vec![
            ("TrangThaiGD", json!(status)),
            ("SoTien", json!(invoice.amount.minor_units())),
            ("MaTienTe", json!("VND")),
            ("MaGiaoDich", json!(invoice.code.as_str())),
        ];
        if let Some(paid_at) = invoice.paid_at {
            told.push(("ThoiGianThanhToan", json!(time(paid_at))));
        }
        Ok(Reply::ok(told))
    }

    /// The receipt of a payment. No receipts are made yet: the answer says so.
    pub(super) async fn bill(
        &self,
        peer: &Peer,
        message: &Object<'_>,
    ) -> Result<Reply, sqlx::Error> {
        Ok(match self.asked(peer, message).await? {
            Ok(invoice) if invoice.status == Status::Paid => Reply::no(
                Code::NoReceipt,
                "chưa có biên lai: giao dịch đã thanh toán, chưa lập biên lai",
            ),
            Ok(_) => Reply::no(Code::NoReceipt, "chưa có biên lai: giao dịch chưa thanh toán"),
            Err(reply) => reply,
        })
    }

    /// The invoice of the payment that is asked about.
    async fn asked(
        &self,
        peer: &Peer,
        message: &Object<'_>,
    ) -> Result<Result<Invoice, Reply>, sqlx::Error> {
        let read = check_version(message).and_then(|()| reference(message));
        let reference = match read {
            Ok(reference) => reference,
            Err(reply) => return Ok(Err(reply)),
        };
        let mut conn = self.pool.acquire().await?;
        let payment = store::payment_read(&mut conn, &peer.portal, &reference).await?;
        let invoice = match payment {
            Some(payment) => invoice_read(&mut conn, payment.invoice).await?,
            None => None,
        };
        Ok(invoice
            .ok_or_else(|| Reply::no(Code::NotFound, "không có giao dịch với MaThamChieu này")))
    }
}
