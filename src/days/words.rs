//! The words of the printed day: Vietnamese, with English beside. What has no name is told as it is
//! written in the books.

use serde_json::Value;

/// A member of a row as text.
pub fn text<'v>(of: &'v Value, name: &str) -> &'v str {
    of[name].as_str().unwrap_or_default()
}

fn found(names: &[(&str, &str)], key: &str) -> String {
    names.iter().find(|(known, _)| *known == key).map_or(key, |(_, name)| name).to_owned()
}

/// A kind of account.
pub fn account(kind: &str) -> String {
    found(
        &[
            ("partner_receivable", "Phải thu đối tác (Partner receivable)"),
            ("bank_account", "Tiền gửi ngân hàng (Bank account)"),
            ("claim_on_agency", "Phải thu cơ quan (Claim on agency)"),
            ("claim_on_treasury", "Phải thu Kho bạc (Claim on the Treasury)"),
            ("agency_payable", "Phải trả cơ quan (Agency payable)"),
            ("refund_due", "Phải hoàn (Refund due)"),
            ("part_payments_held", "Giữ phần nộp thiếu (Part payments held)"),
            ("suspense", "Chờ xử lý (Suspense)"),
            ("refunds_in_transit", "Hoàn đang chuyển (Refunds in transit)"),
            ("write_off", "Chênh lệch xoá bỏ (Write-off)"),
            ("carried_in", "Số dư mang sang (Carried in)"),
        ],
        kind,
    )
}

/// A business act.
pub fn act(name: &str) -> String {
    found(
        &[
            ("settlement", "Ghi thu (Settlement)"),
            ("part_payment", "Nộp một phần (Part payment)"),
            ("surplus", "Nộp thừa, nộp trùng (Surplus)"),
            ("suspense", "Thu chờ xử lý (To suspense)"),
            ("parts_given_up", "Trả phần nộp thiếu (Parts given up)"),
            ("banked", "Tiền về ngân hàng (Banked)"),
            ("statement", "Theo sao kê (By statement)"),
            ("statement_undone", "Huỷ sao kê cũ (Statement undone)"),
            ("match_undone", "Huỷ khớp (Match undone)"),
            ("receivable_moves", "Chuyển phải thu (Receivable moved)"),
            ("partner_fee", "Phí đối tác (Partner's fee)"),
            ("refund_approved", "Duyệt hoàn (Refund approved)"),
            ("refund_confirmed", "Đã hoàn (Refund confirmed)"),
            ("refund_failed", "Hoàn không được (Refund failed)"),
            ("refund_suspended", "Hoàn không được, chờ xử lý (Refund to suspense)"),
            ("returned", "Trả lại người chuyển (Returned)"),
            ("return_confirmed", "Đã trả xong (Return confirmed)"),
            ("return_failed", "Trả không được (Return failed)"),
            ("claimed", "Cơ quan bù (Claimed)"),
            ("written_off", "Xoá bỏ (Written off)"),
            ("transferred", "Chuyển giữa cơ quan (Transferred)"),
            ("pay_over", "Nộp Kho bạc (Pay-over)"),
            ("reversal", "Đảo bút toán (Reversal)"),
            ("carried_in", "Số dư mang sang (Carried in)"),
        ],
        name,
    )
}

/// Whose word settled a payment.
pub fn channel(source: &str) -> String {
    found(
        &[("webhook", "Gọi lại (Callback)"), ("api", "API"), ("statement", "Sao kê (Statement)")],
        source,
    )
}

/// A kind of file.
pub fn file_kind(kind: &str) -> &str {
    match kind {
        "account" => "Sao kê (Statement)",
        "report" => "Bảng kê (Report)",
        other => other,
    }
}

/// Where a file stands.
pub fn file_state(state: &str) -> String {
    found(&[("booked", "đã ghi sổ (booked)"), ("staged", "chờ đối soát (staged)")], state)
}

/// Why a bank's closing is not the ledger's balance.
pub fn reason(why: &str) -> String {
    found(
        &[
            ("booked_later", "ghi sổ ngày sau (booked later)"),
            ("other_statement", "của sao kê khác (of another statement)"),
            ("by_word", "theo xác nhận, chưa có trên sao kê (by word)"),
            ("in_case", "đang tra soát (in a case)"),
            ("gap", "sao kê không liền nhau (gap)"),
            ("arithmetic", "sao kê cộng sai (arithmetic)"),
        ],
        why,
    )
}
