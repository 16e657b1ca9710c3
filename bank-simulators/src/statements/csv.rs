//! The wallets' reports. None of them publishes its own: these are the simulators'.

use std::fmt::Write;

use super::{Day, batch_of, fee_of};

fn cell(text: &str, delimiter: char) -> String {
    if text.contains(['"', '\n', '\r', delimiter]) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn fees(day: &Day) -> i64 {
    day.movements.iter().map(|told| fee_of(told.amount)).sum()
}

/// `1.150.000`: dots between thousands.
fn grouped(amount: i64) -> String {
    let digits = amount.abs().to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('.');
        }
        text.push(digit);
    }
    if amount < 0 { format!("-{text}") } else { text }
}

/// The gateway's: unsigned, its words are numbers.
pub fn vnpay(day: &Day) -> String {
    let batch = batch_of(&day.partner, day.day);
    let mut text = format!(
        "Report,R{batch}\nDay,{}\nBatch,{batch}\nTerminal,{}\n\
         TransactionNo,TxnRef,Amount,Fee,PayDate,Type,Status,OrderInfo\n",
        day.day, day.account
    );
    for told in &day.movements {
        let _ = writeln!(
            text,
            "{},{},{},{},{},{},00,{}",
            cell(&told.transaction_id, ','),
            cell(&told.reference, ','),
            told.amount.abs(),
            fee_of(told.amount),
            told.at.format("%Y%m%d%H%M%S"),
            if told.amount < 0 { "02" } else { "01" },
            cell(&told.memo, ',')
        );
    }
    let _ =
        writeln!(text, "END,{},{},{}", day.movements.len(), day.total() + day.off_by, fees(day));
    text
}

/// A wallet's: Vietnamese words, a byte order mark, dots between thousands.
pub fn momo(day: &Day) -> String {
    let batch = batch_of(&day.partner, day.day);
    let date = day.day.format("%d/%m/%Y");
    let mut text = format!(
        "\u{feff}Mã báo cáo;R{batch}\nNgày;{date}\nMã lô;{batch}\nMã đối tác;{}\n\
         Mã giao dịch;Mã đơn hàng;Số tiền;Phí;Thời gian;Loại;Trạng thái;Nội dung\n",
        day.account
    );
    for told in &day.movements {
        let _ = writeln!(
            text,
            "{};{};{};{};{};{};Thành công;{}",
            cell(&told.transaction_id, ';'),
            cell(&told.reference, ';'),
            grouped(told.amount),
            grouped(fee_of(told.amount)),
            told.at.format("%d/%m/%Y %H:%M:%S"),
            if told.amount < 0 { "Hoàn tiền" } else { "Thanh toán" },
            cell(&told.memo, ';')
        );
    }
    let (count, sum) = (day.movements.len(), grouped(day.total() + day.off_by));
    let _ = writeln!(text, "Tổng cộng;{count};{sum};{}", grouped(fees(day)));
    text
}

/// The other wallet's: bars between cells, times with their offset.
pub fn zalopay(day: &Day) -> String {
    let batch = batch_of(&day.partner, day.day);
    let mut text = format!(
        "report_id|R{batch}\ndate|{}\nbatch_id|{batch}\napp_id|{}\n\
         zp_trans_id|app_trans_id|amount|fee|server_time|type|status|currency|description\n",
        day.day, day.account
    );
    for told in &day.movements {
        let _ = writeln!(
            text,
            "{}|{}|{}|{}|{}+07:00|{}|success|VND|{}",
            cell(&told.transaction_id, '|'),
            cell(&told.reference, '|'),
            told.amount.abs(),
            fee_of(told.amount),
            told.at.format("%Y-%m-%dT%H:%M:%S"),
            if told.amount < 0 { "refund" } else { "payment" },
            cell(&told.memo, '|')
        );
    }
    let (count, sum) = (day.movements.len(), day.total() + day.off_by);
    let _ = writeln!(text, "total|{count}|{sum}|{}", fees(day));
    text
}
