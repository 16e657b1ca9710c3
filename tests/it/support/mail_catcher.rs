//! A small mail server that catches everything, and can be told to refuse.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A mail as it came.
#[derive(Debug, Clone)]
pub struct Caught {
    pub from: String,
    pub to: Vec<String>,
    pub data: String,
}

impl Caught {
    /// The value of a header, unfolded.
    pub fn header(&self, name: &str) -> String {
        let (head, _) = self.data.split_once("\r\n\r\n").expect("a header and a body");
        let head = head.replace("\r\n ", " ");
        let start = format!("{}:", name.to_lowercase());
        let line = head.lines().find(|line| line.to_lowercase().starts_with(&start));
        line.map(|line| line[start.len()..].trim().to_owned()).unwrap_or_default()
    }

    /// The body as its reader sees it.
    pub fn text(&self) -> String {
        let (_, body) = self.data.split_once("\r\n\r\n").expect("a header and a body");
        let bytes = match self.header("content-transfer-encoding").as_str() {
            "base64" => STANDARD.decode(body.replace("\r\n", "")).expect("base64"),
            "quoted-printable" => unquoted(body),
            _ => body.as_bytes().to_vec(),
        };
        String::from_utf8(bytes).expect("utf-8")
    }
}

fn unquoted(body: &str) -> Vec<u8> {
    let body = body.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = body.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'=' {
            let pair = [rest.next().expect("a digit"), rest.next().expect("a digit")];
            let hex = std::str::from_utf8(&pair).expect("digits");
            bytes.push(u8::from_str_radix(hex, 16).expect("hexadecimal"));
        } else {
            bytes.push(byte);
        }
    }
    bytes
}

#[derive(Default)]
struct Inner {
    caught: Vec<Caught>,
    /// Answers to the next recipients; 250 when there is none.
    answers: VecDeque<u16>,
}

#[derive(Clone)]
pub struct MailCatcher {
    pub address: String,
    inner: Arc<Mutex<Inner>>,
}

impl MailCatcher {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let catcher = Self { address, inner: Arc::default() };
        let serving = catcher.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let catcher = serving.clone();
                // Who hangs up early has said all there was to say.
                tokio::spawn(async move { drop(catcher.talk(stream).await) });
            }
        });
        catcher
    }

    /// The next recipients are answered with these codes.
    pub fn answers(&self, codes: &[u16]) {
        self.lock().answers.extend(codes);
    }

    pub fn caught(&self) -> Vec<Caught> {
        self.lock().caught.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn talk(&self, stream: TcpStream) -> std::io::Result<()> {
        let (reading, mut writing) = stream.into_split();
        let mut lines = BufReader::new(reading).lines();
        let mut mail = Caught { from: String::new(), to: Vec::new(), data: String::new() };
        writing.write_all(b"220 catcher\r\n").await?;
        while let Some(line) = lines.next_line().await? {
            let upper = line.to_uppercase();
            let answer = if upper.starts_with("EHLO") || upper.starts_with("HELO") {
                "250 catcher".to_owned()
            } else if upper.starts_with("MAIL FROM:") {
                line[10..].clone_into(&mut mail.from);
                "250 yes".to_owned()
            } else if upper.starts_with("RCPT TO:") {
                let code = self.lock().answers.pop_front().unwrap_or(250);
                mail.to.push(line[8..].trim().to_owned());
                format!("{code} {line}")
            } else if upper == "DATA" {
                writing.write_all(b"354 go on\r\n").await?;
                while let Some(line) = lines.next_line().await? {
                    if line == "." {
                        break;
                    }
                    mail.data.push_str(line.strip_prefix('.').unwrap_or(&line));
                    mail.data.push_str("\r\n");
                }
                self.lock().caught.push(mail.clone());
                "250 caught".to_owned()
            } else if upper == "QUIT" {
                writing.write_all(b"221 bye\r\n").await?;
                return Ok(());
            } else {
                "250 yes".to_owned()
            };
            writing.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
        Ok(())
    }
}
