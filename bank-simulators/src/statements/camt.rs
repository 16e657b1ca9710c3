//! camt.053.001.08.

use std::fmt::Write;

use super::Day;

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn balance(code: &str, amount: i64, day: chrono::NaiveDate) -> String {
    format!(
        "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"VND\">{}</Amt>\
         <CdtDbtInd>{}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>\n",
        amount.abs(),
        word(amount)
    )
}

const fn word(amount: i64) -> &'static str {
    if amount < 0 { "DBIT" } else { "CRDT" }
}

/// The statement of a day.
pub fn write(day: &Day) -> String {
    let date = day.day;
    let id = format!("{}-{}", day.account, date.format("%Y%m%d"));
    let made = format!("{date}T23:59:59+07:00");
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt>\n\
         <GrpHdr><MsgId>M{id}</MsgId><CreDtTm>{made}</CreDtTm></GrpHdr>\n\
         <Stmt><Id>{id}</Id><ElctrncSeqNb>{}</ElctrncSeqNb><CreDtTm>{made}</CreDtTm>\n\
         <FrToDt><FrDtTm>{date}T00:00:00+07:00</FrDtTm><ToDtTm>{made}</ToDtTm></FrToDt>\n\
         <Acct><Id><Othr><Id>{}</Id></Othr></Id><Ccy>VND</Ccy></Acct>\n",
        day.number(),
        day.account
    );
    xml += &balance("OPBD", day.opening, date);
    xml += &balance("CLBD", day.closing(), date);
    let sum: i64 = day.movements.iter().map(|told| told.amount.abs()).sum();
    let _ = writeln!(
        xml,
        "<TxsSummry><TtlNtries><NbOfNtries>{}</NbOfNtries><Sum>{sum}</Sum></TtlNtries></TxsSummry>",
        day.movements.len()
    );
    for told in &day.movements {
        let end_to_end = if told.reference.is_empty() { "NOTPROVIDED" } else { &told.reference };
        let _ = writeln!(
            xml,
            "<Ntry><Amt Ccy=\"VND\">{amount}</Amt><CdtDbtInd>{word}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>\
             <BookgDt><DtTm>{at}+07:00</DtTm></BookgDt><ValDt><Dt>{date}</Dt></ValDt>\
             <AcctSvcrRef>{id}</AcctSvcrRef><NtryDtls><TxDtls><Refs><AcctSvcrRef>{id}</AcctSvcrRef>\
             <EndToEndId>{end_to_end}</EndToEndId></Refs><Amt Ccy=\"VND\">{amount}</Amt>\
             <CdtDbtInd>{word}</CdtDbtInd><RmtInf><Ustrd>{memo}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>",
            amount = told.amount.abs(),
            word = word(told.amount),
            at = told.at.format("%Y-%m-%dT%H:%M:%S"),
            id = escaped(&told.transaction_id),
            end_to_end = escaped(end_to_end),
            memo = escaped(&told.memo),
        );
    }
    xml.push_str("</Stmt></BkToCstmrStmt></Document>\n");
    xml
}
