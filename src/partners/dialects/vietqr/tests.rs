use super::*;

fn napas(service: Service, number: &str) -> Napas {
    Napas { bin: "970436".to_owned(), number: number.to_owned(), service }
}

fn field(id: u8, value: &str) -> Field {
    Field { id, value: value.to_owned() }
}

/// The text with its CRC put right, so that only what is meant to be wrong is wrong.
fn with_crc(text: &str) -> String {
    let text = format!("{text}6304");
    format!("{text}{:04X}", crc16(text.as_bytes()))
}

fn everything() -> Payload {
    Payload {
        initiation: Initiation::Dynamic,
        accounts: vec![
            Account::Scheme(field(2, "4000123456789012")),
            Account::Template {
                id: 26,
                guid: VNPAY_QR.to_owned(),
                fields: vec![field(1, "0102154778")],
            },
            Account::Napas(napas(Service::Push, "MERCHANT01")),
        ],
        category: Some("9399".to_owned()),
        currency: "704".to_owned(),
        amount: Some("9999999999999".to_owned()),
        tip: Some(Tip::Percent("99.99".to_owned())),
        country: "VN".to_owned(),
        name: Some("KHO BAC NHA NUOC".to_owned()),
        city: Some("HÀ NỘI".to_owned()),
        postal_code: Some("100000".to_owned()),
        additional: Additional {
            bill: Some("1".to_owned()),
            mobile: Some("2".to_owned()),
            store: Some("3".to_owned()),
            loyalty: Some("4".to_owned()),
            reference: Some("5".to_owned()),
            customer: Some("6".to_owned()),
            terminal: Some("7".to_owned()),
            purpose: Some("Lệ phí cấp hộ chiếu".to_owned()),
            ask_for: Some("AME".to_owned()),
            others: vec![field(10, "0100109106"), field(50, "x")],
        },
        others: vec![field(64, "0002VI"), field(99, "z")],
    }
}

#[test]
fn an_invoice_asks_for_its_amount_and_names_its_code() {
    let text = transfer("970436", "9527020111111", Money::vnd(250_000), "PG HS202611220002");
    assert_eq!(
        text.as_deref(),
        Ok("00020101021238570010A00000072701270006970436011395270201111110208QRIBFTTA5303704\
            54062500005802VN62210817PG HS2026112200026304CC83")
    );
    let open = transfer("970436", "9527020111111", Money::vnd(0), "").expect("static");
    let read = Payload::decode(&open).expect("reads back");
    assert_eq!((read.initiation, read.amount), (Initiation::Static, None));
}

#[test]
fn a_transfer_outside_of_the_format_is_refused() {
    let vnd = Money::vnd(1);
    let dollars = Money::parse("1", Currency::Usd).expect("a dollar");
    for (bin, account, amount, memo) in [
        ("97043", "1", vnd, "M"),
        ("9704361", "1", vnd, "M"),
        ("97043X", "1", vnd, "M"),
        ("970436", "", vnd, "M"),
        ("970436", "12345678901234567890", vnd, "M"),
        ("970436", "12 34", vnd, "M"),
        ("970436", "1", dollars, "M"),
        ("970436", "1", Money::vnd(10_000_000_000_000), "M"),
        ("970436", "1", vnd, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        ("970436", "1", vnd, "A\nB"),
    ] {
        assert!(transfer(bin, account, amount, memo).is_err(), "{bin} {account} {memo}");
    }
}

#[test]
fn everything_the_format_can_say_reads_back() {
    let mut payload = everything();
    for service in Service::ALL {
        payload.accounts[2] = Account::Napas(napas(*service, "9704360123456789"));
        for tip in [
            None,
            Some(Tip::Ask),
            Some(Tip::Fixed("1000".to_owned())),
            Some(Tip::Percent("5".to_owned())),
        ] {
            payload.tip = tip;
            let text = payload.encode().expect("in the format");
            assert_eq!(Payload::decode(&text), Ok(payload.clone()), "{text}");
        }
    }
    payload.currency = "840".to_owned();
    payload.amount = Some("12.50".to_owned());
    let text = payload.encode().expect("dollars have cents");
    assert_eq!(Payload::decode(&text), Ok(payload));
}

#[test]
fn what_is_outside_of_the_format_is_not_written() {
    let spoilt: [fn(&mut Payload); 14] = [
        |p| p.accounts.clear(),
        |p| p.accounts.push(Account::Scheme(field(2, "again"))),
        |p| p.accounts[0] = Account::Scheme(field(26, "no template")),
        |p| p.category = Some("12".to_owned()),
        |p| p.currency = "VND".to_owned(),
        |p| p.amount = Some("12.5".to_owned()),
        |p| p.amount = Some(String::new()),
        |p| p.tip = Some(Tip::Percent("1.2.3".to_owned())),
        |p| p.country = "vn".to_owned(),
        |p| p.name = Some("A NAME OF MORE THAN TWENTY-FIVE".to_owned()),
        |p| p.city = Some(String::new()),
        |p| p.additional.purpose = Some("A PURPOSE OF 26 CHARACTERS".to_owned()),
        |p| p.additional.others.push(field(8, "again")),
        |p| p.others = vec![field(63, "0000")],
    ];
    for (place, spoil) in spoilt.iter().enumerate() {
        let mut payload = everything();
        spoil(&mut payload);
        assert!(payload.encode().is_err(), "{place}");
    }
    let mut payload = everything();
    payload.others = (64..70).map(|id| field(id, &"x".repeat(99))).collect();
    assert!(matches!(payload.encode(), Err(QrError::TooLong { .. })));
    let mut payload = everything();
    payload.additional.others = vec![field(50, &"x".repeat(60))];
    assert!(matches!(payload.encode(), Err(QrError::Value { field: "62", .. })));
}

#[test]
fn each_way_of_being_wrong_has_its_own_error() {
    let account = "38530010A0000007270123000697041601092576788590208QRIBFTTA";
    let text = |inner: &str| with_crc(inner);
    for (broken, why) in [
        (String::new(), QrError::NoCrc),
        ("x".repeat(513), QrError::TooLong { characters: 513 }),
        ("ắắắắ".to_owned(), QrError::NoCrc),
        (text(""), QrError::Missing { field: "00" }),
        (text("010211000201"), QrError::Missing { field: "00" }),
        (text("000202"), QrError::Value { field: "00", why: "01, the only version" }),
        (text("000201"), QrError::Missing { field: "01" }),
        (text("000201010213"), QrError::Value { field: "01", why: "11 or 12" }),
        (text("000201010211010211"), QrError::Repeated { id: 1 }),
        (text("0002010x0211"), QrError::Digits { at: 6 }),
        (text("000201010-11"), QrError::Digits { at: 8 }),
        (text("0002015900"), QrError::Length { id: 59, length: 0, left: 8 }),
        (text("0002015999ABC"), QrError::Length { id: 59, length: 99, left: 11 }),
        (text("00020101021153037045802VN"), QrError::Missing { field: "02-51" }),
        (text(&format!("000201010211{account}5802VN")), QrError::Missing { field: "53" }),
        (
            text("00020101021138260010A0000007270208QRIBFTTA53037045802VN"),
            QrError::Missing { field: "38-01" },
        ),
        (
            text(&format!("000201010211{account}530370455020256035005802VN5702055802VN")),
            QrError::Repeated { id: 58 },
        ),
        (
            text(&format!("000201010211{account}5303704550202570155802VN")),
            QrError::Value { field: "55", why: "01; or 02 with 56; or 03 with 57" },
        ),
    ] {
        assert_eq!(Payload::decode(&broken), Err(why), "{broken}");
    }
    let good = text(&format!("000201010211{account}53037045802VN"));
    assert!(Payload::decode(&good).is_ok());
    assert_eq!(Payload::decode(&good.to_lowercase()), Err(QrError::NoCrc));
}
