//! A receipt on paper: the PDF, drawn from what is stored, the same bytes each time.
//!
//! For the payer and the portal it names who paid and carries the signed content and its signature
//! inside, so that it can be checked without us. The copy for the public hides the name and carries
//! nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::content::{Body, hash_of};
use super::receipt::Receipt;
use super::status::ReceiptStatus;
use crate::platform::pdf::{About, Align, Attached, Column, PdfError, Sheet, Weight};
use crate::registers::entries::FeeKind;
use crate::vocabulary::day::to_local;
use crate::vocabulary::money::Money;

/// Who gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader<'a> {
    /// Who paid, or their portal.
    Payer,
    /// Anybody: under this masked name.
    Public(&'a str),
}

/// What drawing needs besides the receipt.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// The receipt that stands in its place.
    pub replaced_by: Option<&'a Receipt>,
    /// The origin of the public check.
    pub public_url: &'a str,
}

/// The PDF.
pub fn draw(receipt: &Receipt, around: Around<'_>, reader: Reader<'_>) -> Result<Vec<u8>, PdfError> {
    let content = &receipt.content;
    let number = &content.number;
    let name = format!("{} {} {}", number.form, number.symbol, number.padded());
    let mut sheet = Sheet::new(About {
        title: format!("Biên lai {name}"),
        author: content.collecting_body.name.clone(),
        made_at: receipt.issued_at,
        id: receipt.id.to_string(),
    });
    head(&mut sheet, receipt, reader);
    standing(&mut sheet, receipt, around.replaced_by);
    let payer = match reader {
        Reader::Payer => content.payer_name.as_str(),
        Reader::Public(masked) => masked,
    };
    let paid = to_local(content.paid_at).format("%H:%M:%S ngày %d/%m/%Y").to_string();
    let procedure = format!("{} – {}", content.procedure, content.procedure_name);
    let mut facts = vec![
        ("Người nộp (Payer)", payer),
        ("Thủ tục hành chính", procedure.trim_end_matches([' ', '–'])),
    ];
    if reader == Reader::Payer {
        facts.push(("Mã hồ sơ (Dossier)", &content.dossier));
    }
    facts.extend([
        ("Mã thanh toán", content.invoice.as_str()),
        ("Thời điểm thu tiền", paid.as_str()),
        ("Hình thức thanh toán", "Chuyển khoản, thanh toán trực tuyến"),
    ]);
    sheet.facts(&facts);
    charges(&mut sheet, receipt);
    sheet.facts(&[("Số tiền viết bằng chữ", &content.in_words)]);
    let made = number.day.format("Ngày lập: ngày %d tháng %m năm %Y (Date of issue)").to_string();
    sheet.line(&made, Weight::Regular, Align::Right);
    signature(&mut sheet, receipt);
    sheet.rule();
    let address = format!("{}{}", around.public_url, receipt.check_path());
    let hash = hex::encode(hash_of(&receipt.text));
    sheet.code(
        &address,
        &[
            "Quét mã để kiểm tra biên lai (scan to check this receipt)",
            &address,
            &format!("SHA-256: {hash}"),
        ],
    )?;
    if reader == Reader::Payer {
        attach(&mut sheet, receipt, &name);
    }
    sheet.finish()
}

fn body_line(body: &Body) -> String {
    if body.tax_code.is_empty() {
        body.name.clone()
    } else {
        format!("{} – Mã số thuế: {}", body.name, body.tax_code)
    }
}

fn head(sheet: &mut Sheet, receipt: &Receipt, reader: Reader<'_>) {
    let content = &receipt.content;
    let number = &content.number;
    sheet.line(&body_line(&content.collecting_body), Weight::Bold, Align::Left);
    if let Some(delegate) = &content.delegate {
        let told = format!("Đơn vị được uỷ quyền lập biên lai: {}", body_line(&delegate.body));
        sheet.line(&told, Weight::Regular, Align::Left);
        let paper = format!("Văn bản uỷ quyền: {}", delegate.delegation);
        sheet.line(&paper, Weight::Regular, Align::Left);
    }
    for (name, value) in [
        ("Mẫu số (Form)", number.form.clone()),
        ("Ký hiệu (Symbol)", number.symbol.clone()),
        ("Số (No.)", number.padded()),
    ] {
        sheet.line(&format!("{name}: {value}"), Weight::Bold, Align::Right);
    }
    sheet.space(4);
    sheet.title(&content.title);
    sheet.note("(Electronic receipt of fees and charges)", Align::Centre);
    if reader != Reader::Payer {
        let told = "Bản tra cứu công khai: tên người nộp được che bớt (public copy: the payer's name is masked)";
        sheet.note(told, Align::Centre);
    }
    sheet.space(6);
}

/// What a reader must know before anything else.
fn standing(sheet: &mut Sheet, receipt: &Receipt, replaced_by: Option<&Receipt>) {
    if let Some(old) = &receipt.content.replaces {
        let told = format!(
            "Thay thế cho biên lai mẫu {}, ký hiệu {}, số {}, lập ngày {}. Lý do: {}",
            old.number.form,
            old.number.symbol,
            old.number.padded(),
            old.number.day.format("%d/%m/%Y"),
            old.reason
        );
        sheet.paragraph(&told);
    }
    let since = to_local(receipt.status_since).format("%d/%m/%Y");
    match (receipt.status, replaced_by) {
        (ReceiptStatus::Valid, _) => {}
        (ReceiptStatus::Replaced, Some(by)) => {
            let number = &by.content.number;
            let told = format!(
                "BIÊN LAI NÀY ĐÃ BỊ THAY THẾ ngày {since} bằng biên lai mẫu {}, ký hiệu {}, số {} \
                 (replaced)",
                number.form,
                number.symbol,
                number.padded()
            );
            sheet.line(&told, Weight::Bold, Align::Left);
            sheet.space(6);
        }
        (ReceiptStatus::Cancelled | ReceiptStatus::Replaced, _) => {
            let told = format!("BIÊN LAI NÀY ĐÃ BỊ HUỶ ngày {since} (cancelled)");
            sheet.line(&told, Weight::Bold, Align::Left);
            sheet.space(6);
        }
    }
}

fn kind_of(kind: FeeKind) -> &'static str {
    match kind {
        FeeKind::Phi => "Phí",
        FeeKind::LePhi => "Lệ phí",
    }
}

fn charges(sheet: &mut Sheet, receipt: &Receipt) {
    let amount = |money: Money| money.for_people();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (n, charge) in receipt.content.charges.iter().enumerate() {
        rows.push(vec![
            (n + 1).to_string(),
            kind_of(charge.kind).to_owned(),
            charge.name.clone(),
            amount(charge.amount),
        ]);
    }
    rows.push(vec![
        String::new(),
        String::new(),
        "Tổng cộng (Total)".to_owned(),
        amount(receipt.amount()),
    ]);
    let columns = [
        Column::text("STT", 6),
        Column::text("Loại", 12),
        Column::text("Nội dung thu (Item)", 58),
        Column::number("Số tiền (Amount)", 24),
    ];
    sheet.table_with_sum(&columns, &rows);
}

fn signature(sheet: &mut Sheet, receipt: &Receipt) {
    match &receipt.signature {
        Some(signature) => {
            let at = to_local(signature.at).format("%H:%M:%S ngày %d/%m/%Y");
            let who = format!("Đã ký số bởi: {}", receipt.content.collecting_body.name);
            sheet.line(&who, Weight::Bold, Align::Right);
            sheet.line(&format!("Thời điểm ký: {at}"), Weight::Regular, Align::Right);
            let bytes = STANDARD.encode(&signature.bytes);
            let told = format!("Chữ ký số (khoá {}): {bytes}", signature.key_id);
            sheet.note(&told, Align::Left);
        }
        None => sheet.line("Đang chờ ký số (not signed yet)", Weight::Bold, Align::Right),
    }
}

fn attach(sheet: &mut Sheet, receipt: &Receipt, name: &str) {
    let stem = name.replace(' ', "-");
    sheet.attach(Attached {
        name: format!("{stem}.json"),
        mime_type: "application/json",
        description: "Nội dung biên lai đã được ký số (the signed content)".to_owned(),
        bytes: receipt.text.clone().into_bytes(),
    });
    if let Some(signature) = &receipt.signature {
        let told = json!({
            "key": signature.key_id,
            "algorithm": "Ed25519",
            "sha256": hex::encode(hash_of(&receipt.text)),
            "signature": STANDARD.encode(&signature.bytes),
            "signed_at": signature.at,
        });
        sheet.attach(Attached {
            name: format!("{stem}.signature.json"),
            mime_type: "application/json",
            description: "Chữ ký số của cơ quan thu (its signature)".to_owned(),
            bytes: told.to_string().into_bytes(),
        });
    }
}
