//! The texts of the page of statistics, Vietnamese and English side by side.

use crate::counter::words::Language;

/// One text in both languages.
#[derive(Debug, Clone, Copy)]
pub struct Both(pub &'static str, pub &'static str);

impl Both {
    /// In one of them.
    pub const fn of(self, language: Language) -> &'static str {
        match language {
            Language::Vi => self.0,
            Language::En => self.1,
        }
    }
}

macro_rules! texts {
    ($($name:ident: $vietnamese:literal | $english:literal;)+) => {
        /// Every text, in one language.
        #[derive(Debug)]
        pub struct Texts { $(#[doc = $english] pub $name: &'static str),+ }

        impl Texts {
            /// All of them in a language.
            pub const fn of(language: Language) -> Self {
                Self { $($name: Both($vietnamese, $english).of(language)),+ }
            }
        }

        #[cfg(test)]
        const TABLE: &[(&str, &str, &str)] = &[$((stringify!($name), $vietnamese, $english)),+];
    };
}

texts! {
    title: "Thống kê thanh toán phí, lệ phí" | "Statistics of fee payments";
    intro: "Số liệu mở về việc nộp phí, lệ phí qua hệ thống này. Không có dữ liệu cá nhân; số đếm từ 1 đến 4 không được nêu."
        | "Open figures on fees paid through this service. No personal data; counts from 1 to 4 are not told.";
    as_of: "Tính đến" | "Counted up to";
    period: "Kỳ báo cáo" | "Period";
    from: "Từ ngày" | "From";
    to: "Đến ngày" | "To";
    by: "Theo" | "By";
    by_agency: "Cơ quan thu" | "Agency";
    by_procedure: "Thủ tục" | "Procedure";
    by_channel: "Kênh thanh toán" | "Channel";
    by_day: "Ngày" | "Day";
    show: "Xem" | "Show";
    wrong: "Chọn kỳ từ 1 đến 366 ngày, ngày đầu không sau ngày cuối."
        | "Choose a period of 1 to 366 days that does not end before it begins.";
    key_figures: "Số liệu chính" | "Key figures";
    issued: "Thông báo nộp phí đã lập" | "Invoices issued";
    paid: "Khoản đã nộp" | "Payments";
    paid_amount: "Số tiền đã nộp" | "Amount paid";
    paid_share: "Tỷ lệ đã nộp trên số đã lập" | "Paid, of what was issued";
    attempts_good: "Lượt thanh toán thành công" | "Orders that went through";
    pay_time: "Thời gian nộp (trung vị)" | "Time to pay (median)";
    notify_time: "Thời gian báo kết quả (95 %)" | "Time to notify (95 %)";
    notices_good: "Thông báo kết quả được nhận" | "Notices taken";
    chart_days: "Số khoản đã nộp mỗi ngày" | "Payments by day";
    chart_groups: "Số khoản đã nộp" | "Payments";
    table: "Bảng số liệu" | "The same figures in a table";
    name: "Tên" | "Name";
    expired: "Hết hạn" | "Expired";
    cancelled: "Đã huỷ" | "Cancelled";
    reversed: "Bị thu hồi" | "Taken back";
    refunded: "Đã hoàn trả" | "Refunded";
    refunded_amount: "Số tiền hoàn trả" | "Amount refunded";
    total: "Cộng các số được nêu" | "Sum of what is told";
    nothing: "Chưa có số liệu trong kỳ này." | "There are no figures for this period yet.";
    not_told: "không nêu" | "not told";
    download: "Tải số liệu" | "Download";
    scroll: "Bảng cuộn ngang được" | "The table scrolls sideways";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_there_in_both_languages() {
        for (name, vietnamese, english) in TABLE {
            assert!(!vietnamese.trim().is_empty() && !english.trim().is_empty(), "{name}");
            assert_ne!(vietnamese, english, "{name} is not translated");
        }
        assert_eq!(Texts::of(Language::En).total, "Sum of what is told");
    }
}
