//! Banks that a transfer can be sent to, by their six digits at NAPAS (BIN).

/// BIN and the name that people know, in the order of the names.
pub const BANKS: &[(&str, &str)] = &[
    ("970425", "ABBANK – An Bình"),
    ("970416", "ACB – Á Châu"),
    ("970405", "Agribank – Nông nghiệp và Phát triển Nông thôn"),
    ("970409", "Bac A Bank – Bắc Á"),
    ("970438", "BaoViet Bank – Bảo Việt"),
    ("970418", "BIDV – Đầu tư và Phát triển"),
    ("970454", "BVBank – Bản Việt"),
    ("546034", "CAKE by VPBank"),
    ("422589", "CIMB Việt Nam"),
    ("970446", "Co-opBank – Hợp tác xã Việt Nam"),
    ("970431", "Eximbank – Xuất nhập khẩu"),
    ("970408", "GPBank – Dầu khí Toàn cầu"),
    ("970437", "HDBank – Phát triển TP. Hồ Chí Minh"),
    ("970442", "Hong Leong Việt Nam"),
    ("458761", "HSBC Việt Nam"),
    ("970434", "Indovina"),
    ("970452", "KienlongBank – Kiên Long"),
    ("970449", "LPBank – Lộc Phát"),
    ("970422", "MB – Quân đội"),
    ("970414", "MBV – Việt Nam Hiện đại"),
    ("970426", "MSB – Hàng hải"),
    ("970428", "Nam A Bank – Nam Á"),
    ("970419", "NCB – Quốc dân"),
    ("970448", "OCB – Phương Đông"),
    ("970430", "PGBank – Thịnh vượng và Phát triển"),
    ("970439", "Public Bank Việt Nam"),
    ("970412", "PVcomBank – Đại chúng"),
    ("970403", "Sacombank – Sài Gòn Thương Tín"),
    ("970400", "Saigonbank – Sài Gòn Công Thương"),
    ("970429", "SCB – Sài Gòn"),
    ("970440", "SeABank – Đông Nam Á"),
    ("970443", "SHB – Sài Gòn Hà Nội"),
    ("970424", "Shinhan Bank Việt Nam"),
    ("970410", "Standard Chartered Việt Nam"),
    ("970407", "Techcombank – Kỹ thương"),
    ("970423", "TPBank – Tiên Phong"),
    ("546035", "Ubank by VPBank"),
    ("970458", "UOB Việt Nam"),
    ("970444", "VCBNeo – Ngoại thương Công nghệ số"),
    ("970441", "VIB – Quốc tế"),
    ("970427", "VietABank – Việt Á"),
    ("970433", "VietBank – Việt Nam Thương Tín"),
    ("970436", "Vietcombank – Ngoại thương"),
    ("970415", "VietinBank – Công thương"),
    ("970406", "Vikki Bank"),
    ("970432", "VPBank – Việt Nam Thịnh Vượng"),
    ("970421", "VRB – Việt Nga"),
    ("970457", "Woori Việt Nam"),
];

/// The name of a bank.
pub fn name_of(bin: &str) -> Option<&'static str> {
    BANKS.iter().find(|(known, _)| *known == bin).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bank_stands_once_with_six_digits() {
        let bins: std::collections::BTreeSet<_> = BANKS.iter().map(|(bin, _)| bin).collect();
        assert_eq!(bins.len(), BANKS.len());
        assert!(bins.iter().all(|bin| bin.len() == 6 && bin.bytes().all(|b| b.is_ascii_digit())));
        let folded: Vec<String> = BANKS.iter().map(|(_, name)| name.to_lowercase()).collect();
        assert!(folded.is_sorted(), "a reader finds a bank by its name");
        assert_eq!(name_of("970436"), Some("Vietcombank – Ngoại thương"));
        assert_eq!(name_of("000000"), None);
    }
}
