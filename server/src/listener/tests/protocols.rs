//! HTTP/1 and HTTP/2, with TLS and without.

use axum::body::HttpBody;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};

use super::super::misbehaved::Misdeed;
use super::super::sniff::PREFACE;
use super::*;
use crate::tls::{Certificates, Source};

async fn text<B: HttpBody>(body: B) -> String
where
    B::Error: std::fmt::Debug,
{
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// Asks for `/two` over HTTP/2 on a stream.
async fn ask_http2<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) -> String {
    let (mut sender, driver) = open_http2(stream).await;
    let answer = sender.send_request(get_http2("/two")).await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer = text(answer.into_body()).await;
    driver.abort();
    answer
}

type Http2 = hyper::client::conn::http2::SendRequest<Empty<Bytes>>;

async fn open_http2<S>(stream: S) -> (Http2, JoinHandle<hyper::Result<()>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    (sender, tokio::spawn(connection))
}

fn get_http2(path: &str) -> Request<Empty<Bytes>> {
    Request::get(format!("http://localhost{path}")).body(Empty::new()).unwrap()
}

#[tokio::test]
async fn a_stream_of_which_nothing_is_taken_is_reset_and_the_others_go_on() {
    let mut server = Running::start(Limits { write_stall_max: Duration::from_millis(150), ..limits() }).await;
    let (mut sender, driver) = open_http2(server.connect().await).await;
    // It is not read: its window is empty soon.
    let stalled = sender.send_request(get_http2("/endless")).await.unwrap();
    server.sees("end of /endless").await;
    assert_eq!(sender.send_request(get_http2("/two")).await.unwrap().status(), 200);
    assert!(stalled.into_body().collect().await.is_err());
    driver.abort();
}

#[tokio::test]
async fn a_stream_that_waits_for_us_is_not_reset() {
    let mut server = Running::start(Limits { write_stall_max: Duration::from_millis(50), ..limits() }).await;
    let (mut sender, driver) = open_http2(server.connect().await).await;
    let stalled = sender.send_request(get_http2("/endless")).await.unwrap();
    let held = sender.send_request(get_http2("/held"));
    let held = tokio::spawn(held);
    server.sees("end of /endless").await;
    server.release.send(true).unwrap();
    assert_eq!(held.await.unwrap().unwrap().status(), 200);
    drop(stalled);
    driver.abort();
}

#[tokio::test]
async fn an_http2_connection_without_streams_is_closed_when_idle_for_too_long() {
    let mut server = Running::start(Limits { idle_max: Duration::from_millis(150), ..limits() }).await;
    let (mut sender, driver) = open_http2(server.connect().await).await;
    let held = tokio::spawn(sender.send_request(get_http2("/held")));
    server.sees("/held").await;
    // Another one is closed meanwhile; this has a stream.
    let (_idle, ended) = open_http2(server.connect().await).await;
    ended.await.unwrap().unwrap();
    server.release.send(true).unwrap();
    assert_eq!(text(held.await.unwrap().unwrap().into_body()).await, "held");
    driver.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_message_that_stops_in_the_middle_is_a_dead_connection() {
    let short = Duration::from_millis(100);
    let server = Running::start(Limits { ping_every: short, pong_max: short, ..limits() }).await;
    let mut stream = server.connect().await;
    // Headers that go on in a frame which never comes: nothing else may stand between them, so that
    // no ping can be answered.
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let headers = [0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82];
    let start = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &settings, &headers].concat();
    stream.write_all(&start).await.unwrap();
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

#[tokio::test]
async fn a_panic_ends_its_request_and_nothing_else() {
    let server = Running::start(limits()).await;
    let (mut sender, driver) = open_http2(server.connect().await).await;
    assert_eq!(sender.send_request(get_http2("/panic")).await.unwrap().status(), 500);
    assert_eq!(sender.send_request(get_http2("/two")).await.unwrap().status(), 200);
    driver.abort();
    let mut stream = server.connect().await;
    let answer = ask(&mut stream, "GET /panic HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    ask(&mut stream, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "tls=false").await;
}

#[tokio::test]
async fn an_upgrade_that_is_refused_ends_the_connection() {
    let server = Running::start(limits()).await;
    for path in ["/v1/socket", "/v1/agent?x"] {
        let mut stream = server.connect().await;
        let upgrade = format!("GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n");
        let next = "GET /next HTTP/1.1\r\nHost: x\r\n\r\n";
        stream.write_all(format!("{upgrade}{next}").as_bytes()).await.unwrap();
        let answer = read_to_end(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("connection: close\r\n"), "{answer}");
        assert_eq!(answer.matches("\r\n\r\n").count(), 1, "{answer}");
    }
}

#[tokio::test]
async fn an_answer_to_head_says_how_long_it_would_be_and_has_no_body() {
    let server = Running::start(limits()).await;
    let (mut sender, driver) = open_http2(server.connect().await).await;
    let mut request = get_http2("/two");
    *request.method_mut() = hyper::Method::HEAD;
    let answer = sender.send_request(request).await.unwrap();
    let said = answer.headers()["content-length"].to_str().unwrap().to_owned();
    assert_eq!(text(answer.into_body()).await, "");
    let whole = text(sender.send_request(get_http2("/two")).await.unwrap().into_body()).await;
    assert_eq!(said, whole.len().to_string());
    driver.abort();
}

#[tokio::test]
async fn a_flood_of_pings_ends_the_connection() {
    let server = Running::start(Limits { ping_every: NEVER, ..limits() }).await;
    let mut stream = server.connect().await;
    let ping = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let preface = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &settings].concat();
    // What is sent after the end makes an error; that is the end too.
    let _ = stream.write_all(&[preface, ping.repeat(10_000)].concat()).await;
    let mut pongs = Vec::new();
    let _ = stream.read_to_end(&mut pongs).await;
    assert!(pongs.len() < 5_000 * ping.len(), "{} bytes were answered", pongs.len());
    server.counts(Misdeed::control_frames).await;
}

#[tokio::test]
async fn whoever_breaks_http2_is_closed_and_counted_and_whoever_leaves_is_not() {
    let server = Running::start(limits()).await;
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    for (misdeed, frame) in [
        // A frame larger than any may be; data on stream 0; a window beyond what is one.
        (Misdeed::frame_size_error, &[0xff, 0, 0, 0, 0, 0, 0, 0, 1][..]),
        (Misdeed::protocol_error, &[0, 0, 1, 0, 0, 0, 0, 0, 0, 9]),
        (Misdeed::flow_control_error, &[0, 0, 4, 8, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff]),
    ] {
        let mut stream = server.connect().await;
        let sent = [PREFACE.as_slice(), &settings, frame].concat();
        stream.write_all(&sent).await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
        server.counts(misdeed).await;
    }
    // One that resets what it asks for.
    let mut stream = server.connect().await;
    let streams = (0..5_000_u32).flat_map(|number| {
        let [a, b, c, d] = (2 * number + 1).to_be_bytes();
        // A GET of `/` over HTTP, all of it from the static table.
        [[0, 0, 3, 1, 5, a, b, c, d].as_slice(), &[0x82, 0x84, 0x86], &[0, 0, 4, 3, 0, a, b, c, d, 0, 0, 0, 8]].concat()
    });
    let sent: Vec<u8> = PREFACE.iter().chain(&settings).copied().chain(streams).collect();
    let _ = stream.write_all(&sent).await;
    let _ = stream.read_to_end(&mut Vec::new()).await;
    server.counts(Misdeed::enhance_your_calm).await;
    ask_http2(server.connect().await).await;
    assert_eq!(server.misbehaved.count(Misdeed::other), 0);
    assert_eq!(server.misbehaved.count(Misdeed::protocol_error), 1);
}

#[tokio::test]
async fn http1_requests_share_a_connection_and_bring_their_exact_heads() {
    let server = Running::start(limits()).await;
    let mut stream = server.connect().await;
    for target in ["/a?X=%2f", "/b/../c"] {
        let request = format!("GET {target} HTTP/1.1\r\nhOST: x\r\n\r\n");
        let answer = ask(&mut stream, &request, "tls=false").await;
        assert!(answer.ends_with(&format!("Some({target:?}) HTTP/1.1 tls=false")), "{answer}");
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_with_their_own_heads() {
    let server = Running::start(limits()).await;
    let mut stream = server.connect().await;
    let both = "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(both.as_bytes()).await.unwrap();
    let answers = read_to_end(&mut stream).await;
    let (first, second) = (answers.find("Some(\"/1\")"), answers.find("Some(\"/2\")"));
    assert!(first.is_some() && first < second, "{answers}");
}

#[tokio::test]
async fn a_head_that_must_be_refused_never_reaches_the_app() {
    let mut server = Running::start(limits()).await;
    let mut stream = server.connect().await;
    let smuggled =
        "POST /smuggled HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    stream.write_all(smuggled.as_bytes()).await.unwrap();
    let answer = read_to_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(server.seen.try_recv().is_err());
}

#[tokio::test]
async fn http2_without_tls_is_known_by_its_preface() {
    let server = Running::start(limits()).await;
    assert_eq!(ask_http2(server.connect().await).await, "None HTTP/2.0 tls=false");
}

#[tokio::test]
async fn tls_offers_both_and_a_client_of_the_local_authority_is_content() {
    let dir = tempfile::tempdir().unwrap();
    let source = Source::LocalAuthority { dir: dir.path().to_owned(), names: vec!["localhost".to_owned()] };
    let server =
        Running::start_with(limits(), Some(Arc::new(Certificates::open(&source).unwrap()).acceptor().unwrap())).await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(dir.path().join("ca.pem")).unwrap()).unwrap();
    let connect = async |alpn: &[&str]| {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        connector.connect(ServerName::try_from("localhost").unwrap(), server.connect().await).await.unwrap()
    };

    let stream = connect(&["h2", "http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    assert_eq!(ask_http2(stream).await, "None HTTP/2.0 tls=true");

    let stream = connect(&["http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"http/1.1".as_slice()));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    let request = Request::get("/one").header("host", "localhost").body(Empty::<Bytes>::new()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(text(answer.into_body()).await, "Some(\"/one\") HTTP/1.1 tls=true");
    driver.abort();
}
