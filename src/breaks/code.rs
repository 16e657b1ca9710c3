//! The codes of what does not match: what each means, when it begins to age, how much it weighs.

use chrono::NaiveDate;

use crate::text_enum;

text_enum! {
    /// What does not match. The codes are those that officers use.
    pub enum BreakCode ("break code") {
        /// A report or a statement is not in by cut-off.
        FileMissing = "F01",
        /// The same file id with other content.
        FileDuplicate = "F02",
        /// Header or footer say another count or sum than the lines.
        FileTotals = "F03",
        /// A gap in the sequence, or an opening that is not the last closing.
        StatementGap = "F04",
        /// Opening and entries do not make the closing.
        StatementArithmetic = "F05",
        /// We say paid, the partner is silent.
        MissingAtProvider = "B01",
        /// The partner says paid, we do not know.
        MissingHere = "B02",
        /// Another amount than is owed.
        AmountDiffers = "B03",
        /// We say one thing of an order, the partner another.
        StatusDiffers = "B04",
        /// One invoice paid twice, or one transaction told twice.
        Duplicate = "B05",
        /// Paid after expiry or cancellation.
        Late = "B06",
        /// Money without a reference that is known.
        Unknown = "B07",
        /// Two invoices could be meant.
        Ambiguous = "B08",
        /// Less in the bank than the lines of a batch make.
        FundsShort = "B09",
        /// More in the bank than the lines of a batch make.
        FundsOver = "B10",
        /// The partner keeps another fee than agreed.
        FeeDiffers = "B11",
        /// A refund that nobody can vouch for.
        RefundUnmatched = "B12",
        /// Money taken back by the bank.
        Reversed = "B13",
        /// Another account or agency than is due.
        WrongBeneficiary = "B14",
        /// Of a day that is closed.
        WrongPeriod = "B15",
        /// The bank has not confirmed a pay-over.
        PayoutUnconfirmed = "B16",
        /// The bank paid over another amount.
        PayoutDiffers = "B17",
        /// Paid without a receipt, or a number is missing.
        ReceiptGap = "B18",
    }
}

impl BreakCode {
    /// What may be wrong with a file that came.
    pub const OF_FILES: [Self; 4] =
        [Self::FileDuplicate, Self::FileTotals, Self::StatementGap, Self::StatementArithmetic];

    /// Its name on Vietnamese screens.
    pub const fn name_vi(self) -> &'static str {
        match self {
            Self::FileMissing => "Thiếu tệp đối soát",
            Self::FileDuplicate => "Tệp trùng mã, khác nội dung",
            Self::FileTotals => "Tổng của tệp không khớp",
            Self::StatementGap => "Sao kê không liên tục",
            Self::StatementArithmetic => "Số dư sao kê sai",
            Self::MissingAtProvider => "Đối tác không ghi nhận",
            Self::MissingHere => "Đối tác ghi nhận, hệ thống chưa có",
            Self::AmountDiffers => "Lệch số tiền",
            Self::StatusDiffers => "Lệch trạng thái",
            Self::Duplicate => "Thanh toán trùng",
            Self::Late => "Thanh toán muộn",
            Self::Unknown => "Khoản thu không rõ",
            Self::Ambiguous => "Khoản thu không xác định được thông báo",
            Self::FundsShort => "Tiền về thiếu",
            Self::FundsOver => "Tiền về thừa",
            Self::FeeDiffers => "Lệch phí dịch vụ",
            Self::RefundUnmatched => "Hoàn tiền không khớp",
            Self::Reversed => "Giao dịch bị đảo",
            Self::WrongBeneficiary => "Sai đơn vị thụ hưởng",
            Self::WrongPeriod => "Sai kỳ",
            Self::PayoutUnconfirmed => "Chuyển Kho bạc chưa xác nhận",
            Self::PayoutDiffers => "Chuyển Kho bạc lệch số tiền",
            Self::ReceiptGap => "Thiếu biên lai",
        }
    }

    /// Its name in English.
    pub const fn name_en(self) -> &'static str {
        match self {
            Self::FileMissing => "File missing",
            Self::FileDuplicate => "File id with other content",
            Self::FileTotals => "File totals differ",
            Self::StatementGap => "Statement gap",
            Self::StatementArithmetic => "Statement does not add up",
            Self::MissingAtProvider => "Missing at the partner",
            Self::MissingHere => "Missing here",
            Self::AmountDiffers => "Amount differs",
            Self::StatusDiffers => "Status differs",
            Self::Duplicate => "Duplicate payment",
            Self::Late => "Late payment",
            Self::Unknown => "Unknown credit",
            Self::Ambiguous => "Ambiguous credit",
            Self::FundsShort => "Funds short",
            Self::FundsOver => "Funds over",
            Self::FeeDiffers => "Fee differs",
            Self::RefundUnmatched => "Refund unmatched",
            Self::Reversed => "Reversal or chargeback",
            Self::WrongBeneficiary => "Wrong beneficiary",
            Self::WrongPeriod => "Wrong period",
            Self::PayoutUnconfirmed => "Pay-over unconfirmed",
            Self::PayoutDiffers => "Pay-over differs",
            Self::ReceiptGap => "Receipt gap",
        }
    }

    /// After so many working days it begins to age: before, it may be no more than timing.
    pub const fn ages_after(self) -> u8 {
        match self {
            Self::MissingAtProvider
            | Self::FundsShort
            | Self::FundsOver
            | Self::PayoutUnconfirmed
            | Self::PayoutDiffers => 1,
            Self::RefundUnmatched => 3,
            _ => 0,
        }
    }

    /// What it adds to the severity: 2 when money may be lost or a citizen waits, 1 when a person
    /// must act, 0 when it is mostly to be known of.
    pub const fn weight(self) -> i32 {
        match self {
            Self::MissingAtProvider
            | Self::MissingHere
            | Self::FundsShort
            | Self::RefundUnmatched
            | Self::Reversed
            | Self::WrongBeneficiary
            | Self::PayoutUnconfirmed
            | Self::PayoutDiffers
            | Self::StatementArithmetic => 2,
            Self::Late | Self::WrongPeriod => 0,
            _ => 1,
        }
    }

    /// The day from which a case that opened on `opened` ages; `is_working` knows the calendar.
    pub fn ages_from(self, opened: NaiveDate, is_working: impl Fn(NaiveDate) -> bool) -> NaiveDate {
        let mut day = opened;
        for _ in 0..self.ages_after() {
            // A fortnight has a working day in any calendar.
            for _ in 0..14 {
                day = day.succ_opt().unwrap_or(day);
                if is_working(day) {
                    break;
                }
            }
        }
        day
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::calendar::Calendar;

    #[test]
    fn timing_is_no_age() {
        let day = |text: &str| text.parse::<NaiveDate>().expect("a date");
        let weeks = Calendar::default();
        let from =
            |code: BreakCode, opened| code.ages_from(day(opened), |day| weeks.is_working_day(day));
        assert_eq!(from(BreakCode::Unknown, "2026-11-20"), day("2026-11-20"));
        // A Friday: the next working day is Monday, the third Wednesday.
        assert_eq!(from(BreakCode::MissingAtProvider, "2026-11-20"), day("2026-11-23"));
        assert_eq!(from(BreakCode::RefundUnmatched, "2026-11-20"), day("2026-11-25"));
        let tet = Calendar::new([(day("2026-11-23"), false)]);
        let late = BreakCode::MissingAtProvider
            .ages_from(day("2026-11-20"), |day| tet.is_working_day(day));
        assert_eq!(late, day("2026-11-24"));
    }

    #[test]
    fn every_code_has_two_names_of_its_own() {
        let mut names: Vec<&str> =
            BreakCode::ALL.iter().flat_map(|c| [c.name_vi(), c.name_en()]).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 2 * BreakCode::ALL.len());
    }
}
