//! What stands in a confirmation: Vietnamese, then English; nothing about the payer but the code,
//! the amount and the way to the page.

use chrono::{DateTime, Utc};
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};

use crate::invoices::invoice::Invoice;
use crate::vocabulary::day::to_local;

/// Tells programs that answer mail by themselves not to (RFC 3834).
#[derive(Debug, Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// The confirmation of a paid invoice.
pub fn confirmation(
    invoice: &Invoice,
    (paid_at, receipt_path): (DateTime<Utc>, Option<&str>),
    public_url: &str,
    (from, to): (Mailbox, lettre::Address),
    id: uuid::Uuid,
) -> Result<Message, lettre::error::Error> {
    let host = url::Url::parse(public_url).ok();
    let host = host.as_ref().and_then(url::Url::host_str).unwrap_or("localhost");
    Message::builder()
        .from(from)
        .to(Mailbox::new(None, to))
        .subject(format!("Xác nhận thanh toán {0} / Payment confirmation {0}", invoice.code))
        .message_id(Some(format!("<{id}@{host}>")))
        .date(paid_at.into())
        .header(AutoSubmitted)
        .header(ContentType::TEXT_PLAIN)
        .body(text(invoice, paid_at, receipt_path, public_url))
}

/// Where the receipt is, in both languages; without one yet the page will have it.
fn receipt_told(path: Option<&str>, public_url: &str) -> (String, String) {
    match path {
        Some(path) => (
            format!("Biên lai điện tử:\n{public_url}{path}"),
            format!("The electronic receipt:\n{public_url}{path}?lang=en"),
        ),
        None => (
            "Biên lai điện tử có trên trang này trong ít phút.".to_owned(),
            "The electronic receipt will be on that page within minutes.".to_owned(),
        ),
    }
}

fn text(
    invoice: &Invoice,
    paid_at: DateTime<Utc>,
    receipt_path: Option<&str>,
    public_url: &str,
) -> String {
    let (vietnamese, english) = receipt_told(receipt_path, public_url);
    let (code, amount) = (&invoice.code, invoice.amount.for_people());
    let (page, at) = (invoice.pay_path(), to_local(paid_at).format("%H:%M %d/%m/%Y"));
    format!(
        "Khoản phí, lệ phí của bạn đã được thanh toán.\n\n\
         Mã thanh toán: {code}\n\
         Số tiền: {amount}\n\
         Thời điểm: {at} (giờ Việt Nam)\n\n\
         Xem xác nhận thanh toán:\n{public_url}{page}\n\n\
         {vietnamese}\n\n\
         Thư này là xác nhận thanh toán, không phải biên lai. Thư được gửi tự động; xin đừng trả lời.\n\
         Chúng tôi không bao giờ hỏi mật khẩu, mã OTP hay số thẻ của bạn.\n\n\
         ----\n\n\
         Your fee has been paid.\n\n\
         Payment code: {code}\n\
         Amount: {amount}\n\
         Paid at: {at} (Viet Nam time)\n\n\
         See the payment confirmation:\n{public_url}{page}?lang=en\n\n\
         {english}\n\n\
         This confirms the payment; it is not a receipt. The message was sent automatically; please \
         do not reply.\n\
         We never ask for your password, one-time code or card number.\n"
    )
}
