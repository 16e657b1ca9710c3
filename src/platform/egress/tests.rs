use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

#[test]
fn a_url_that_reaches_inside_is_refused() {
    for url in [
        "https://127.0.0.1/",
        "https://127.1/",
        "https://0/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://017700000001/",
        "https://0177.0.0.01/",
        "https://10.0.0.1/",
        "https://192.168.0.1:8443/",
        "https://172.16.3.4/",
        "https://169.254.169.254/latest/meta-data/",
        "https://100.64.0.1/",
        "https://[::1]/",
        "https://[::]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[2002:a00:1::]/",
        "https://[fc00::1]/",
        "https://[fd00:ec2::254]/",
        "https://[fe80::1]/",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://portal.localhost/",
        "https://127。0。0。1/",
        "https://①27.0.0.1/",
        "https://255.255.255.255/",
        "https://224.0.0.1/",
        "https://192.0.2.7/",
        "https://198.18.0.1/",
        "https://0.0.0.0/",
    ] {
        assert_eq!(check_url(url, Policy::Public).map(|_| ()), Err(UrlRefused::NotPublic), "{url}");
    }
    for (url, why) in [
        ("http://portal.example/", UrlRefused::Scheme),
        ("http://8.8.8.8/", UrlRefused::Scheme),
        ("http://127.0.0.1/", UrlRefused::NotPublic),
        ("http://localhost./", UrlRefused::NotPublic),
        ("http://0x7f000001/", UrlRefused::NotPublic),
        ("http://[::ffff:10.0.0.1]/", UrlRefused::NotPublic),
        ("ftp://portal.example/", UrlRefused::Scheme),
        ("file:///etc/passwd", UrlRefused::NotAUrl),
        ("gopher://portal.example/", UrlRefused::Scheme),
        ("https://user@portal.example/", UrlRefused::UserInfo),
        ("https://:word@portal.example/", UrlRefused::UserInfo),
        ("https://portal.example:0/", UrlRefused::Port),
        ("https:///", UrlRefused::NotAUrl),
        ("portal.example/hook", UrlRefused::NotAUrl),
        ("", UrlRefused::NotAUrl),
    ] {
        assert_eq!(check_url(url, Policy::Public).map(|_| ()), Err(why), "{url}");
    }
}

#[test]
fn a_url_on_the_public_internet_is_allowed_and_development_allows_its_own_machine() {
    for url in
        ["https://portal.gov.example/hook?x=1", "https://8.8.8.8:8443/", "https://[2606:4700::1]/"]
    {
        assert!(check_url(url, Policy::Public).is_ok(), "{url}");
        assert!(check_url(url, Policy::LoopbackToo).is_ok(), "{url}");
    }
    for url in ["http://127.0.0.1:8080/", "http://localhost:1/", "http://[::1]/", "https://127.1/"]
    {
        assert!(check_url(url, Policy::LoopbackToo).is_ok(), "{url}");
    }
    for url in ["http://10.0.0.1/", "http://portal.example/", "https://192.168.1.1/"] {
        assert!(check_url(url, Policy::LoopbackToo).is_err(), "{url}");
    }
}

/// A server that counts who comes and answers everyone with `answer`.
async fn server(answer: &'static str) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let visits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&visits);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (address, visits)
}

/// Answers with the first list the first time, and so on; the last one stays.
fn script(answers: Vec<Vec<&'static str>>) -> (Lookup, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let lookup: Lookup = Arc::new(move |_| {
        let turn = count.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        let found = answers[turn].iter().map(|a| SocketAddr::new(a.parse().expect("address"), 0));
        let found = found.collect();
        Box::pin(async move { Ok(found) })
    });
    (lookup, asked)
}

fn refused_by_name(error: &reqwest::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.is::<NameRefused>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_called() {
    let (address, visits) = server("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    for answer in [
        vec!["127.0.0.1"],
        vec!["8.8.8.8", "127.0.0.1"],
        vec!["127.0.0.1", "8.8.8.8"],
        vec!["::ffff:127.0.0.1"],
        vec!["2606:4700::1111", "::1"],
    ] {
        let (lookup, asked) = script(vec![answer.clone()]);
        let egress = Egress::with_lookup(Policy::Public, lookup).expect("a client");
        let url = format!("https://rebind.example:{}/", address.port());
        let error = egress.request(Method::POST, &url).expect("a name").send().await.err();
        assert!(error.is_some_and(|e| refused_by_name(&e)), "{answer:?}");
        assert_eq!(asked.load(Ordering::SeqCst), 1, "judged and called are one answer");
    }
    assert_eq!(visits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn the_address_that_was_judged_is_the_one_that_is_called() {
    let (address, visits) =
        server("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await;
    // The second answer would lead elsewhere: it is asked for, and judged, only by a second call.
    let (lookup, asked) = script(vec![vec!["127.0.0.1"], vec!["10.0.0.1"]]);
    let egress = Egress::with_lookup(Policy::LoopbackToo, lookup).expect("a client");
    let url = format!("http://portal.localhost:{}/", address.port());
    let answer = egress.request(Method::GET, &url).expect("allowed").send().await;
    assert!(answer.is_ok_and(|a| a.status() == 200));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let error = egress.request(Method::GET, &url).expect("allowed").send().await.err();
    assert!(error.is_some_and(|e| refused_by_name(&e)));
    assert_eq!(visits.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (inside, inside_visits) = server("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let answer = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://{inside}/\r\ncontent-length: 0\r\n\r\n"
    );
    let (address, visits) = server(answer.leak()).await;
    let url = format!("http://{address}/");
    let egress = Egress::new(Policy::LoopbackToo).expect("a client");
    let registered = egress.request(Method::POST, &url).expect("allowed").send().await;
    let partner = partner_client().expect("a client").post(&url).send().await;
    for answer in [registered, partner] {
        assert!(answer.is_ok_and(|a| a.status() == 307));
    }
    assert_eq!(visits.load(Ordering::SeqCst), 2);
    assert_eq!(inside_visits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_name_of_this_machine_is_found_in_development() {
    let (address, _) = server("HTTP/1.1 204 No Content\r\n\r\n").await;
    let egress = Egress::new(Policy::LoopbackToo).expect("a client");
    let url = format!("http://localhost:{}/", address.port());
    let answer = egress.request(Method::POST, &url).expect("allowed").send().await;
    assert!(answer.is_ok_and(|a| a.status() == 204));
}
