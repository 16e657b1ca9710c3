use super::*;
use crate::platform::message_signature::{Presented, SignedRequest};
use crate::vocabulary::clock::SystemClock;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Parser;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    args: RequestArgs,
}

fn args(words: &[&str]) -> RequestArgs {
    Line::parse_from(std::iter::once(&"request").chain(words)).args
}

/// Takes one request, checks its signature as the service would, and answers with `status`.
async fn service(status: &'static str) -> (String, tokio::task::JoinHandle<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let at = origin.clone();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a visit");
        let mut text = Vec::new();
        loop {
            let mut piece = [0; 4096];
            let read = stream.read(&mut piece).await.expect("a request");
            text.extend_from_slice(&piece[..read]);
            if let Some(end) = text.windows(4).position(|w| w == b"\r\n\r\n") {
                let head = String::from_utf8(text[..end].to_vec()).expect("ascii");
                let (first, rest) = head.split_once("\r\n").expect("headers");
                let headers: HeaderMap = rest
                    .lines()
                    .filter_map(|line| line.split_once(": "))
                    .map(|(n, v)| (n.parse().expect("name"), v.parse().expect("value")))
                    .collect();
                let body = &text[end + 4..];
                let length: usize = headers
                    .get("content-length")
                    .map_or(0, |v| v.to_str().expect("digits").parse().expect("digits"));
                if body.len() < length {
                    continue;
                }
                let mut words = first.split(' ');
                let request = SignedRequest {
                    method: words.next().expect("a method"),
                    path_and_query: words.next().expect("a path"),
                    headers: &headers,
                };
                let genuine = Presented::read(request, SystemClock.now()).is_ok_and(|presented| {
                    presented.covers(body).is_ok() && presented.verify(&[7; 32], &[&at])
                });
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\n{{}}");
                stream.write_all(answer.as_bytes()).await.expect("sent");
                return genuine;
            }
        }
    });
    (origin, task)
}

#[tokio::test]
async fn what_is_sent_is_what_was_signed() {
    let secret = STANDARD.encode([7; 32]);
    for (words, status, code) in [
        (&["post", "/v1/invoices", "--body", "{\"dossier\":\"Hồ sơ\"}"][..], "201 Created", 0),
        (&["DELETE", "/v1/endpoints/1?x=Hồ sơ#there"], "204 OK", 0),
        (&["GET", "/v1/invoices?dossier=a|b'c&x=%2f"], "200 OK", 0),
        (&["POST", "/v1/a/../b", "--idempotency-key", "\"k\"", "-v"], "409 Conflict", 1),
        (&["GET", "/", "--header", "Accept: application/json"], "503 Busy", 1),
    ] {
        let (origin, task) = service(status).await;
        let url = format!("{origin}/");
        let key = ["--key-id", "k-1", "--secret", &secret, "--url", &url];
        let done = run(args(&[words, &key].concat()), &SystemClock).await.expect("an answer");
        assert!(task.await.expect("checked"), "{words:?}");
        assert_eq!(format!("{done:?}"), format!("{:?}", ExitCode::from(code)), "{words:?}");
    }
}

#[tokio::test]
async fn what_is_missing_is_said() {
    let secret = STANDARD.encode([7; 32]);
    let whole = ["--url", "http://127.0.0.1:9", "--key-id", "k", "--secret", &secret];
    let say = async |words: &[&str]| {
        let mut args = args(words);
        // The environment of whoever runs the tests does not matter.
        args.keys.portal_key_id = None;
        args.keys.portal_secret = None;
        run(args, &SystemClock).await.err().map(|error| error.to_string()).unwrap_or_default()
    };
    let with = |words: &[&'static str]| [words, &whole[..]].concat();
    assert!(say(&["GET", "/", "--url", "http://127.0.0.1:9"]).await.contains("set PORTAL_KEY_ID"));
    assert!(say(&with(&["GET", "v1"])).await.contains("a path begins with /"));
    assert!(say(&with(&["G T", "/"])).await.contains("not an HTTP method"));
    assert!(say(&with(&["GET", "/", "--body", "{}"])).await.contains("carry no body"));
    assert!(say(&with(&["POST", "/", "--body", "no-such-file"])).await.contains("no-such-file"));
    assert!(say(&with(&["POST", "/", "--header", "x"])).await.contains("'Name: value'"));
    assert!(say(&with(&["POST", "/", "--idempotency-key", "a b"])).await.contains("idempotency"));
    let refused = say(&with(&["GET", "/"])).await;
    assert!(refused.starts_with("no answer from http://127.0.0.1:9/: "), "{refused}");
    let mut nowhere = args(&["GET", "/"]);
    nowhere.url = None;
    let error = run(nowhere, &SystemClock).await.err().map(|e| e.to_string());
    assert!(error.is_some_and(|e| e.contains("PAYCLEAR_URL")));
}
