//! Texts of the desk: always two at once, Vietnamese first, so that none can be forgotten. A text
//! stands where it is used; what several screens say stands here.

use crate::counter::words::Language;

/// A text in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Say(pub &'static str, pub &'static str);

impl Say {
    /// The text in a language.
    pub const fn to(self, language: Language) -> &'static str {
        match language {
            Language::Vi => self.0,
            Language::En => self.1,
        }
    }

    /// The text with `value` in its place.
    pub fn with(self, language: Language, value: impl std::fmt::Display) -> String {
        self.to(language).replacen("{}", &value.to_string(), 1)
    }
}

/// Names of states, kinds and roles, as people say them; a name that is not known is shown as it is.
pub fn name_of(language: Language, kind: Named, name: &str) -> String {
    let table = match kind {
        Named::Invoice => INVOICE_STATES,
        Named::Attempt => ATTEMPT_STATES,
        Named::Refund => REFUND_STATES,
        Named::RefundKind => REFUND_KINDS,
        Named::Approval => APPROVAL_STATES,
        Named::ApprovalKind => APPROVAL_KINDS,
        Named::Role => ROLES,
        Named::Account => ACCOUNTS,
        Named::Act => ACTS,
        Named::Delivery => DELIVERY_STATES,
        Named::Outcome => OUTCOMES,
        Named::Step => STEPS,
        Named::Break => BREAKS,
        Named::BreakState => BREAK_STATES,
        Named::Field => FIELDS,
        Named::Channel => CHANNELS,
        Named::File => FILE_STATES,
        Named::Source => SOURCES,
        Named::Day => DAY_STATES,
        Named::Payover => PAYOVER_STATES,
        Named::Match => MATCH_STATES,
        Named::Standing => STANDINGS,
        Named::Receipt => RECEIPT_STATES,
        Named::ReceiptStep => RECEIPT_STEPS,
        Named::Severity => SEVERITIES,
        Named::Age => AGES,
        Named::Way => WAYS,
        Named::BankReason => BANK_REASONS,
    };
    table
        .iter()
        .find(|(known, _)| *known == name)
        .map_or_else(|| name.to_owned(), |(_, say)| say.to(language).to_owned())
}

/// What a name is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// A state of an invoice.
    Invoice,
    /// A state of an attempt.
    Attempt,
    /// A state of a refund.
    Refund,
    /// Out of what a refund is paid.
    RefundKind,
    /// A state of an approval.
    Approval,
    /// What an approval lets be done.
    ApprovalKind,
    /// A role.
    Role,
    /// A kind of ledger account.
    Account,
    /// A business act that is booked.
    Act,
    /// A state of a notice.
    Delivery,
    /// What was done with money.
    Outcome,
    /// A step in the life of an invoice.
    Step,
    /// The code of a break.
    Break,
    /// A state of a break.
    BreakState,
    /// A member of an approval's content.
    Field,
    /// Where a partner's word comes from.
    Channel,
    /// A state of a file or statement.
    File,
    /// How a file came in.
    Source,
    /// A state of a day.
    Day,
    /// A state of a run to the Treasury or of one of its transfers.
    Payover,
    /// A state of a match.
    Match,
    /// Where a line of a file stands.
    Standing,
    /// A state of a receipt.
    Receipt,
    /// A step in the life of a receipt.
    ReceiptStep,
    /// How grave a break is.
    Severity,
    /// How old a break is.
    Age,
    /// A way out of a break.
    Way,
    /// Why a bank's closing is not the ledger's balance.
    BankReason,
}

type Names = &'static [(&'static str, Say)];

const BANK_REASONS: Names = &[
    ("booked_later", Say("ghi sổ ngày sau", "booked on a later day")),
    ("other_statement", Say("của sao kê khác", "of another statement")),
    ("by_word", Say("theo xác nhận, chưa có trên sao kê", "by people's word, on no statement yet")),
    ("in_case", Say("đang tra soát", "in an open case")),
    ("gap", Say("sao kê không liền nhau, đã được duyệt", "statements with a gap, accepted")),
    (
        "arithmetic",
        Say("sao kê cộng sai, đã được duyệt", "a statement that does not add up, accepted"),
    ),
];

const INVOICE_STATES: Names = &[
    ("issued", Say("Chưa nộp", "Issued")),
    ("pending", Say("Đang thanh toán", "Being paid")),
    ("paid", Say("Đã nộp", "Paid")),
    ("expired", Say("Hết hạn", "Expired")),
    ("cancelled", Say("Đã huỷ", "Cancelled")),
];
const ATTEMPT_STATES: Names = &[
    ("created", Say("Đã tạo", "Created")),
    ("sent", Say("Đã gửi đối tác", "Sent to the partner")),
    ("awaiting_payer", Say("Chờ người nộp", "Waiting for the payer")),
    ("succeeded", Say("Thành công", "Succeeded")),
    ("failed", Say("Không thành công", "Failed")),
    ("expired", Say("Quá giờ", "Ran out of time")),
    ("unknown", Say("Chưa rõ kết quả", "Result not known")),
];
const REFUND_STATES: Names = &[
    ("requested", Say("Chờ hoàn", "Requested")),
    ("approved", Say("Đã duyệt", "Approved")),
    ("sent", Say("Đang chuyển", "Sent")),
    ("confirmed", Say("Đã hoàn", "Refunded")),
    ("failed", Say("Chuyển không được", "Failed")),
    ("refused", Say("Từ chối", "Refused")),
];
const REFUND_KINDS: Names = &[
    ("surplus", Say("Nộp thừa", "Surplus")),
    ("paid", Say("Hoàn phí đã nộp", "Of what was paid")),
    ("treasury", Say("Hoàn từ Kho bạc", "Of what was paid over")),
    ("partner", Say("Qua đối tác", "By the partner")),
    ("transfer", Say("Chuyển khoản", "By transfer")),
];
const APPROVAL_STATES: Names = &[
    ("pending", Say("Chờ duyệt", "Waiting")),
    ("approved", Say("Đã duyệt", "Approved")),
    ("rejected", Say("Từ chối", "Rejected")),
    ("expired", Say("Quá hạn", "Expired")),
    ("applied", Say("Đã duyệt và thực hiện", "Approved and done")),
];
const APPROVAL_KINDS: Names = &[
    ("refund.approve", Say("Hoàn tiền cho người nộp", "Give money back to the payer")),
    ("refund.account", Say("Tài khoản nhận tiền hoàn", "Account to refund to")),
    ("refund.finish", Say("Ghi kết quả của khoản hoàn", "Say how a refund ended")),
    ("refund.open_again", Say("Mở lại khoản hoàn", "Open a refund once more")),
    ("settlement.banked", Say("Tiền đã về tài khoản ngân hàng", "Money was seen in the bank")),
    ("line.paid_over", Say("Dòng phí đã nộp Kho bạc", "A line was paid over to the Treasury")),
    ("attempt.resolve", Say("Kết luận một giao dịch chưa rõ", "Settle an order that nobody knows")),
    ("endpoint.add", Say("Địa chỉ nhận thông báo mới", "New address for notices")),
    ("partner.configure", Say("Cấu hình của đối tác", "Settings of a partner")),
    ("key.add", Say("Khoá ký mới", "New key")),
    ("person.add", Say("Người dùng mới", "New person")),
    ("person.reset", Say("Cấp lại mật khẩu và mã", "New credentials of a person")),
    ("delegation.add", Say("Uỷ quyền khi vắng mặt", "Delegation for absence")),
    ("break.resolve", Say("Xử lý chênh lệch", "Way out of a break")),
    ("match.by_hand", Say("Khớp bằng tay", "Match by hand")),
    ("partner.terms", Say("Điều kiện phí của đối tác", "Terms of a partner")),
    ("day.close", Say("Ký ngày", "Close the day")),
    ("day.reopen", Say("Mở lại ngày", "Reopen the day")),
    ("day.lock_month", Say("Khoá tháng", "Lock the month")),
    ("payover.release", Say("Chuyển tiền vào Kho bạc", "Pay over to the Treasury")),
    ("payover.settle", Say("Kết quả chuyển Kho bạc", "What the bank did with a run")),
    ("person.roles", Say("Đổi quyền của người dùng", "Other roles of a person")),
    ("settlement.reverse", Say("Ghi nhận đối tác lấy lại tiền", "A settlement was taken back")),
    ("statement.mapping", Say("Cách đọc bảng kê của đối tác", "How a partner's report is read")),
    ("statement.opening", Say("Số dư đầu kỳ của tài khoản", "Opening balance of an account")),
    ("portal.compat", Say("Kết nối theo thông điệp nền tảng quốc gia", "Messages of a platform")),
    ("signing_key.add", Say("Khoá ký ngày mới", "New key that signs days")),
    ("refund_account.approve", Say("Tài khoản nhận tiền hoàn", "Account to refund to")),
    ("receipt.cancel", Say("Huỷ biên lai", "Cancel a receipt")),
    ("receipt.replace", Say("Thay biên lai", "Replace a receipt")),
    ("statement.accept", Say("Chấp nhận tệp bị giữ", "Accept a quarantined file")),
];
const ROLES: Names = &[
    ("viewer", Say("Xem", "Viewer")),
    ("officer", Say("Cán bộ", "Officer")),
    ("approver", Say("Người duyệt", "Approver")),
    ("operator", Say("Vận hành", "Operator")),
    ("auditor", Say("Kiểm toán", "Auditor")),
    ("admin", Say("Quản trị", "Admin")),
    ("partner", Say("Đối tác", "Partner")),
];
const ACCOUNTS: Names = &[
    ("partner_receivable", Say("Phải thu đối tác", "Receivable from partners")),
    ("bank_account", Say("Tiền gửi ngân hàng", "Bank account")),
    ("claim_on_agency", Say("Phải thu cơ quan", "Claim on agencies")),
    ("claim_on_treasury", Say("Phải thu Kho bạc", "Claim on the Treasury")),
    ("agency_payable", Say("Phải trả cơ quan", "Payable to agencies")),
    ("refund_due", Say("Phải hoàn", "Refund due")),
    ("part_payments_held", Say("Giữ phần nộp thiếu", "Part payments held")),
    ("suspense", Say("Chờ xử lý", "Suspense")),
    ("refunds_in_transit", Say("Hoàn đang chuyển", "Refunds in transit")),
];
const ACTS: Names = &[
    ("settlement", Say("Ghi thu", "Settlement")),
    ("part_payment", Say("Nộp một phần", "Part payment")),
    ("surplus", Say("Nộp thừa", "Surplus")),
    ("suspense", Say("Chờ xử lý", "Suspense")),
    ("parts_given_up", Say("Trả phần nộp thiếu", "Parts given up")),
    ("banked", Say("Tiền về ngân hàng", "Banked")),
    ("partner_fee", Say("Phí đối tác", "Partner's fee")),
    ("refund_approved", Say("Duyệt hoàn", "Refund approved")),
    ("refund_confirmed", Say("Đã hoàn", "Refund confirmed")),
    ("refund_failed", Say("Hoàn không được", "Refund failed")),
    ("refund_suspended", Say("Hoàn không được, chờ xử lý", "Refund failed, in suspense")),
    ("pay_over", Say("Nộp Kho bạc", "Pay-over")),
    ("reversal", Say("Đảo bút toán", "Reversal")),
    ("statement", Say("Sao kê ngân hàng", "Statement")),
    ("statement_undone", Say("Gỡ sao kê", "Statement undone")),
    ("match_undone", Say("Gỡ khớp", "Match undone")),
    ("receivable_moves", Say("Chuyển phải thu", "Receivable moved")),
    ("carried_in", Say("Số dư đầu kỳ", "Carried in")),
    ("returned", Say("Trả lại tiền", "Returned")),
    ("return_confirmed", Say("Đã trả lại", "Return confirmed")),
    ("return_failed", Say("Trả lại không được", "Return failed")),
    ("claimed", Say("Cơ quan bù", "Claimed")),
    ("written_off", Say("Xoá bỏ chênh lệch", "Written off")),
    ("transferred", Say("Chuyển giữa hai cơ quan", "Transferred")),
];
const DELIVERY_STATES: Names = &[
    ("due", Say("Chờ gửi lại", "To be tried again")),
    ("delivered", Say("Đã nhận", "Delivered")),
    ("parked", Say("Ngừng gửi", "Parked")),
];
const OUTCOMES: Names = &[
    ("applied", Say("Đã gạch nợ", "Applied")),
    ("applied_late", Say("Gạch nợ sau hạn", "Applied late")),
    ("overpaid", Say("Gạch nợ, có thừa", "Applied, with a surplus")),
    ("held", Say("Giữ phần nộp thiếu", "Held as a part")),
    ("refund_due", Say("Phải hoàn", "Due back")),
    ("suspense", Say("Chờ xử lý", "In suspense")),
    ("suspected_duplicate", Say("Nghi báo trùng", "Suspected duplicate")),
    ("noted", Say("Chỉ ghi nhận", "Noted")),
];
const STEPS: Names = &[
    ("invoice.issued", Say("Lập khoản thu", "Issued")),
    ("invoice.pending", Say("Bắt đầu thanh toán", "Payment begun")),
    ("invoice.paid", Say("Đã nộp đủ", "Paid")),
    ("invoice.expired", Say("Hết hạn", "Expired")),
    ("invoice.cancelled", Say("Đã huỷ", "Cancelled")),
    ("payment.part_received", Say("Nhận một phần", "Part received")),
    ("payment.surplus", Say("Nhận thừa", "Surplus received")),
    ("payment.reversed", Say("Đối tác lấy lại tiền", "Taken back by the partner")),
    ("invoice.banked", Say("Tiền về ngân hàng", "Seen in the bank")),
    ("attempt.resolved", Say("Đã kết luận giao dịch", "Order settled by people")),
    ("refund.opened_again", Say("Mở lại khoản hoàn", "Refund opened once more")),
    ("refund.requested", Say("Đề nghị hoàn", "Refund asked for")),
    ("refund.approved", Say("Duyệt hoàn", "Refund approved")),
    ("refund.sent", Say("Đang hoàn", "Refund sent")),
    ("refund.confirmed", Say("Đã hoàn", "Refunded")),
    ("refund.failed", Say("Hoàn không được", "Refund failed")),
    ("refund.refused", Say("Từ chối hoàn", "Refund refused")),
    ("attempt.created", Say("Tạo giao dịch", "Order made")),
    ("attempt.sent", Say("Gửi đối tác", "Order sent")),
    ("attempt.awaiting_payer", Say("Chờ người nộp", "Waiting for the payer")),
    ("attempt.succeeded", Say("Giao dịch thành công", "Order paid")),
    ("attempt.failed", Say("Giao dịch không thành công", "Order failed")),
    ("attempt.expired", Say("Giao dịch quá giờ", "Order ran out of time")),
    ("attempt.unknown", Say("Giao dịch chưa rõ kết quả", "Order's result not known")),
];
const BREAKS: Names = &[
    ("F01", Say("Thiếu tệp", "File missing")),
    ("F02", Say("Tệp trùng mã, khác nội dung", "Same file id, other content")),
    ("F03", Say("Tổng của tệp không khớp", "File totals differ")),
    ("F04", Say("Sao kê bị hổng", "Gap between statements")),
    ("F05", Say("Sao kê cộng sai", "Statement does not add up")),
    ("B01", Say("Đối tác không có", "Missing at the partner")),
    ("B02", Say("Ta không có", "Missing here")),
    ("B03", Say("Lệch số tiền", "Amount differs")),
    ("B04", Say("Lệch trạng thái", "Status differs")),
    ("B05", Say("Nộp trùng", "Duplicate payment")),
    ("B06", Say("Nộp sau hạn", "Late payment")),
    ("B07", Say("Tiền chưa rõ nguồn", "Unknown credit")),
    ("B08", Say("Nhiều khoản có thể khớp", "Ambiguous")),
    ("B09", Say("Tiền về thiếu", "Funds short")),
    ("B10", Say("Tiền về thừa", "Funds over")),
    ("B11", Say("Lệch phí dịch vụ", "Fee differs")),
    ("B12", Say("Khoản hoàn không khớp", "Refund unmatched")),
    ("B13", Say("Bị lấy lại tiền", "Reversal or chargeback")),
    ("B14", Say("Sai tài khoản thụ hưởng", "Wrong beneficiary")),
    ("B15", Say("Sai kỳ", "Wrong period")),
    ("B16", Say("Chuyển Kho bạc chưa xác nhận", "Pay-over unconfirmed")),
    ("B17", Say("Chuyển Kho bạc lệch số", "Pay-over differs")),
    ("B18", Say("Thiếu biên lai", "Receipt gap")),
];
const BREAK_STATES: Names = &[
    ("open", Say("Mới", "Open")),
    ("assigned", Say("Đang xử lý", "Assigned")),
    ("waiting", Say("Chờ bên khác", "Waiting")),
    ("resolved", Say("Đã xử lý", "Resolved")),
    ("auto_closed", Say("Tự đóng", "Closed by itself")),
];
const CHANNELS: Names = &[
    ("webhook", Say("Gọi lại", "Callback")),
    ("api", Say("API", "API")),
    ("partner", Say("Màn hình đối tác", "Partner's screens")),
    ("statement", Say("Sao kê", "Statement")),
];
const FILE_STATES: Names = &[
    ("received", Say("Đã nhận", "Received")),
    ("reading", Say("Đang đọc", "Being read")),
    ("staged", Say("Chờ đối soát", "To be matched")),
    ("booked", Say("Đã ghi sổ", "Booked")),
    ("quarantined", Say("Bị giữ lại", "Quarantined")),
    ("rejected", Say("Từ chối", "Rejected")),
    ("noted", Say("Chỉ lưu", "Noted")),
    ("superseded", Say("Đã được thay", "Superseded")),
];
const SOURCES: Names = &[
    ("desk", Say("Tải lên", "Upload")),
    ("api", Say("API", "API")),
    ("command", Say("Dòng lệnh", "Command line")),
    ("folder", Say("Thư mục", "Folder")),
];
const DAY_STATES: Names = &[
    ("open", Say("Đang mở", "Open")),
    ("files_complete", Say("Đủ tệp", "Files complete")),
    ("matched", Say("Đã khớp", "Matched")),
    ("prepared", Say("Chờ duyệt", "Prepared")),
    ("approved", Say("Đã duyệt", "Approved")),
    ("closed", Say("Đã ký", "Closed")),
    ("reopen_requested", Say("Xin mở lại", "Reopening asked for")),
    ("reopened", Say("Mở lại", "Reopened")),
];
const PAYOVER_STATES: Names = &[
    ("prepared", Say("Chờ duyệt", "Prepared")),
    ("approved", Say("Đã duyệt", "Released")),
    ("refused", Say("Đã rút", "Refused")),
    ("waiting", Say("Chờ gửi", "Waiting")),
    ("sent", Say("Đã gửi ngân hàng", "Sent")),
    ("confirmed", Say("Đã chuyển", "Confirmed")),
    ("failed", Say("Không chuyển được", "Failed")),
];
const MATCH_STATES: Names = &[
    ("suggested", Say("Gợi ý", "Suggested")),
    ("confirmed", Say("Đã khớp", "Confirmed")),
    ("undone", Say("Đã bỏ", "Undone")),
];
const STANDINGS: Names = &[
    ("waiting", Say("Đang chờ", "Waiting")),
    ("open", Say("Chưa khớp", "Open")),
    ("payout", Say("Chuyển Kho bạc", "Pay-over")),
    ("kept", Say("Chỉ lưu", "Kept")),
];
const RECEIPT_STEPS: Names = &[
    ("issued", Say("Lập, cấp số", "Numbered")),
    ("signed", Say("Ký", "Signed")),
    ("cancelled", Say("Huỷ", "Cancelled")),
    ("replaced", Say("Bị thay", "Replaced")),
];
const RECEIPT_STATES: Names = &[
    ("valid", Say("Có hiệu lực", "Valid")),
    ("cancelled", Say("Đã huỷ", "Cancelled")),
    ("replaced", Say("Đã thay", "Replaced")),
];
const SEVERITIES: Names = &[
    ("low", Say("Thấp", "Low")),
    ("medium", Say("Vừa", "Medium")),
    ("high", Say("Cao", "High")),
    ("critical", Say("Rất cao", "Critical")),
];
const AGES: Names = &[
    ("today", Say("Hôm nay", "Today")),
    ("t1", Say("T+1", "T+1")),
    ("t2_3", Say("T+2–3", "T+2–3")),
    ("t4_7", Say("T+4–7", "T+4–7")),
    ("8_30", Say("8–30 ngày", "8–30 days")),
    ("over_30", Say("Trên 30 ngày", "Over 30 days")),
];
const WAYS: Names = &[
    ("wait", Say("Chờ", "Wait")),
    ("ask", Say("Hỏi đối tác", "Ask the partner")),
    ("post", Say("Ghi theo lời đối tác", "Book what the partner told")),
    ("place", Say("Gán tiền cho khoản thu", "Place the money on an invoice")),
    ("return", Say("Trả lại người chuyển", "Return it to who sent it")),
    ("returned", Say("Đã trả xong", "It was returned")),
    ("not_returned", Say("Trả không được", "It was not returned")),
    ("refund", Say("Mở lại khoản hoàn", "Open the refund again")),
    ("set_off", Say("Cấn trừ với chênh lệch khác", "Set it off against another break")),
    ("claim", Say("Cơ quan bù", "The agency makes it good")),
    ("write_off", Say("Xoá bỏ chênh lệch nhỏ", "Write off")),
    ("reverse", Say("Đảo khoản đã thu", "Take the settlement back")),
    ("transfer", Say("Chuyển giữa hai cơ quan", "Move between agencies")),
    ("accept", Say("Chấp nhận, có lý do", "Accept as it is")),
    ("duplicate", Say("Trùng với chênh lệch khác", "Another break says the same")),
];
/// Members of what is approved.
const FIELDS: Names = &[
    ("refund", Say("Khoản hoàn", "Refund")),
    ("invoice", Say("Khoản phải thu", "Invoice")),
    ("settlement", Say("Khoản đã thu", "Settlement")),
    ("kind", Say("Loại", "Kind")),
    ("method", Say("Cách hoàn", "Method")),
    ("partner", Say("Đối tác", "Partner")),
    ("reference", Say("Số tham chiếu", "Reference")),
    ("amount", Say("Số tiền", "Amount")),
    ("lines", Say("Các dòng phí", "Lines")),
    ("reason", Say("Lý do", "Reason")),
    ("requested_by", Say("Người đề nghị", "Requested by")),
    ("account", Say("Tài khoản", "Account")),
    ("bank_account", Say("Tài khoản ngân hàng", "Bank account")),
    ("as", Say("Kết quả", "Ended as")),
    ("said", Say("Bên kia trả lời", "What was said")),
    ("person", Say("Người dùng", "Person")),
    ("email", Say("Địa chỉ e-mail", "E-mail")),
    ("name", Say("Họ tên", "Name")),
    ("roles", Say("Quyền", "Roles")),
    ("credentials_sha256", Say("Dấu vân tay mật khẩu và mã", "Fingerprint of the credentials")),
    ("endpoint", Say("Địa chỉ nhận thông báo", "Endpoint")),
    ("portal", Say("Cổng", "Portal")),
    ("url", Say("Địa chỉ", "Address")),
    ("key_id", Say("Mã khoá", "Key")),
    ("caller", Say("Bên gọi", "Caller")),
    ("purpose", Say("Mục đích", "Purpose")),
    ("agency", Say("Cơ quan", "Agency")),
    ("line", Say("Dòng", "Line")),
    ("budget", Say("Chương, tiểu mục", "Budget codes")),
    ("giver", Say("Người uỷ quyền", "Who gives")),
    ("receiver", Say("Người nhận uỷ quyền", "Who receives")),
    ("role", Say("Quyền", "Role")),
    ("scope", Say("Phạm vi", "Scope")),
    ("from", Say("Từ ngày", "From")),
    ("until", Say("Đến hết ngày", "Until")),
    ("day", Say("Ngày", "Day")),
    ("currency", Say("Đồng tiền", "Currency")),
    ("attempt", Say("Giao dịch", "Order")),
    ("dialect", Say("Giao thức", "Dialect")),
    ("settings_sha256", Say("Dấu vân tay cấu hình", "Fingerprint of the settings")),
    ("number", Say("Số", "Number")),
    ("bank", Say("Ngân hàng", "Bank")),
    ("delegation", Say("Uỷ quyền", "Delegation")),
    ("acts", Say("Nghiệp vụ", "Acts")),
    ("act", Say("Nghiệp vụ", "Act")),
    ("entries", Say("Bút toán", "Entries")),
    ("breaks", Say("Chênh lệch", "Breaks")),
    ("break", Say("Chênh lệch", "Break")),
    ("case", Say("Chênh lệch", "Break")),
    ("code", Say("Mã", "Code")),
    ("before", Say("Trước", "Before")),
    ("new", Say("Phát sinh", "New")),
    ("cleared", Say("Đã xử lý", "Cleared")),
    ("open", Say("Còn mở", "Open")),
    ("count", Say("số lượng", "count")),
    ("files", Say("Tệp", "Files")),
    ("file", Say("Tệp", "File")),
    ("sha256", Say("SHA-256", "SHA-256")),
    ("preparation", Say("Bản lập", "Preparation")),
    ("revision", Say("Lần ký", "Revision")),
    ("snapshot_sha256", Say("Dấu vân tay bản ký", "Fingerprint of the snapshot")),
    ("previous", Say("Bản ký trước", "The snapshot before")),
    ("seal", Say("Dấu niêm phong", "Seal")),
    ("way", Say("Cách xử lý", "Way out")),
    ("wish", Say("Yêu cầu", "Wish")),
    ("payover", Say("Đợt chuyển", "Run")),
    ("from_account", Say("Từ tài khoản", "Out of the account")),
    ("transfers", Say("Lệnh chuyển", "Transfers")),
    ("items", Say("Các mục", "Items")),
    ("month", Say("Tháng", "Month")),
    ("match", Say("Việc khớp", "Match")),
    ("statement", Say("Sao kê", "Statement")),
    ("statements", Say("Sao kê", "Statements")),
    ("receipt", Say("Biên lai", "Receipt")),
    ("receipts", Say("Biên lai", "Receipts")),
    ("transaction", Say("Mã giao dịch", "Transaction")),
    ("transaction_id", Say("Mã giao dịch", "Transaction")),
    ("public_key", Say("Khoá công khai", "Public key")),
    ("secret_sha256", Say("Dấu vân tay bí mật", "Fingerprint of the secret")),
    ("held", Say("Đang giữ", "Held")),
    ("held_in", Say("Giữ tại", "Held in")),
    ("date", Say("Ngày", "Date")),
    ("made_by", Say("Người lập", "Made by")),
];
