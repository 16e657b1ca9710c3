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
    paid_body_account: "Khoản nộp đã được ghi nhận. Có một khoản được trả lại cho bạn: hãy cho biết số tài khoản ở bên dưới."
        | "Your payment is recorded. Some money is to be given back to you: tell us your account number below.";
    paid_amount: "Số tiền đã nộp" | "Amount paid";
    paid_at: "Thời điểm" | "Paid at";
    paid_via: "Thanh toán qua" | "Paid through";
    receipt: "Xem và tải biên lai điện tử" | "See and download the electronic receipt";
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

    // What a way to pay needs.
    needs_bank: "Bạn cần: tài khoản ngân hàng tại Việt Nam. Ngân hàng của bạn có thể đặt hạn mức riêng."
        | "You need: a bank account in Viet Nam. Your bank may have a limit of its own.";
    needs_vnpay: "Bạn cần: ứng dụng ngân hàng quét được VNPAY-QR, thẻ ATM nội địa, thẻ quốc tế hoặc ví VNPAY."
        | "You need: a bank app that scans VNPAY-QR, a domestic or international card, or the VNPAY wallet.";
    needs_momo: "Bạn cần: ví MoMo đã xác thực, đủ số dư hoặc đã liên kết ngân hàng."
        | "You need: a verified MoMo wallet with enough money in it, or a bank linked to it.";
    needs_zalopay: "Bạn cần: ứng dụng Zalopay, hoặc thẻ trên trang của Zalopay."
        | "You need: the Zalopay app, or a card on Zalopay's page.";
    needs_page: "Bạn cần: tài khoản hoặc thẻ mà trang đó chấp nhận."
        | "You need: an account or a card that the page accepts.";
    limits: "Mỗi lần từ {} đến {}." | "Each payment from {} to {}.";
    limit_most: "Mỗi lần tối đa {}." | "Each payment {} at most.";
    unfit: "Không dùng được cho số tiền này:" | "Not possible for this amount:";
    unfit_below: "chỉ nhận từ {} trở lên." | "takes {} or more.";
    unfit_above: "chỉ nhận đến {}." | "takes {} at most.";

    // Orders so far.
    attempt_until: "Có thể tiếp tục đến {}." | "You can carry on until {}.";
    orders: "Các lần thanh toán của bạn" | "Your payments so far";
    order_open: "Đang chờ bạn trả tiền" | "Waiting for you to pay";
    order_unknown: "Chưa rõ kết quả, chúng tôi đang hỏi lại" | "Result not known yet, we are asking";
    order_failed: "Không thành công, chưa ghi nhận khoản tiền nào" | "Did not go through, no money was recorded";
    order_ran_out: "Đã quá giờ mà chưa được trả" | "Ran out of time before it was paid";
    order_paid: "Đã trả" | "Paid";
    flash_ran_out: "Giao dịch qua {} đã quá giờ." | "The payment through {} ran out of time.";
    flash_ran_out_next: "Nếu chưa trả tiền, hãy chọn lại cách thanh toán. Nếu đã trả, xin đừng trả lại lần nữa: kết quả vẫn được ghi nhận."
        | "If you have not paid, choose a way to pay again. If you have, please do not pay again: it will still be recorded.";

    // What is given back.
    refunds: "Hoàn trả" | "Refunds";
    refund_checked: "Đang được xem xét" | "Being checked";
    refund_agreed: "Đã duyệt, sắp chuyển" | "Agreed, about to be sent";
    refund_sent: "Đang chuyển đến bạn" | "On its way to you";
    refund_done: "Đã hoàn trả" | "Refunded";
    refund_not_arrived: "Chưa chuyển được, cán bộ đang xử lý" | "Could not be delivered, an officer is looking after it";
    account_title: "Chúng tôi cần số tài khoản của bạn" | "We need your account number";
    account_body: "Số tiền {} cần được trả lại cho bạn. Hãy cho biết tài khoản ngân hàng để nhận. Một cán bộ sẽ kiểm tra trước khi chuyển."
        | "{} is to be given back to you. Tell us the bank account to send it to. An officer checks it before anything is sent.";
    account_again: "Tài khoản bạn cung cấp trước đó không dùng được. Vui lòng kiểm tra và nhập lại."
        | "The account that you gave before could not be used. Please check it and enter it again.";
    account_payment: "Khoản tiền được trả lại" | "Which payment is given back";
    account_choose_payment: "Chọn khoản tiền" | "Choose a payment";
    account_fault_payment: "Hãy chọn khoản tiền mà bạn đã trả" | "Choose the payment that you made";
    account_choose_bank: "Chọn ngân hàng" | "Choose a bank";
    account_number_hint: "Từ 6 đến 19 chữ số hoặc chữ cái, như trong ứng dụng ngân hàng. Đừng nhập số thẻ."
        | "6 to 19 digits or letters, as your bank app shows it. Not a card number.";
    account_holder: "Tên chủ tài khoản" | "Account holder's name";
    account_holder_hint: "Phải là người nộp phí. Có dấu hay không dấu đều được."
        | "It must be the person who paid. With or without accents.";
    account_go: "Gửi số tài khoản" | "Send the account number";
    account_fault_bank: "Hãy chọn ngân hàng" | "Choose a bank from the list";
    account_fault_number: "Nhập số tài khoản có từ 6 đến 19 chữ số hoặc chữ cái"
        | "Enter an account number of 6 to 19 digits or letters";
    account_fault_holder: "Nhập tên chủ tài khoản như ngân hàng ghi" | "Enter the holder's name as the bank writes it";
    account_waiting: "Tài khoản bạn cung cấp đang được kiểm tra. Bạn không cần làm gì thêm."
        | "The account that you gave is being checked. There is nothing more for you to do.";
    account_too_many: "Đã có quá nhiều tài khoản được cung cấp. Vui lòng liên hệ cơ quan thu và nêu mã thanh toán."
        | "Too many accounts have been given. Please contact the agency and quote the payment code.";
    flash_account: "Chúng tôi đã nhận số tài khoản của bạn." | "We have received your account number.";

    // Mail.
    mail_offer: "Gửi xác nhận thanh toán qua e-mail" | "E-mail me the payment confirmation";
    mail_named: "Xác nhận cũng được tự động gửi đến địa chỉ bạn đã khai trên cổng dịch vụ công."
        | "The confirmation is also sent to the address that you gave on the service portal.";
    mail_address: "Địa chỉ e-mail" | "E-mail address";
    mail_hint: "Chỉ dùng để gửi xác nhận này, rồi được xoá." | "Used only to send this confirmation, then deleted.";
    mail_go: "Gửi xác nhận" | "Send the confirmation";
    mail_fault: "Nhập địa chỉ e-mail đúng dạng, như ten@example.vn" | "Enter an e-mail address like name@example.vn";
    mail_asked: "Nếu địa chỉ đúng, thư xác nhận sẽ đến trong ít phút. Hãy xem cả hộp thư rác."
        | "If the address is right, the confirmation arrives within minutes. Look in your spam folder too.";
    mail_enough: "Hôm nay đã có đủ thư được gửi cho khoản nộp này. Hãy lưu lại trang này, hoặc thử lại ngày mai."
        | "Enough mail was sent for this payment today. Save this page, or try again tomorrow.";

    // The look-up.
    lookup_link: "Đã bị trừ tiền nhưng vẫn báo chưa nộp?" | "Debited, but it still says unpaid?";
    lookup_title: "Tra cứu khoản tiền đã bị trừ" | "Find a payment that was debited";
    lookup_body: "Nếu ngân hàng hoặc ví đã trừ tiền mà hồ sơ vẫn báo chưa nộp, hãy tra cứu ở đây. Xin đừng trả lại lần nữa trước khi có câu trả lời."
        | "If your bank or wallet has taken the money but your dossier still says unpaid, look it up here. Please do not pay again before you have an answer.";
    lookup_by_code: "Bằng mã thanh toán" | "By payment code";
    lookup_code_hint: "Bắt đầu bằng PG, 16 ký tự: có trên trang nộp phí và trong nội dung chuyển khoản."
        | "Begins with PG, 16 characters: on the payment page and in the message of the transfer.";
    lookup_by_number: "Hoặc bằng giao dịch của ngân hàng hay ví" | "Or by the bank's or wallet's transaction";
    lookup_number: "Mã giao dịch" | "Transaction number";
    lookup_number_hint: "Ví dụ FT26326123456789, có trong biên nhận của ứng dụng ngân hàng hoặc ví."
        | "For example FT26326123456789, on the receipt in your bank's or wallet's app.";
    lookup_amount: "Số tiền bị trừ (đồng)" | "Amount debited (VND)";
    lookup_day: "Ngày bị trừ tiền" | "Day it was debited";
    lookup_go: "Tra cứu" | "Look it up";
    lookup_again: "Tra cứu lần nữa" | "Look up another payment";
    lookup_private: "Câu trả lời không nêu tên ai và không nêu khoản tiền dùng cho việc gì."
        | "The answer names nobody, and does not say what the money was for.";
    lookup_fault_nothing: "Nhập mã thanh toán, hoặc mã giao dịch cùng số tiền và ngày"
        | "Enter a payment code, or a transaction number with amount and day";
    lookup_fault_code: "Mã thanh toán có PG và 14 ký tự; hãy kiểm tra từng ký tự"
        | "A payment code is PG and 14 characters; check each of them";
    lookup_fault_reference: "Nhập mã giao dịch, từ 4 đến 64 chữ cái và chữ số"
        | "Enter a transaction number of 4 to 64 letters and digits";
    lookup_fault_amount: "Nhập số tiền bị trừ bằng chữ số, như 150000" | "Enter the amount in digits, like 150000";
    lookup_fault_day: "Nhập ngày bị trừ tiền, không muộn hơn hôm nay" | "Enter the day of the payment, today or earlier";
    answer_paid: "Đã tìm thấy, khoản phí đã được nộp" | "Found: the fee is paid";
    answer_paid_body: "Tiền đã đến và đã được ghi nhận cho hồ sơ." | "The money has arrived and is recorded for the dossier.";
    answer_paid_next: "Nếu cổng dịch vụ công vẫn báo chưa nộp, hãy tải lại trang hồ sơ sau ít phút. Xin đừng trả lại."
        | "If the service portal still says unpaid, open the dossier again in a few minutes. Please do not pay again.";
    answer_rest: "Đã tìm thấy, nhưng còn thiếu tiền" | "Found: part of the fee is still missing";
    answer_rest_body: "Tiền đã đến nhưng ít hơn số phải nộp." | "The money has arrived, but it is less than what is owed.";
    answer_rest_next: "Hãy mở lại trang nộp phí và nộp phần còn thiếu. Nếu không nộp đủ trước hạn, số tiền đã nhận được hoàn trả."
        | "Open the payment page again and pay the rest. If the rest does not come in time, what we received is refunded.";
    answer_looked: "Đã tìm thấy, đang được xem xét" | "Found: being looked into";
    answer_looked_body: "Khoản tiền có liên quan đến chúng tôi nhưng chưa được ghi nhận, vì còn thiếu thông tin hoặc còn chờ ngân hàng, ví xác nhận."
        | "The payment concerns us but is not recorded yet: some detail is missing, or the bank or wallet has to confirm it.";
    answer_looked_next: "Xin đừng trả lại. Hãy quay lại sau một ngày làm việc; nếu chưa có kết quả, hãy liên hệ cơ quan thu."
        | "Please do not pay again. Come back after one working day; if nothing has changed, contact the agency.";
    answer_back: "Đã tìm thấy, tiền được trả lại cho bạn" | "Found: the money goes back to you";
    answer_back_body: "Khoản tiền không dùng được để nộp phí: đã nộp trước đó, nộp thừa, thông báo đã hết hạn hoặc bị huỷ, hay ngân hàng đã thu hồi. Tiền đang được hoặc đã được trả lại."
        | "The payment could not be used: the fee was paid before, it was too much, the request had expired or was cancelled, or the bank took it back. It is being or has been refunded.";
    answer_back_next: "Hãy mở lại trang nộp phí để xem việc hoàn trả, hoặc để cung cấp tài khoản nhận tiền nếu trang yêu cầu."
        | "Open the payment page again to follow the refund, or to give an account if the page asks for one.";
    answer_not_yet: "Khoản tiền chưa đến" | "The payment has not arrived yet";
    answer_not_yet_body: "Tiền thường đến trong vài phút; một số giao dịch mất đến hết ngày {}."
        | "Money usually arrives within minutes; some payments take until the end of {}.";
    answer_not_yet_next: "Hãy quay lại tra cứu sau ngày đó. Xin đừng trả lại trong lúc chờ."
        | "Come back and look again after that day. Please do not pay again while you wait.";
    answer_nothing: "Không tìm thấy khoản tiền nào" | "No payment was found";
    answer_nothing_body: "Chúng tôi không nhận được khoản tiền nào khớp với những gì bạn nhập. Hãy kiểm tra lại mã, số tiền và ngày."
        | "We have received nothing that matches what you entered. Check the number, the amount and the day.";
    answer_nothing_next: "Nếu mọi thứ đều đúng, hãy đề nghị ngân hàng hoặc ví tra soát và cho họ biết:"
        | "If all of it is right, ask your bank or wallet to trace the payment and tell them:";
    for_bank_number: "mã giao dịch, số tiền, ngày và giờ bị trừ" | "the transaction number, amount, day and time of the debit";
    for_bank_account: "số tài khoản nhận và tên người nhận" | "the account number and name that it was sent to";
    for_bank_memo: "nội dung chuyển khoản, có mã thanh toán" | "the message of the transfer, with the payment code";
    for_bank_ask: "câu hỏi: tiền đã được ghi có cho người nhận chưa, hay sẽ hoàn lại cho bạn?"
        | "the question: was it credited to the receiver, or will it be returned to you?";

    // The check of a receipt.
    receipt_title_valid: "Biên lai có hiệu lực" | "This receipt is valid";
    receipt_title_waiting: "Biên lai đang chờ ký số" | "This receipt waits for its signature";
    receipt_title_cancelled: "Biên lai đã bị huỷ" | "This receipt was cancelled";
    receipt_title_replaced: "Biên lai đã bị thay thế" | "This receipt was replaced";
    receipt_title_forged: "Chữ ký số không khớp" | "The signature does not match";
    receipt_valid_body: "Biên lai do hệ thống này lập, chữ ký số khớp với nội dung dưới đây."
        | "The receipt was issued here, and its signature matches what is shown below.";
    receipt_waiting_body: "Biên lai đã có số và sẽ được ký trong ít phút. Hãy tải lại trang này."
        | "The receipt has its number and will be signed within minutes. Load this page again.";
    receipt_cancelled_body: "Biên lai này không còn giá trị từ {}." | "It does not hold any more since {}.";
    receipt_replaced_body: "Biên lai này không còn giá trị từ {}; biên lai khác đã thay thế nó."
        | "It does not hold any more since {}; another receipt stands in its place.";
    receipt_forged_body: "Xin đừng dùng biên lai này. Hãy báo cho cơ quan thu."
        | "Do not rely on this receipt. Please tell the agency.";
    receipt_compare: "Hãy so từng dòng với biên lai bạn có trong tay." | "Compare every line with the receipt in your hand.";
    receipt_form: "Mẫu số" | "Form";
    receipt_symbol: "Ký hiệu" | "Symbol";
    receipt_number: "Số" | "Number";
    receipt_day: "Ngày lập" | "Date of issue";
    receipt_tax_code: "Mã số thuế" | "Tax code";
    receipt_delegate: "Đơn vị được uỷ quyền lập" | "Issued on their behalf by";
    receipt_in_words: "Bằng chữ" | "In words";
    receipt_signed_at: "Thời điểm ký số" | "Signed at";
    receipt_replaces: "Thay thế cho biên lai" | "Stands in place of receipt";
    receipt_pdf: "Tải bản tra cứu (PDF)" | "Download the public copy (PDF)";
    receipt_pdf_hint: "Tên người nộp được che bớt. Bản đầy đủ có trong hồ sơ của bạn trên cổng dịch vụ công."
        | "The payer's name is masked. The full receipt is with your dossier on the service portal.";
    receipt_not_found: "Không có biên lai nào với mã này. Nếu mã in trên một biên lai, biên lai đó không do hệ thống này lập."
        | "There is no receipt with this code. If a receipt bears it, that receipt was not issued here.";

    // Too often.
    title_too_many: "Bạn đã hỏi quá nhiều lần" | "Too many requests";
    too_many_body: "Vui lòng chờ một phút rồi thử lại." | "Please wait a minute and try again.";

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
                assert!(
                    text.matches("{}").count() <= 1 || *name == "limits",
                    "{name}: one place at most"
                );
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
