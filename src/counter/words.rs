//! Every text of the citizen's pages, Vietnamese and English side by side.
//!
//! One row is one text in both languages, so none can be forgotten. `{}` is the place of a value,
//! filled by [`Text::with`].

use std::fmt;

use crate::text_enum;

text_enum! {
    /// The language of a page. Vietnamese unless the reader asks for English.
    pub enum Language ("language") {
        /// Tiếng Việt.
        Vi = "vi",
        /// English.
        En = "en",
    }
}

impl Language {
    /// What `?lang=` asks for; anything else is Vietnamese.
    pub fn asked(lang: Option<&str>) -> Self {
        if lang == Some("en") { Self::En } else { Self::Vi }
    }

    /// All texts in this language.
    pub fn words(self) -> &'static Words {
        match self {
            Self::Vi => &VIETNAMESE,
            Self::En => &ENGLISH,
        }
    }
}

/// A text of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text(&'static str);

impl Text {
    /// The text with `value` in its place.
    pub fn with(self, value: impl fmt::Display) -> String {
        self.0.replacen("{}", &value.to_string(), 1)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

macro_rules! words {
    ($($name:ident: $vietnamese:literal | $english:literal;)+) => {
        /// Every text, in one language.
        #[derive(Debug)]
        pub struct Words { $(#[doc = $english] pub $name: Text),+ }

        static VIETNAMESE: Words = Words { $($name: Text($vietnamese)),+ };
        static ENGLISH: Words = Words { $($name: Text($english)),+ };

        #[cfg(test)]
        const TABLE: &[(&str, &str, &str)] = &[$((stringify!($name), $vietnamese, $english)),+];
    };
}

words! {
    // Around every page.
    service: "Thanh toán phí, lệ phí dịch vụ công" | "Public service fee payment";
    skip: "Chuyển đến nội dung chính" | "Skip to main content";
    languages: "Ngôn ngữ" | "Language";
    safety: "Trang này không bao giờ hỏi mật khẩu, mã OTP hay số thẻ của bạn."
        | "This page never asks for your password, one-time code or card number.";
    quote_code: "Khi cần hỗ trợ, hãy nêu mã thanh toán {}." | "If you need help, quote payment code {}.";
    error_prefix: "Lỗi" | "Error";
    copy: "Sao chép" | "Copy";
    copied: "Đã sao chép" | "Copied";

    // Headings, one for each state.
    title_choose: "Nộp phí, lệ phí" | "Pay your fee";
    title_transfer: "Chuyển khoản bằng mã QR" | "Pay by bank transfer";
    title_part_paid: "Bạn đã nộp một phần" | "Part of your fee has been paid";
    title_attempt: "Đang thanh toán qua {}" | "You are paying through {}";
    title_returned: "Đang chờ xác nhận" | "Waiting for confirmation";
    title_paid: "Đã thanh toán" | "Payment complete";
    title_expired: "Thông báo nộp phí đã hết hạn" | "This payment request has expired";
    title_cancelled: "Thông báo nộp phí đã bị huỷ" | "This payment request was cancelled";
    title_not_found: "Không tìm thấy trang này" | "Page not found";
    title_error: "Hiện chưa thể hiển thị trang này" | "Sorry, there is a problem";

    // The bill.
    total_label: "Số tiền phải nộp" | "Amount to pay";
    rest_label: "Số tiền còn thiếu" | "Still to pay";
    held_of: "Đã nhận {}" | "{} received so far";
    of_total: "trên tổng số {}" | "of {} in total";
    pay_by: "Hạn nộp: {}" | "Pay by {}";
    details: "Thông tin khoản nộp" | "What this is for";
    agency: "Cơ quan thu" | "Agency";
    procedure: "Thủ tục" | "Procedure";
    dossier: "Mã hồ sơ" | "Dossier";
    payer: "Người nộp" | "Payer";
    code: "Mã thanh toán" | "Payment code";
    issued: "Ngày lập" | "Issued";
    lines: "Các khoản phí, lệ phí" | "Fees and charges";
    line_name: "Khoản thu" | "Item";
    line_amount: "Số tiền" | "Amount";
    kind_phi: "Phí" | "Fee";
    kind_le_phi: "Lệ phí" | "Charge";
    sum: "Tổng cộng" | "Total";

    // Choosing a way.
    choose: "Bạn muốn thanh toán bằng cách nào?" | "How would you like to pay?";
    choose_hint: "Chọn một cách và chỉ trả một lần." | "Choose one way, and pay only once.";
    bank_transfer: "Chuyển khoản ngân hàng bằng mã QR" | "Bank transfer with a QR code";
    bank_transfer_hint: "Dùng ứng dụng của bất kỳ ngân hàng nào tại Việt Nam. Tiền vào tài khoản thu tại {}."
        | "Use the app of any bank in Viet Nam. The money goes to the collecting account at {}.";
    redirect_hint: "Bạn sẽ được chuyển sang trang của {}, rồi quay lại đây."
        | "You will go to the page of {} and then come back here.";
    go_on: "Tiếp tục" | "Continue";
    another_way: "Thanh toán bằng cách khác" | "Pay another way";
    another_way_warning: "Nếu bạn vừa trả tiền, xin đừng trả lại lần nữa mà hãy chờ xác nhận."
        | "If you have just paid, please do not pay again: wait for the confirmation.";
    no_way: "Hiện chưa có cách thanh toán nào sẵn sàng. Vui lòng thử lại sau ít phút."
        | "No way to pay is available at the moment. Please try again in a few minutes.";

    // The transfer.
    scan: "Quét mã bằng ứng dụng ngân hàng" | "Scan with your bank app";
    same_phone: "Bạn đang dùng chính điện thoại này? Chụp màn hình rồi mở ảnh trong ứng dụng ngân hàng, hoặc sao chép thông tin trên trang này."
        | "Using this very phone? Take a screenshot and open it in your bank app, or copy the details on this page.";
    qr_title: "Mã VietQR" | "VietQR code";
    qr_description: "Mã để chuyển {}. Số tài khoản, số tiền và nội dung cũng được ghi bằng chữ bên cạnh."
        | "A code to transfer {}. Account, amount and message are also given as text beside it.";
    by_hand: "Hoặc nhập bằng tay" | "Or enter it by hand";
    bank: "Ngân hàng" | "Bank";
    account: "Số tài khoản" | "Account number";
    holder: "Tên người nhận" | "Account name";
    amount: "Số tiền" | "Amount";
    memo: "Nội dung" | "Message";
    keep_memo: "Xin giữ nguyên số tiền và nội dung: nhờ đó hồ sơ của bạn được ghi nhận ngay."
        | "Please keep the amount and the message as they are: they are how we find your dossier.";
    after_transfer: "Sau khi bạn chuyển, kết quả thường có trong khoảng một phút. Bạn có thể đóng trang này; cơ quan giải quyết hồ sơ vẫn được báo."
        | "After your transfer the result usually shows within a minute. You may close this page; the agency will be told all the same.";
    check: "Tôi đã chuyển, kiểm tra kết quả" | "I have paid, check the result";
    part_paid_body: "Vui lòng nộp phần còn thiếu trước hạn; nếu không, số tiền đã nhận sẽ được hoàn trả."
        | "Please pay the rest before the time runs out; otherwise what we received will be refunded.";

    // An attempt with a partner.
    attempt_ready: "Bạn đã bắt đầu thanh toán qua {} nhưng chưa có kết quả. Nếu chưa trả tiền, bạn có thể tiếp tục ở đó."
        | "You have begun to pay through {}, and there is no result yet. If you have not paid, you can carry on there.";
    attempt_preparing: "Chúng tôi đang chuẩn bị giao dịch với {}. Việc này thường chỉ mất vài giây."
        | "We are preparing your payment with {}. This usually takes a few seconds.";
    attempt_unknown: "Chúng tôi chưa biết kết quả từ {} và đang hỏi lại. Xin đừng trả lại lần nữa."
        | "We do not know the result from {} yet and are asking again. Please do not pay again.";
    continue_at: "Tiếp tục tại {}" | "Continue at {}";

    // Back from a partner.
    returned_body: "Bạn vừa quay lại từ {}. Chúng tôi đang chờ xác nhận chính thức, thường trong vòng một phút."
        | "You have come back from {}. We are waiting for the official confirmation, usually within a minute.";
    returned_no_proof: "Trang này chưa phải là bằng chứng đã nộp tiền. Nếu bạn đã trả tiền, xin đừng trả lại lần nữa."
        | "This page is not yet proof of payment. If you have paid, please do not pay again.";
    refreshes: "Trang tự kiểm tra kết quả." | "This page checks for the result by itself.";
    stop_refreshing: "Dừng tự làm mới trang" | "Stop refreshing this page";
    check_now: "Kiểm tra lại" | "Check again";
    not_paid_there: "Tôi chưa trả tiền, quay lại trang nộp phí" | "I did not pay, go back to the payment page";

    // Paid.
    paid_panel: "Mã thanh toán" | "Payment code";
    paid_body: "Khoản nộp đã được ghi nhận. Cơ quan giải quyết hồ sơ được báo tự động; bạn không cần làm gì thêm."
        | "Your payment is recorded. The agency is told automatically; there is nothing more for you to do.";
    paid_amount: "Số tiền đã nộp" | "Amount paid";
    paid_at: "Thời điểm" | "Paid at";
    paid_via: "Thanh toán qua" | "Paid through";
    receipt: "Tải biên lai (PDF)" | "Download the receipt (PDF)";
    keep_code: "Hãy giữ mã thanh toán, hoặc lưu lại trang này, để tra cứu khi cần."
        | "Keep the payment code, or save this page, in case you need it later.";
    back_to_portal: "Quay lại cổng dịch vụ công" | "Return to the service portal";

    // Closed without payment.
    expired_body: "Hạn nộp là {}. Xin đừng chuyển tiền theo thông báo này nữa."
        | "It could be paid until {}. Please do not send money for it any more.";
    cancelled_body: "Cơ quan đã huỷ thông báo nộp phí này. Xin đừng chuyển tiền theo thông báo này nữa."
        | "The agency has cancelled it. Please do not send money for it any more.";
    closed_next: "Nếu hồ sơ vẫn cần nộp phí, hãy mở lại hồ sơ trên cổng dịch vụ công để nhận thông báo mới."
        | "If your dossier still needs the fee, open it again on the service portal to get a new request.";
    closed_already_sent: "Nếu bạn đã chuyển tiền, khoản tiền đó không mất: nó được ghi nhận cho hồ sơ hoặc hoàn trả cho bạn."
        | "If you have already sent money, it is not lost: it is recorded for your dossier or refunded to you.";
    closed_held: "Số tiền {} đã nhận sẽ được hoàn trả." | "The {} that we received will be refunded.";

    // Told once, at the top.
    problem: "Vui lòng kiểm tra lại" | "There is a problem";
    notice: "Thông báo" | "Important";
    flash_choose: "Hãy chọn một cách thanh toán" | "Choose a way to pay";
    flash_gone: "Cách thanh toán này hiện không dùng được, hãy chọn cách khác"
        | "This way to pay is not available now, choose another one";
    flash_later: "Hiện chưa bắt đầu được giao dịch, hãy thử lại sau ít phút"
        | "We could not begin the payment, try again in a few minutes";
    flash_failed: "Giao dịch qua {} không thành công." | "The payment through {} did not go through.";
    flash_failed_next: "Chúng tôi chưa ghi nhận khoản tiền nào. Bạn có thể chọn lại cách thanh toán."
        | "We have not recorded any money. You can choose a way to pay again.";
    flash_already: "Khoản phí này đã được thanh toán." | "This fee has already been paid.";
    flash_already_next: "Xin đừng trả lại lần nữa. Nếu bạn đã trả hai lần, khoản thừa sẽ được hoàn trả."
        | "Please do not pay again. If you paid twice, the second payment will be refunded.";

    // No page.
    not_found_body: "Đường dẫn có thể bị thiếu ký tự hoặc không còn dùng được."
        | "The address may be missing some characters, or is no longer in use.";
    not_found_next: "Hãy mở lại đường dẫn từ cổng dịch vụ công hoặc từ tin nhắn bạn nhận được."
        | "Open the link again from the service portal or from the message you received.";
    error_body: "Vui lòng thử lại sau ít phút. Nếu bạn đã trả tiền, khoản tiền vẫn được ghi nhận; xin đừng trả lại lần nữa."
        | "Please try again in a few minutes. If you have paid, your payment is still recorded; please do not pay again.";
    error_reference: "Mã lỗi: {}" | "Error reference: {}";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_there_in_both_languages() {
        for (name, vietnamese, english) in TABLE {
            for text in [vietnamese, english] {
                assert!(!text.trim().is_empty() && text.trim() == *text, "{name}: {text:?}");
                assert!(text.matches("{}").count() <= 1, "{name}: one place at most");
            }
            assert_ne!(vietnamese, english, "{name} is not translated");
            let places = |text: &str| text.matches("{}").count();
            assert_eq!(places(vietnamese), places(english), "{name}");
        }
    }

    #[test]
    fn a_value_takes_its_place() {
        assert_eq!(Language::En.words().pay_by.with("noon"), "Pay by noon");
        assert_eq!(Language::asked(Some("en")), Language::En);
        assert_eq!(Language::asked(Some("fr")), Language::Vi);
        assert_eq!(Language::asked(None), Language::Vi);
    }
}
