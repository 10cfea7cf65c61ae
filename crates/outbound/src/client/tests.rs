//! Tests of attempts against real sockets.

mod answers;
mod guarded;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use model::request::Header;
use recorder::{Recorder, ok, status};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::*;
use crate::body::Piece;
use crate::connection::AGE_MAX;

/// Lets everything through, or nothing.
struct All(Result<(), Reason>);

impl Guard for All {
    fn check_host(&self, _host: &str) -> Result<(), Reason> {
        Ok(())
    }

    fn check_address(&self, _address: SocketAddr) -> Result<(), Reason> {
        self.0
    }
}

fn client() -> Client {
    Client::new(Tls::new(b"http/1.1", Vec::new()), Resolver::system())
}

fn lines(lines: &[(&str, &str)]) -> Vec<Header> {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    lines.iter().map(|(name, value)| Header { name: bytes(name), value: bytes(value) }).collect()
}

fn request(url: &str, parts: &[(&str, &str)], body: Body, body_bytes: u64) -> Request {
    let destination = Destination::parse(url).unwrap();
    let target = destination.target(b"", None, true).unwrap();
    let length = body_bytes.to_string();
    let mut parts = parts.to_vec();
    if body_bytes > 0 {
        parts.push(("Content-LENGTH", &length));
    }
    let head = Head::new("POST", &target, &lines(&parts), body_bytes).unwrap();
    Request { destination, verify: true, head, body, timeout: Duration::from_secs(30), keep: Keep::Status }
}

fn post(url: &str, body: &'static [u8]) -> Request {
    request(url, &[("hOsT", "x")], Body::whole(Bytes::from_static(body)), body.len() as u64)
}

async fn send(client: &Client, request: Request) -> Outcome {
    client.send(request, &All(Ok(()))).await.outcome
}

#[tokio::test]
async fn heads_arrive_byte_for_byte_and_the_connection_serves_again() {
    let mut to = Recorder::start(|_| ok()).await;
    let client = client();
    let parts = [("hOSt", "a"), ("X-b", "1"), ("x-A", "2"), ("X-B", "3"), ("x-b", ""), ("ACCEPT", "*/*; q=0.\t1")];
    for body in [&b"one"[..], b"", b"GET / HTTP/1.1\r\n\r\n"] {
        let length = body.len().to_string();
        let request = request(
            &format!("{}/p%2f/../q?a=%20&&b", to.url()),
            &parts,
            Body::whole(Bytes::from_static(body)),
            body.len() as u64,
        );
        assert_eq!(send(&client, request).await, Outcome::Answered(200));
        let recorded = to.next().await;
        let length = if body.is_empty() { String::new() } else { format!("Content-LENGTH: {length}\r\n") };
        let expected = format!(
            "POST /p%2f/../q?a=%20&&b HTTP/1.1\r\nhOSt: a\r\nX-b: 1\r\nx-A: 2\r\nX-B: 3\r\nx-b: \r\nACCEPT: */*; q=0.\t1\r\n{length}\r\n"
        );
        assert_eq!((recorded.connection, recorded.head, &recorded.body[..]), (0, expected, body));
    }
}

#[tokio::test]
async fn a_connection_that_is_never_idle_gives_way_to_one_to_where_the_name_leads_now() {
    let mut to = Recorder::start(|_| ok()).await;
    let (client, url) = (client(), to.url());
    let between = IDLE_TIME_MAX - Duration::from_secs(1);
    let mut connections = Vec::new();
    for _ in 0..=AGE_MAX.as_secs() / between.as_secs() + 1 {
        assert_eq!(send(&client, post(&url, b"x")).await, Outcome::Answered(200));
        connections.push(to.next().await.connection);
        tokio::time::pause();
        tokio::time::advance(between).await;
        tokio::time::resume();
    }
    let old = connections.iter().filter(|connection| **connection == 0).count();
    assert_eq!((old, connections.last()), (connections.len() - 1, Some(&1)), "{connections:?}");
}

#[tokio::test]
async fn a_large_body_streams_through() {
    let mut to = Recorder::start(|_| ok()).await;
    let client = client();
    let piece = Bytes::from(vec![7u8; 768 * 1024]);
    let total = 14 * piece.len() as u64;
    let (body, sink) = Body::in_pieces(piece.clone(), total);
    let room = Arc::new(Semaphore::new(2 * piece.len()));
    let feed = tokio::spawn(async move {
        for _ in 1..14 {
            let permit = room.clone().acquire_many_owned(piece.len() as u32).await.unwrap();
            assert!(sink.push(Piece::Data(piece.clone(), permit)));
        }
    });
    assert_eq!(send(&client, request(&to.url(), &[], body, total)).await, Outcome::Answered(200));
    feed.await.unwrap();
    let recorded = to.next().await;
    assert_eq!(recorded.body.len() as u64, total);
    assert!(recorded.body.iter().all(|byte| *byte == 7));
    assert_eq!(send(&client, post(&to.url(), b"x")).await, Outcome::Answered(200));
    assert_eq!(to.next().await.connection, 0, "the connection serves again");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_never_completed() {
    let to = Recorder::start(|_| ok()).await;
    let client = client();
    let (body, sink) = Body::in_pieces(Bytes::from_static(b"abc"), 10);
    assert!(sink.push(Piece::Broken));
    assert_eq!(send(&client, request(&to.url(), &[], body, 10)).await, Outcome::Broken);
    let (body, sink) = Body::in_pieces(Bytes::from_static(b"abc"), 10);
    drop(sink);
    assert_eq!(send(&client, request(&to.url(), &[], body, 10)).await, Outcome::Broken);
    let (body, sink) = Body::in_pieces(Bytes::from_static(b"abc"), 10);
    let permit = Arc::new(Semaphore::new(8)).try_acquire_many_owned(8).unwrap();
    assert!(sink.push(Piece::Data(Bytes::from_static(b"too long"), permit)));
    assert_eq!(send(&client, request(&to.url(), &[], body, 10)).await, Outcome::Broken);
}

#[tokio::test]
async fn statuses_are_outcomes_and_redirects_are_not_followed() {
    let next = AtomicUsize::new(0);
    let statuses = [204, 301, 404, 500, 503];
    let mut to = Recorder::start(move |_| match statuses.get(next.fetch_add(1, Ordering::SeqCst)) {
        Some(301) => {
            recorder::Answer::Bytes(b"HTTP/1.1 301 X\r\nLocation: /away\r\ncontent-length: 0\r\n\r\n".to_vec())
        }
        Some(204) => recorder::Answer::Bytes(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 X\r\n\r\n".to_vec()),
        Some(code) => status(*code),
        None => recorder::Answer::Silence,
    })
    .await;
    let client = client();
    for expected in statuses {
        assert_eq!(send(&client, post(&to.url(), b"")).await, Outcome::Answered(expected));
        to.next().await;
    }
    assert!(to.is_quiet());
}

#[tokio::test]
async fn a_request_lost_on_a_used_connection_is_made_once_more_on_a_fresh_one() {
    let mut to = Recorder::start(|recorded| match (recorded.connection, &recorded.body[..]) {
        (0, b"first") => ok(),
        (0, _) => recorder::Answer::Last(Vec::new()),
        (_, b"lost twice") => recorder::Answer::Last(Vec::new()),
        _ => ok(),
    })
    .await;
    let client = client();
    assert_eq!(send(&client, post(&to.url(), b"first")).await, Outcome::Answered(200));
    assert_eq!(send(&client, post(&to.url(), b"second")).await, Outcome::Answered(200));
    let seen = [to.next().await, to.next().await, to.next().await].map(|r| (r.connection, r.body));
    assert_eq!(seen, [(0, b"first".to_vec()), (0, b"second".to_vec()), (1, b"second".to_vec())]);
    assert_eq!(send(&client, post(&to.url(), b"lost twice")).await, Outcome::Broken);
    assert_eq!([to.next().await.connection, to.next().await.connection], [1, 2]);
    assert!(to.is_quiet(), "a loss on a fresh connection is not repeated");
}

#[tokio::test]
async fn a_connection_that_broke_within_the_head_is_broken_and_after_it_answered() {
    for (answer, expected) in [
        (&b"HTTP/1.1 200 OK\r\nX: "[..], Outcome::Broken),
        (b"garbage\r\n\r\n", Outcome::Broken),
        (b"", Outcome::Broken),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", Outcome::Answered(200)),
        (b"HTTP/1.1 500 X\r\n\r\nuntil the end", Outcome::Answered(500)),
        (b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", Outcome::Answered(101)),
    ] {
        let to = Recorder::start(move |_| recorder::Answer::Last(answer.to_vec())).await;
        assert_eq!(send(&client(), post(&to.url(), b"x")).await, expected, "{}", String::from_utf8_lossy(answer));
    }
}

#[tokio::test]
async fn an_answer_without_end_is_answered_and_costs_the_connection() {
    let mut to = Recorder::start(|_| {
        let mut answer = b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n".to_vec();
        answer.resize(answer.len() + (1 << 21), b'x');
        recorder::Answer::Bytes(answer)
    })
    .await;
    let client = client();
    for connection in 0..2 {
        assert_eq!(send(&client, post(&to.url(), b"x")).await, Outcome::Answered(200));
        assert_eq!(to.next().await.connection, connection);
    }
}

#[tokio::test]
async fn an_answer_before_the_whole_body_is_read_counts() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let refusing = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 64];
        stream.read_exact(&mut head).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 413 X\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        stream
    });
    let (body, _sink) = Body::in_pieces(Bytes::from(vec![0; 1 << 20]), 1 << 30);
    assert_eq!(send(&client(), request(&url, &[], body, 1 << 30)).await, Outcome::Answered(413));
    drop(refusing.await.unwrap());
}

#[tokio::test]
async fn who_refuses_is_told_from_who_is_not_there() {
    let client = client();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert_eq!(send(&client, post(&format!("http://{address}"), b"")).await, Outcome::Refused);
    assert_eq!(send(&client, post("http://does-not-exist.invalid", b"")).await, Outcome::NotConnected);
    let plain = Recorder::start(|_| ok()).await;
    let mut as_tls = post(&format!("https://{}", plain.address), b"");
    as_tls.timeout = Duration::from_millis(300);
    let outcome = send(&client, as_tls).await;
    assert!(matches!(outcome, Outcome::NotConnected | Outcome::TimedOut), "{outcome:?}");
}

#[tokio::test]
async fn silence_is_timed_out_and_the_connection_is_closed() {
    let mut to = Recorder::start(|_| recorder::Answer::Silence).await;
    let client = client();
    for connection in 0..2 {
        let mut request = post(&to.url(), b"x");
        request.timeout = Duration::from_millis(50);
        assert_eq!(send(&client, request).await, Outcome::TimedOut);
        assert_eq!(to.next().await.connection, connection);
    }
}

#[tokio::test]
async fn an_address_that_is_not_allowed_gets_no_connection() {
    let mut to = Recorder::start(|_| ok()).await;
    let client = client();
    let nowhere = All(Err(Reason::Private));
    let refused = Finished { outcome: Outcome::NotAllowed, reason: Some(Reason::Private), answer: None };
    assert_eq!(client.send(post(&to.url(), b""), &nowhere).await, refused);
    assert_eq!(send(&client, post(&to.url(), b"")).await, Outcome::Answered(200));
    to.next().await;
    assert_eq!(client.send(post(&to.url(), b""), &nowhere).await, refused, "nor one that is open");
    assert!(to.is_quiet());
}

#[tokio::test]
async fn certificates_are_verified_unless_the_output_says_otherwise() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = [0; 64];
            let _ = stream.read(&mut head).await;
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await;
        }
    });
    let unknown = client();
    assert_eq!(send(&unknown, post(&url, b"")).await, Outcome::NotConnected);
    let mut unverified = post(&url, b"");
    unverified.verify = false;
    assert_eq!(send(&unknown, unverified).await, Outcome::Answered(200));
    assert_eq!(send(&unknown, post(&url, b"")).await, Outcome::NotConnected, "an unverified connection stays apart");
    let known = Client::new(Tls::new(b"http/1.1", vec![made.cert.der().clone()]), Resolver::system());
    assert_eq!(send(&known, post(&url, b"")).await, Outcome::Answered(200));
}
