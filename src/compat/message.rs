//! What INIT asks for, in our words: a request for an invoice.

use std::collections::BTreeMap;

use super::peer::Peer;
use super::reply::{Code, Reply};
use crate::invoices::request::{IssueRequest, LineRequest, PayerRequest};
use crate::partners::dialects::json::Object;
use crate::registers::directory::Directory;
use crate::registers::entries::{FeeKind, FeeLine};
use crate::vocabulary::day::BusinessDay;
use crate::vocabulary::money::{Currency, Money};

/// The version of the messages.
pub const VERSION: &str = "1.0.6";
/// MaDichVu of an administrative fine.
const FINE: &str = "1";

/// What is read of a good INIT.
#[derive(Debug)]
pub struct Init {
    /// MaThamChieu.
    pub reference: String,
    /// SoTien.
    pub amount: Money,
    /// ThongTinGiaoDich.
    pub description: String,
    /// The invoice to issue.
    pub request: IssueRequest,
}

fn malformed(sentence: impl Into<String>) -> Reply {
    Reply::no(Code::Malformed, sentence)
}

/// A text of 1 to `most` characters, none of them a control.
fn text(object: &Object<'_>, name: &'static str, most: usize) -> Result<String, Reply> {
    let text = object.filled(name).map(|text| text.trim().to_owned());
    text.filter(|text| (1..=most).contains(&text.chars().count()))
        .filter(|text| !text.chars().any(char::is_control))
        .ok_or_else(|| malformed(format!("{name}: cần 1 đến {most} ký tự")))
}

/// The same, where nothing may be told.
fn optional(object: &Object<'_>, name: &'static str, most: usize) -> Result<Option<String>, Reply> {
    if object.filled(name).is_none_or(|text| text.trim().is_empty()) {
        return Ok(None);
    }
    text(object, name, most).map(Some)
}

/// Whole đồng, as text or as a number.
fn dong(object: &Object<'_>, name: &'static str) -> Result<Money, Reply> {
    let digits = object.text(name).unwrap_or_default();
    Money::parse(&digits, Currency::Vnd)
        .ok()
        .filter(|amount| !amount.is_zero())
        .ok_or_else(|| malformed(format!("{name}: cần số tiền nguyên, lớn hơn 0")))
}

/// The reference of any message.
pub fn reference(message: &Object<'_>) -> Result<String, Reply> {
    text(message, "MaThamChieu", 100)
}

/// Is the message of the version and, where told, of the kind that is taken here?
pub fn check_version(message: &Object<'_>) -> Result<(), Reply> {
    let fixed = [("PhienBan", VERSION), ("LoaiHinhThanhToan", "PAY"), ("MaTienTe", "VND")];
    for (name, taken) in fixed {
        if message.text(name).is_some_and(|told| told != taken) {
            return Err(Reply::no(Code::Unsupported, format!("{name}: chỉ nhận {taken}")));
        }
    }
    if message.text("PhienBan").is_none() {
        return Err(malformed(format!("PhienBan: cần {VERSION}")));
    }
    Ok(())
}

/// Reads an INIT whose signature was found right.
pub fn read_init(
    message: &Object<'_>,
    peer: &Peer,
    directory: &Directory,
    day: BusinessDay,
) -> Result<Init, Reply> {
    check_version(message)?;
    let reference = reference(message)?;
    let amount = dong(message, "SoTien")?;
    let description = text(message, "ThongTinGiaoDich", 255)?;
    let bill = message
        .object("ThongTinBienLai")
        .ok_or_else(|| malformed("ThongTinBienLai: cần thông tin biên lai"))?;
    if bill.text("MaDichVu").as_deref() == Some(FINE) {
        let sentence = "MaDichVu 1: chưa nhận nộp phạt vi phạm hành chính";
        return Err(Reply::no(Code::Unsupported, sentence));
    }
    let agency = beneficiary(&bill, directory, day)?;
    let told = optional(&bill, "MaTTHC", 100)?;
    let procedure = told.or_else(|| peer.procedure.clone());
    let procedure = procedure.ok_or_else(|| malformed("MaTTHC: cần mã thủ tục hành chính"))?;
    let tariff = directory.fee_lines(&procedure, day);
    let lines = lines(&bill, &tariff, peer, (amount, &description))?;
    let sum =
        lines.iter().try_fold(Money::zero(Currency::Vnd), |sum, line| sum.checked_add(line.amount));
    if sum.ok() != Some(amount) {
        let sentence = "SoTien: không bằng tổng các khoản trong ThongTinBienLai";
        return Err(malformed(sentence));
    }
    let dossier = optional(&bill, "MaHoSo", 100)?.unwrap_or_else(|| reference.clone());
    let metadata = BTreeMap::from([("MaThamChieu".to_owned(), reference.clone())]);
    let request = IssueRequest {
        dossier,
        agency,
        procedure,
        fee: Some(reference.clone()),
        payer: PayerRequest {
            name: text(&bill, "HoTenNguoiNop", 200)?,
            id_number: optional(&bill, "SoCMNDNguoiNop", 50)?,
            email: None,
            phone: None,
        },
        lines: Some(lines),
        quantity: None,
        expires_at: None,
        channels: None,
        return_url: None,
        metadata: Some(metadata),
    };
    Ok(Init { reference, amount, description, request })
}

/// Whose money it is: of the agency that owns the account.
fn beneficiary(
    bill: &Object<'_>,
    directory: &Directory,
    day: BusinessDay,
) -> Result<String, Reply> {
    let number = text(bill, "TKThuHuong", 50)?;
    let agency = directory.agency_of_treasury_account(&number, day).ok_or_else(|| {
        let sentence =
            format!("TKThuHuong: tài khoản {number} không có trong danh mục tài khoản Kho bạc");
        Reply::no(Code::Beneficiary, sentence)
    })?;
    Ok(agency.to_owned())
}

fn lines(
    bill: &Object<'_>,
    tariff: &[&FeeLine],
    peer: &Peer,
    (whole, description): (Money, &str),
) -> Result<Vec<LineRequest>, Reply> {
    let list = |name: &'static str| match bill.objects(name) {
        Some(list) if !list.is_empty() => Some(list),
        _ => None,
    };
    if let Some(fees) = list("PhiLePhi") {
        return fees
            .iter()
            .map(|fee| {
                let amount = dong(fee, "SoTien")?;
                let name = text(fee, "TenPhiLePhi", 200)?;
                let kind = fee.text("LoaiPhiLePhi").map(|kind| {
                    if peer.le_phi_kinds.contains(&kind) { FeeKind::LePhi } else { FeeKind::Phi }
                });
                line(tariff, peer, (amount, name), (kind, fee.filled("MaPhiLePhi")))
            })
            .collect();
    }
    if let Some(parts) = list("DSKhoanNop") {
        return parts
            .iter()
            .map(|part| {
                let named = (dong(part, "SoTien")?, text(part, "NoiDung", 200)?);
                line(tariff, peer, named, (None, None))
            })
            .collect();
    }
    let name: String = description.chars().take(200).collect();
    Ok(vec![line(tariff, peer, (whole, name), (None, None))?])
}

/// One line. What the message does not tell is that of the tariff: of the line with this amount, else
/// of the first.
fn line(
    tariff: &[&FeeLine],
    peer: &Peer,
    (amount, name): (Money, String),
    (kind, code): (Option<FeeKind>, Option<String>),
) -> Result<LineRequest, Reply> {
    let priced = tariff.iter().find(|line| line.amount == amount).or(tariff.first());
    let four = |text: &String| text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
    let sub_item = code
        .filter(four)
        .or_else(|| priced.map(|line| line.sub_item.clone()))
        .or_else(|| peer.sub_item.clone())
        .ok_or_else(|| {
            malformed("MaPhiLePhi: cần tiểu mục 4 chữ số, vì thủ tục không có biểu phí")
        })?;
    Ok(LineRequest {
        kind: kind.or_else(|| priced.map(|line| line.kind)).unwrap_or(FeeKind::Phi),
        name,
        name_en: None,
        amount,
        quantity: None,
        chapter: None,
        sub_item,
        beneficiary: None,
    })
}
