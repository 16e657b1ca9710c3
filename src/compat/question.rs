//! QUERY and GET_BILL: how a payment stands, and its receipt.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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
use crate::platform::problem::Problem;
use crate::receipts::receipt::Receipt;
use crate::receipts::status::ReceiptStatus;
use crate::receipts::store::reads::receipt_of_invoice;

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

    /// The receipt of a payment: its number, where anybody checks it, and the PDF itself in base64.
    pub(super) async fn bill(&self, peer: &Peer, message: &Object<'_>) -> Result<Reply, Problem> {
        let invoice = match self.asked(peer, message).await? {
            Ok(invoice) => invoice,
            Err(reply) => return Ok(reply),
        };
        if invoice.status != Status::Paid {
            let sentence = "chưa có biên lai: giao dịch chưa thanh toán";
            return Ok(Reply::no(Code::NoReceipt, sentence));
        }
        let mut conn = self.pool.acquire().await?;
        let receipt = receipt_of_invoice(&mut conn, invoice.id).await?;
        drop(conn);
        let stands = |receipt: &Receipt| {
            receipt.signature.is_some() && receipt.status == ReceiptStatus::Valid
        };
        let Some(receipt) = receipt.filter(stands) else {
            let sentence = "chưa có biên lai: giao dịch đã thanh toán, biên lai đang được lập";
            return Ok(Reply::no(Code::NoReceipt, sentence));
        };
        let number = &receipt.content.number;
        let mut told = vec![
            ("MauBienLai", json!(number.form)),
            ("KyHieuBienLai", json!(number.symbol)),
            ("SoBienLai", json!(number.padded())),
            ("NgayBienLai", json!(number.day.format("%Y%m%d").to_string())),
            ("SoTien", json!(receipt.amount().minor_units())),
            ("UrlBienLai", json!(format!("{}{}", self.receipts.public_url, receipt.check_path()))),
        ];
        let pdf = self.receipts.pdf(receipt, None).await?;
        told.push(("FileBienLai", json!(STANDARD.encode(pdf))));
        Ok(Reply::ok(told))
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
