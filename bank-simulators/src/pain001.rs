//! `pain.001.001.03` and `.09` as a bank reads an upload: by the schema's own order, with sums that
//! agree to the đồng, and nothing that it does not know.

use quick_xml::events::Event;
use quick_xml::reader::Reader;

/// Larger than this no bank takes.
const MOST_BYTES: usize = 16 * 1024 * 1024;
const DEEPEST: usize = 24;

/// Why a file is refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

fn refused<T>(why: impl Into<String>) -> Result<T, Refused> {
    Err(Refused(why.into()))
}

/// One transfer that is ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// The orderer's reference.
    pub end_to_end_id: String,
    /// đồng.
    pub amount: i64,
    /// The account that pays.
    pub from: String,
    /// The account that gets it.
    pub to: String,
    /// The memo.
    pub memo: String,
}

/// A file that is well made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its id.
    pub message_id: String,
    /// Its transfers, in their order.
    pub transfers: Vec<Transfer>,
}

/// An element.
#[derive(Debug, Default)]
struct Node {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Node>,
}

impl Node {
    fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The one child of a name, of those that a sequence allows once.
    fn need(&self, name: &str) -> Result<&Self, Refused> {
        self.child(name).ok_or_else(|| Refused(format!("{} without {name}", self.name)))
    }

    /// The text at the end of a path.
    fn text_at(&self, path: &[&str]) -> Result<&str, Refused> {
        let mut at = self;
        for name in path {
            at = at.need(name)?;
        }
        Ok(at.text.trim())
    }

    /// Children stand in this order; `!` behind a name: once at least, `*`: any number of times.
    fn in_order(&self, sequence: &[&str]) -> Result<(), Refused> {
        let mut children = self.children.iter().peekable();
        for step in sequence {
            let name = step.trim_end_matches(['!', '*']);
            let mut count = 0;
            while children.next_if(|child| child.name == name).is_some() {
                count += 1;
            }
            if step.contains('!') && count == 0 {
                return refused(format!("{}: {name} is missing, or not in its place", self.name));
            }
            if !step.contains('*') && count > 1 {
                return refused(format!("{}: {name} stands {count} times", self.name));
            }
        }
        match children.next() {
            None => Ok(()),
            Some(other) => refused(format!("{}: {} has no place there", self.name, other.name)),
        }
    }
}

fn parse(text: &str) -> Result<Node, Refused> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Node> = vec![Node::default()];
    let broken = |error: &dyn std::fmt::Display| Refused(format!("no well-formed XML: {error}"));
    loop {
        let event = reader.read_event().map_err(|error| broken(&error))?;
        let (start, is_empty) = match event {
            Event::Start(start) => (start, false),
            Event::Empty(start) => (start, true),
            Event::End(_) => {
                let Some(done) = open.pop() else { return refused("an end without a start") };
                match open.last_mut() {
                    Some(parent) => parent.children.push(done),
                    None => return refused("an end without a start"),
                }
                continue;
            }
            Event::Text(text) => {
                if let Some(at) = open.last_mut() {
                    at.text.push_str(&text.xml10_content());
                }
                continue;
            }
            Event::GeneralRef(entity) => {
                let character = match &*entity.xml10_content() {
                    "amp" => "&",
                    "lt" => "<",
                    "gt" => ">",
                    "quot" => "\"",
                    "apos" => "'",
                    other => return refused(format!("the entity {other} is not known")),
                };
                if let Some(at) = open.last_mut() {
                    at.text.push_str(character);
                }
                continue;
            }
            Event::DocType(_) | Event::CData(_) | Event::PI(_) => {
                return refused("no document type, processing instruction or CDATA is taken");
            }
            Event::Decl(_) | Event::Comment(_) => continue,
            Event::Eof => break,
        };
        if open.len() > DEEPEST {
            return refused("deeper than any such file");
        }
        let mut node = Node { name: start.name().as_ref().to_owned(), ..Node::default() };
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| broken(&error))?;
            let name = attribute.key.as_ref().to_owned();
            let value = attribute.value.into_owned();
            node.attributes.push((name, value));
        }
        if is_empty {
            if let Some(parent) = open.last_mut() {
                parent.children.push(node);
            }
        } else {
            open.push(node);
        }
    }
    let root = open.pop().filter(|_| open.is_empty());
    match root.map(|root| root.children) {
        Some(mut children) if children.len() == 1 => {
            children.pop().ok_or_else(|| Refused("an empty file".to_owned()))
        }
        _ => refused("the file ends in the middle, or has not one root"),
    }
}

/// At most so many characters, none of them a control, and not nothing.
fn text<'n>(node: &'n Node, path: &[&str], most: usize) -> Result<&'n str, Refused> {
    let text = node.text_at(path)?;
    if text.is_empty() || text.chars().count() > most || text.chars().any(char::is_control) {
        return refused(format!("{} must have 1 to {most} characters", path.join("/")));
    }
    Ok(text)
}

/// đồng: digits, no fraction but zeros.
fn dong(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.bytes().any(|b| b != b'0') {
        return None;
    }
    whole.parse().ok()
}

fn count(node: &Node) -> Result<usize, Refused> {
    node.text_at(&["NbOfTxs"])?
        .parse()
        .map_err(|_| Refused(format!("{}/NbOfTxs is no number", node.name)))
}

fn sum(node: &Node) -> Result<i64, Refused> {
    let text = node.text_at(&["CtrlSum"])?;
    dong(text).ok_or_else(|| Refused(format!("{}/CtrlSum {text} is no sum of đồng", node.name)))
}

/// Reads a file, or says what is wrong with it.
pub fn read(bytes: &[u8]) -> Result<Order, Refused> {
    if bytes.len() > MOST_BYTES {
        return refused("the file is larger than 16 MiB");
    }
    let Ok(xml) = std::str::from_utf8(bytes) else { return refused("the file is not UTF-8") };
    let document = parse(xml)?;
    let name_space = document.attributes.iter().find(|(name, _)| name == "xmlns");
    let is_new = match name_space.map(|(_, value)| value.as_str()) {
        Some("urn:iso:std:iso:20022:tech:xsd:pain.001.001.03") => false,
        Some("urn:iso:std:iso:20022:tech:xsd:pain.001.001.09") => true,
        _ => return refused("the name space is neither pain.001.001.03 nor pain.001.001.09"),
    };
    if document.name != "Document" {
        return refused("the root is no Document");
    }
    document.in_order(&["CstmrCdtTrfInitn!"])?;
    let file = document.need("CstmrCdtTrfInitn")?;
    file.in_order(&["GrpHdr!", "PmtInf!*"])?;
    let header = file.need("GrpHdr")?;
    header.in_order(&["MsgId!", "CreDtTm!", "NbOfTxs!", "CtrlSum", "InitgPty!"])?;
    let message_id = text(header, &["MsgId"], 35)?.to_owned();
    let mut transfers = Vec::new();
    for payment in file.children.iter().filter(|child| child.name == "PmtInf") {
        let first = transfers.len();
        read_payment(payment, is_new, &mut transfers)?;
        let own = &transfers[first..];
        if count(payment)? != own.len()
            || sum(payment)? != own.iter().map(|t| t.amount).sum::<i64>()
        {
            return refused("NbOfTxs or CtrlSum of PmtInf is not that of its transfers");
        }
    }
    let total: i64 = transfers.iter().map(|transfer| transfer.amount).sum();
    if count(header)? != transfers.len() || sum(header)? != total {
        return refused("NbOfTxs or CtrlSum of GrpHdr is not that of the transfers");
    }
    let mut ids: Vec<&str> = transfers.iter().map(|t| t.end_to_end_id.as_str()).collect();
    ids.sort_unstable();
    if ids.windows(2).any(|two| two[0] == two[1]) {
        return refused("an EndToEndId stands twice in the file");
    }
    Ok(Order { message_id, transfers })
}

fn read_payment(payment: &Node, is_new: bool, into: &mut Vec<Transfer>) -> Result<(), Refused> {
    payment.in_order(&[
        "PmtInfId!",
        "PmtMtd!",
        "BtchBookg",
        "NbOfTxs!",
        "CtrlSum!",
        "PmtTpInf",
        "ReqdExctnDt!",
        "Dbtr!",
        "DbtrAcct!",
        "DbtrAgt!",
        "ChrgBr",
        "CdtTrfTxInf!*",
    ])?;
    text(payment, &["PmtInfId"], 35)?;
    if payment.text_at(&["PmtMtd"])? != "TRF" {
        return refused("PmtMtd is not TRF");
    }
    // From version 8 on the date stands in an element of its own.
    let day = if is_new { &["ReqdExctnDt", "Dt"][..] } else { &["ReqdExctnDt"][..] };
    if payment.text_at(day)?.parse::<chrono::NaiveDate>().is_err() {
        return refused("ReqdExctnDt is no date");
    }
    text(payment, &["Dbtr", "Nm"], 140)?;
    text(payment, &["DbtrAgt", "FinInstnId", "ClrSysMmbId", "MmbId"], 35)?;
    let from = text(payment, &["DbtrAcct", "Id", "Othr", "Id"], 34)?;
    for order in payment.children.iter().filter(|child| child.name == "CdtTrfTxInf") {
        order.in_order(&[
            "PmtId!",
            "Amt!",
            "ChrgBr",
            "CdtrAgt!",
            "Cdtr!",
            "CdtrAcct!",
            "RmtInf",
        ])?;
        order.need("PmtId")?.in_order(&["InstrId", "EndToEndId!"])?;
        let amount = order.need("Amt")?.need("InstdAmt")?;
        if amount.attributes != [("Ccy".to_owned(), "VND".to_owned())] {
            return refused("an amount is not in VND");
        }
        let Some(dong) = dong(amount.text.trim()).filter(|dong| *dong > 0) else {
            return refused(format!("{} is no amount of đồng", amount.text));
        };
        text(order, &["CdtrAgt", "FinInstnId", "ClrSysMmbId", "MmbId"], 35)?;
        text(order, &["Cdtr", "Nm"], 140)?;
        into.push(Transfer {
            end_to_end_id: text(order, &["PmtId", "EndToEndId"], 35)?.to_owned(),
            amount: dong,
            from: from.to_owned(),
            to: text(order, &["CdtrAcct", "Id", "Othr", "Id"], 34)?.to_owned(),
            memo: match order.child("RmtInf") {
                Some(of) => text(of, &["Ustrd"], 140)?.to_owned(),
                None => String::new(),
            },
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, transfers: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.001.001.03\"><CstmrCdtTrfInitn>\
             <GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-11-22T10:00:00</CreDtTm>{header}\
             <InitgPty><Nm>payclear</Nm></InitgPty></GrpHdr>\
             <PmtInf><PmtInfId>M1-1</PmtInfId><PmtMtd>TRF</PmtMtd>{header}\
             <ReqdExctnDt>2026-11-22</ReqdExctnDt><Dbtr><Nm>KHO BAC &amp; CO</Nm></Dbtr>\
             <DbtrAcct><Id><Othr><Id>001</Id></Othr></Id></DbtrAcct>\
             <DbtrAgt><FinInstnId><ClrSysMmbId><MmbId>970415</MmbId></ClrSysMmbId></FinInstnId></DbtrAgt>\
             <ChrgBr>DEBT</ChrgBr>{transfers}</PmtInf></CstmrCdtTrfInitn></Document>"
        )
    }

    fn transfer(id: &str, amount: &str) -> String {
        format!(
            "<CdtTrfTxInf><PmtId><EndToEndId>{id}</EndToEndId></PmtId>\
             <Amt><InstdAmt Ccy=\"VND\">{amount}</InstdAmt></Amt>\
             <CdtrAgt><FinInstnId><ClrSysMmbId><MmbId>0061</MmbId></ClrSysMmbId></FinInstnId></CdtrAgt>\
             <Cdtr><Nm>Kho bạc</Nm></Cdtr><CdtrAcct><Id><Othr><Id>7111</Id></Othr></Id></CdtrAcct>\
             <RmtInf><Ustrd>414/2716 G01</Ustrd></RmtInf></CdtTrfTxInf>"
        )
    }

    const SUMS: &str = "<NbOfTxs>2</NbOfTxs><CtrlSum>150000</CtrlSum>";

    fn two(sums: &str) -> String {
        file(sums, &(transfer("A", "100000") + &transfer("B", "50000.00")))
    }

    fn wrong(text: &str) -> String {
        read(text.as_bytes()).expect_err("refused").to_string()
    }

    #[test]
    fn a_file_whose_sums_agree_is_read() {
        let order = read(two(SUMS).as_bytes()).unwrap();
        assert_eq!(order.message_id, "M1");
        let told: Vec<_> = order.transfers.iter().map(|t| (&*t.end_to_end_id, t.amount)).collect();
        assert_eq!(told, [("A", 100_000), ("B", 50_000)]);
        assert_eq!(order.transfers[0].memo, "414/2716 G01");
    }

    #[test]
    fn what_a_bank_refuses_is_refused() {
        assert!(wrong(&two("<NbOfTxs>3</NbOfTxs><CtrlSum>150000</CtrlSum>")).contains("NbOfTxs"));
        assert!(wrong(&two("<NbOfTxs>2</NbOfTxs><CtrlSum>150001</CtrlSum>")).contains("CtrlSum"));
        assert!(wrong(&two("<CtrlSum>150000</CtrlSum><NbOfTxs>2</NbOfTxs>")).contains("place"));
        assert!(wrong(&two(SUMS).replace("001.03", "001.04")).contains("name space"));
        assert!(wrong(&two(SUMS).replace(">B<", ">A<")).contains("twice"));
        assert!(wrong(&two(SUMS).replace("Ccy=\"VND\"", "Ccy=\"USD\"")).contains("VND"));
        assert!(wrong(&two(SUMS).replace("50000.00", "50000.50")).contains("amount"));
        assert!(wrong(&two(SUMS).replace("<ChrgBr>", "<Odd/><ChrgBr>")).contains("place"));
        assert!(wrong(&two(SUMS).replace("<Document", "<!DOCTYPE x><Document")).contains("type"));
        let whole = two(SUMS);
        let cut = whole.find("</GrpHdr>").expect("a head");
        assert!(wrong(&whole[..cut]).contains("middle"));
        assert!(wrong(&two(SUMS).replace("&amp;", "&bomb;")).contains("entity"));
        assert!(wrong(&two(SUMS).replace("2026-11-22</Reqd", "2026-02-30</Reqd")).contains("date"));
    }

    #[test]
    fn the_newer_version_has_its_date_one_deeper() {
        let new = two(SUMS).replace("001.001.03", "001.001.09");
        assert!(wrong(&new).contains("Dt"));
        let new = new.replace("2026-11-22</Reqd", "<Dt>2026-11-22</Dt></Reqd");
        assert_eq!(read(new.as_bytes()).unwrap().transfers.len(), 2);
    }
}
