//! HTTP/1 and HTTP/2, with TLS and without.

use axum::body::HttpBody;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};

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
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    let request = Request::get("http://localhost/two").body(Empty::<Bytes>::new()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer = text(answer.into_body()).await;
    driver.abort();
    answer
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
