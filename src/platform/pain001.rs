//! `pain.001.001.03` and `.09`: a batch of transfers as a bank takes it, for refunds and for what is
//! paid over to the Treasury. Pure: the same batch makes the same bytes.
//!
//! Banks in Việt Nam are named by their NAPAS BIN as a clearing system member
//! [unverified: a bank may want its own code there].

use std::fmt::Write;

use chrono::{DateTime, Utc};

use crate::vocabulary::day;
use crate::vocabulary::money::{Money, MoneyError};

/// Which version of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `pain.001.001.03`, of 2009: what most banks take.
    V03,
    /// `pain.001.001.09`, of 2019.
    V09,
}

impl Version {
    /// The name space of the document.
    pub const fn name_space(self) -> &'static str {
        match self {
            Self::V03 => "urn:iso:std:iso:20022:tech:xsd:pain.001.001.03",
            Self::V09 => "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09",
        }
    }
}

/// The account that pays.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Debtor {
    /// Account number.
    pub number: String,
    /// Holder.
    pub name: String,
    /// The bank's BIN.
    pub bank: String,
}

/// One transfer.
#[derive(Debug, Clone)]
pub struct Transfer {
    /// Our reference, up to 35 characters.
    pub reference: String,
    /// How much.
    pub amount: Money,
    /// The payee's bank.
    pub bank: String,
    /// The payee's account.
    pub number: String,
    /// The payee.
    pub name: String,
    /// The memo.
    pub memo: String,
}

/// A batch: for each account that pays its transfers.
#[derive(Debug)]
pub struct Document<'a> {
    /// Which version of the message.
    pub version: Version,
    /// Message id, up to 35 characters.
    pub id: &'a str,
    /// When it was made.
    pub made_at: DateTime<Utc>,
    /// Who instructs.
    pub initiator: &'a str,
    /// The payments.
    pub payments: &'a [(Debtor, Vec<Transfer>)],
}

/// The document as XML.
pub fn write(document: &Document<'_>) -> Result<String, MoneyError> {
    let all: Vec<&Transfer> = document.payments.iter().flat_map(|(_, t)| t).collect();
    let made_at = day::to_local(document.made_at).format("%Y-%m-%dT%H:%M:%S");
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"{}\">\n<CstmrCdtTrfInitn>\n",
        document.version.name_space()
    );
    let _ = writeln!(
        xml,
        "<GrpHdr><MsgId>{}</MsgId><CreDtTm>{made_at}</CreDtTm><NbOfTxs>{}</NbOfTxs>\
         <CtrlSum>{}</CtrlSum><InitgPty><Nm>{}</Nm></InitgPty></GrpHdr>",
        text(document.id, 35),
        all.len(),
        sum(&all)?,
        text(document.initiator, 70)
    );
    for (place, (debtor, transfers)) in (1..).zip(document.payments) {
        let transfers: Vec<&Transfer> = transfers.iter().collect();
        let day = day::to_local(document.made_at).date();
        // From version 8 on the date stands in an element of its own.
        let day = match document.version {
            Version::V03 => day.to_string(),
            Version::V09 => format!("<Dt>{day}</Dt>"),
        };
        let _ = writeln!(
            xml,
            "<PmtInf><PmtInfId>{}-{place}</PmtInfId><PmtMtd>TRF</PmtMtd>\
             <NbOfTxs>{}</NbOfTxs><CtrlSum>{}</CtrlSum><ReqdExctnDt>{day}</ReqdExctnDt>\
             <Dbtr><Nm>{}</Nm></Dbtr><DbtrAcct>{}</DbtrAcct><DbtrAgt>{}</DbtrAgt>\
             <ChrgBr>DEBT</ChrgBr>",
            text(document.id, 32),
            transfers.len(),
            sum(&transfers)?,
            text(&debtor.name, 70),
            account(&debtor.number),
            agent(&debtor.bank)
        );
        for transfer in transfers {
            let _ = writeln!(
                xml,
                "<CdtTrfTxInf><PmtId><EndToEndId>{}</EndToEndId></PmtId>\
                 <Amt><InstdAmt Ccy=\"{}\">{}</InstdAmt></Amt><CdtrAgt>{}</CdtrAgt>\
                 <Cdtr><Nm>{}</Nm></Cdtr><CdtrAcct>{}</CdtrAcct>\
                 <RmtInf><Ustrd>{}</Ustrd></RmtInf></CdtTrfTxInf>",
                text(&transfer.reference, 35),
                transfer.amount.currency(),
                transfer.amount.amount(),
                agent(&transfer.bank),
                text(&transfer.name, 70),
                account(&transfer.number),
                text(&transfer.memo, 140)
            );
        }
        xml.push_str("</PmtInf>\n");
    }
    xml.push_str("</CstmrCdtTrfInitn>\n</Document>\n");
    Ok(xml)
}

fn sum(transfers: &[&Transfer]) -> Result<String, MoneyError> {
    let mut amounts = transfers.iter().map(|transfer| transfer.amount);
    let Some(first) = amounts.next() else { return Ok("0".to_owned()) };
    let sum = amounts.try_fold(first, Money::checked_add)?;
    Ok(sum.amount().to_string())
}

fn account(number: &str) -> String {
    format!("<Id><Othr><Id>{}</Id></Othr></Id>", text(number, 34))
}

fn agent(bank: &str) -> String {
    let member = text(bank, 35);
    format!("<FinInstnId><ClrSysMmbId><MmbId>{member}</MmbId></ClrSysMmbId></FinInstnId>")
}

/// At most so many characters, escaped, none of them a control.
fn text(given: &str, most: usize) -> String {
    let mut escaped = String::with_capacity(given.len());
    for c in given.chars().filter(|c| !c.is_control()).take(most) {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transfer(reference: &str, amount: u64) -> Transfer {
        Transfer {
            reference: reference.to_owned(),
            amount: Money::vnd(amount),
            bank: "970436".to_owned(),
            number: "0123456789".to_owned(),
            name: "NGUYEN VAN A & <CON>".to_owned(),
            memo: "Hoan phi PG0123".to_owned(),
        }
    }

    #[test]
    fn a_batch_has_its_count_and_its_sum_and_is_the_same_again() {
        let debtor = |number: &str| Debtor {
            number: number.to_owned(),
            name: "KHO BAC MAU".to_owned(),
            bank: "970415".to_owned(),
        };
        let payments = [
            (debtor("111"), vec![transfer("RF1", 30_000), transfer("RF2", 12_345)]),
            (debtor("222"), vec![transfer("RF3", 1)]),
        ];
        let document = Document {
            version: Version::V03,
            id: "0196f0a0b0c07000800000000000abcd",
            made_at: "2026-11-20T18:00:00Z".parse().expect("an instant"),
            initiator: "payclear",
            payments: &payments,
        };
        let xml = write(&document).expect("one currency");
        assert!(xml.contains("<NbOfTxs>3</NbOfTxs><CtrlSum>42346</CtrlSum><InitgPty>"), "{xml}");
        assert!(xml.contains("<NbOfTxs>2</NbOfTxs><CtrlSum>42345</CtrlSum>"), "{xml}");
        assert!(xml.contains("<CreDtTm>2026-11-21T01:00:00</CreDtTm>"), "local time: {xml}");
        assert!(xml.contains("NGUYEN VAN A &amp; &lt;CON&gt;"), "{xml}");
        assert!(xml.contains("<InstdAmt Ccy=\"VND\">12345</InstdAmt>"), "{xml}");
        assert_eq!(xml.matches("<PmtInf>").count(), 2);
        assert_eq!(xml.matches("<CdtTrfTxInf>").count(), 3);
        assert_eq!(write(&document).expect("again"), xml);
    }

    #[test]
    fn text_is_cut_before_it_is_escaped() {
        assert_eq!(text("a&b\u{7}c", 3), "a&amp;b");
        assert_eq!(text("&&&&", 2), "&amp;&amp;");
    }
}
