use super::*;

const MOMO: &str = include_str!("../../../tests/data/wires/momo.json");
const GOVERNMENT: &str = include_str!("../../../tests/data/wires/gov_dvcqg_viettel_keypay.json");
const ONEPAY: &str = include_str!("../../../tests/data/wires/onepay.json");
const SEPAY: &str = include_str!("../../../tests/data/wires/sepay.json");
const PAYOS: &str = include_str!("../../../tests/data/wires/payos.json");
const VIETQR: &str = include_str!("../../../tests/data/wires/vietqr.json");
const VNPAY: &str = include_str!("../../../tests/data/wires/vnpay.json");
const ZALOPAY: &str = include_str!("../../../tests/data/wires/zalopay.json");

#[test]
fn every_case_is_reproduced_and_every_negative_refused() {
    for (channel, text, cases) in [
        ("momo", MOMO, 9 + 3),
        ("payos", PAYOS, 7 + 3),
        ("vietqr", VIETQR, 8 + 3),
        ("vnpay", VNPAY, 14 + 4),
        ("zalopay", ZALOPAY, 8 + 3),
        ("dvcqg", GOVERNMENT, 5 + 2),
        ("gov_dvcqg_viettel_keypay", GOVERNMENT, 11 + 4),
        ("keypay", GOVERNMENT, 2 + 1),
        ("onepay", ONEPAY, 6 + 3),
        ("payos", PAYOS, 7 + 3),
        ("sepay", SEPAY, 7 + 3),
        ("vietqr", VIETQR, 8 + 3),
        ("viettel", GOVERNMENT, 4 + 1),
        ("vnpay", VNPAY, 14 + 4),
    ] {
        let tally = check(channel, text).expect(channel);
        assert_eq!(tally.to_string(), format!("{cases} passed, 0 failed"), "{channel}");
    }
}

/// Changes one letter or digit at a time; no change of what is signed goes unnoticed.
fn spoil(channel: &str, text: &str, part: &str, with: &str) -> Tally {
    let spoilt = text.replacen(part, with, 1);
    assert_ne!(spoilt, text, "{part} is in the file");
    check(channel, &spoilt).expect("still of the shape")
}

#[test]
fn a_file_that_says_something_wrong_fails() {
    for (channel, text, part, with) in [
        // A signature, a canonical text, an input, a secret.
        ("vnpay", VNPAY, "b74c1b29", "b74c1b28"),
        ("vnpay", VNPAY, "vnp_Amount=1000000&", "vnp_Amount=1000001&"),
        ("vnpay", VNPAY, "\"vnp_BankCode\": \"NCB\"", "\"vnp_BankCode\": \"VCB\""),
        ("vnpay", VNPAY, "SIMVNPAYSECRET", "SIMVNPAYSECREX"),
        ("vnpay", VNPAY, "9803063b", "9803063c"),
        ("vnpay", VNPAY, "f1|refund|00|", "f1|refund|01|"),
        ("payos", PAYOS, "86ca4bea", "86CA4BEA"),
        ("payos", PAYOS, "8b718d85", "8b718d84"),
        ("payos", PAYOS, "\"orderCode\": 1001", "\"orderCode\": 1002"),
        ("payos", PAYOS, "\"reference\": \"FT", "\"reference\": \"GT"),
        ("payos", PAYOS, "\"amount\": 250000,", "\"amount\": 250000.0,"),
        ("payos", PAYOS, "d4472b25", "d4472b24"),
        ("payos", PAYOS, "22805024", "22805025"),
        ("payos", PAYOS, "\"webhook\"", "\"telegram\""),
        ("momo", MOMO, "9825f1de", "9825f1df"),
        ("momo", MOMO, "\"orderId\": \"INV-3\"", "\"orderId\": \"INV-4\""),
        ("momo", MOMO, "extraData=eyJ", "extraData=eyK"),
        ("momo", MOMO, "SIMSECRETKEY", "SIMSECRETKEX"),
        ("momo", MOMO, "\"transId\": 4088878653", "\"transId\": 4088878654"),
        ("momo", MOMO, "\"op\": \"query\"", "\"op\": \"guess\""),
        ("zalopay", ZALOPAY, "53228f87", "53228f88"),
        ("zalopay", ZALOPAY, "\"app_time\": 1795312800000", "\"app_time\": 1795312800001"),
        ("zalopay", ZALOPAY, "SIMZLPKEY2", "SIMZLPKEY3"),
        ("zalopay", ZALOPAY, "\"refund_fee_amount\": 1000", "\"refund_fee_amount\": 1001"),
        ("zalopay", ZALOPAY, "\\\"channel\\\":38", "\\\"channel\\\":39"),
        ("sepay", SEPAY, "Q0OixXf6", "Q0OixXf7"),
        ("sepay", SEPAY, "\"order_amount\": 10000", "\"order_amount\": 10001"),
        ("sepay", SEPAY, "3258cc76", "3258cc77"),
        ("sepay", SEPAY, "1795313052", "1795313053"),
        ("sepay", SEPAY, "Apikey SIM", "Bearer SIM"),
        ("onepay", ONEPAY, "\"secure_hash\": \"C36D", "\"secure_hash\": \"c36d"),
        ("onepay", ONEPAY, "\"vpc_TxnResponseCode\": \"99\"", "\"vpc_TxnResponseCode\": \"0\""),
        ("onepay", ONEPAY, "0123456789ABCDEF", "1123456789ABCDEF"),
        ("dvcqg", GOVERNMENT, "d1a74431", "d1a74432"),
        ("dvcqg", GOVERNMENT, "\"SoTien\": 250000", "\"SoTien\": 250000.0"),
        ("dvcqg", GOVERNMENT, "SIMDVCQGSECRET0001", "SIMDVCQGSECRET0002"),
        ("viettel", GOVERNMENT, "Id02idm", "Id03idm"),
        ("viettel", GOVERNMENT, "\"trans_amount\": 20000", "\"trans_amount\": 20001"),
        ("viettel", GOVERNMENT, "42525771", "42525772"),
        ("keypay", GOVERNMENT, "671bbe47", "671bbe48"),
        ("keypay", GOVERNMENT, "SIMKEYPAYHASH1", "SIMKEYPAYHASH2"),
        ("vietqr", VIETQR, "AE9F\"", "AE9E\""),
        ("vietqr", VIETQR, "\"acc\": \"257678859\"", "\"acc\": \"257678858\""),
        ("vietqr", VIETQR, "\"Chuyen tien\"", "\"Chuyen tiem\""),
    ] {
        let tally = spoil(channel, text, part, with);
        assert!(!tally.failed.is_empty(), "{channel}: {part}");
        assert!(tally.to_string().ends_with(" failed"));
    }
}

#[test]
fn a_negative_that_is_genuine_fails() {
    // Each negative is put right: the genuine text, signature or payload in its place.
    for (channel, text, wrong, right) in [
        (
            "vnpay",
            VNPAY,
            "e5fbc8ed2f061c708de182efc59db477269306d233cb4378a6e213733027bed766a54e04197163fc138f330e\"",
            "e5fbc8ed2f061c708de182efc59db477269306d233cb4378a6e213733027bed766a54e04197163fc138f330e9\"",
        ),
        (
            "payos",
            PAYOS,
            "1b348d1718cc4676b8db81d382220ec15b47e8e6702aa3a306fcba924a6d4047",
            "86ca4bea4c2c77a179ffa12e1ec913e4a037b9714f9d7d7fbc5cbbb53240b290",
        ),
        (
            "momo",
            MOMO,
            "resultCode=0&transId=1795312832000",
            "resultCode=1006&transId=1795312832000",
        ),
        (
            "zalopay",
            ZALOPAY,
            "3a1d862c1d67183c2eee328d6c855e26d6273b083642f312e850fc2d85b39e3f",
            "53228f87bfe5b57761ae0f3aa75ed83dc58c8b3ff6b9944a11960570fc065c6b",
        ),
        ("vietqr", VIETQR, "tien6304D5C7", "tien630453E6"),
        (
            "sepay",
            SEPAY,
            "3caffc7b18f9a0e493449c2508c912ba9106d786713a3db3262fbfb2b3f19225",
            "3258cc76d86caf400cc559502a9ae4acd5b4187a49398297cf251da94afe8564",
        ),
        (
            "onepay",
            ONEPAY,
            "B54D719CBE78611678E6B00980D47180614862AF7EF1B454C058A51708B88E32",
            "69F9747C8BA23E09DC9BC1C9EA3CC81D0098AD71E35B6EB73906591F9C5DB5B0",
        ),
        (
            "dvcqg",
            GOVERNMENT,
            "8bbca51d53daa23c7eb8ebea92eb2cf19fce53d2f5d70f941a00c6fc5d772706",
            "8caa927b8e5517ca2eff36ea149738b2d78cf7bd256de308f403a375a82241a4",
        ),
        ("viettel", GOVERNMENT, "BC001SIMGOVHS000220000", "BC001SIMGOVHS000120000"),
        ("keypay", GOVERNMENT, "0|SIMCLIENT|PAY|2000|", "0|SIMCLIENT|PAY|20000|"),
    ] {
        let tally = spoil(channel, text, wrong, right);
        assert_eq!(tally.failed.len(), 1, "{channel}: {tally}");
        assert_eq!(tally.failed[0].why, Wrong::Accepted);
    }
}

#[test]
fn what_is_no_file_of_vectors_is_an_error() {
    assert!(matches!(check("keypay", "{}"), Err(VectorsError::NoCase)));
    assert!(matches!(check("nobody", "{}"), Err(VectorsError::UnknownChannel { .. })));
    assert!(matches!(check("vnpay", "{}"), Err(VectorsError::Shape(_))));
    assert!(matches!(check("vietqr", "{}"), Err(VectorsError::NoCase)));
    assert!(matches!(run("vnpay", "no-such-file.json"), Err(VectorsError::Read { .. })));
}
