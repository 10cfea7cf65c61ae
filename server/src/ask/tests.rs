//! Asking an echo, over plaintext and TLS.

use std::sync::Arc;

use http::StatusCode as Status;
use telemetry::Stop;
use tokio::net::TcpListener;

use super::*;
use crate::echo::Echo;
use crate::listener::{Limits, Listener};
use crate::tls::{Certificates, Source};

/// What the health check says of a server that answers `status`, with a local authority or without.
async fn asked(status: u16, tls: Option<&std::path::Path>) -> anyhow::Result<()> {
    let acceptor = tls.map(|dir| {
        let source = Source::LocalAuthority { dir: dir.to_owned(), names: vec!["localhost".to_owned()] };
        Arc::new(Certificates::open(&source).unwrap()).acceptor().unwrap()
    });
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let echo = Echo { status: Status::from_u16(status).unwrap(), json: false };
    let stop = Stop::new();
    let serving = tokio::spawn(Listener::new(echo, acceptor, Limits::default()).run(socket, stop.clone()));
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = Url::parse(&format!("{scheme}://localhost:{port}/readyz")).unwrap();
    let asked = run(&Health { url, ca_file: tls.map(|dir| dir.join("ca.pem")) }).await;
    stop.give();
    serving.await.unwrap();
    asked
}

#[tokio::test]
async fn ready_is_200_and_nothing_else() {
    asked(200, None).await.unwrap();
    for status in [204, 301, 404, 503] {
        let refused = asked(status, None).await.unwrap_err().to_string();
        assert!(refused.contains(&status.to_string()), "{refused}");
    }
}

#[tokio::test]
async fn tls_is_verified_with_the_file() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    asked(200, Some(dir.path())).await.unwrap();
    crate::certs::Authority::open(other.path(), std::time::SystemTime::now()).unwrap();
    std::fs::copy(other.path().join("ca.key"), dir.path().join("ca.key")).unwrap();
    // The server now signs with a key that the authority's certificate does not vouch for.
    assert!(asked(200, Some(dir.path())).await.is_err());
}

#[test]
fn a_server_without_a_path_is_asked_whether_it_is_ready() {
    for (given, url) in [
        ("http://relay:8080", "http://relay:8080/readyz"),
        ("http://relay:8080/", "http://relay:8080/readyz"),
        ("http://relay:8080/livez", "http://relay:8080/livez"),
    ] {
        assert_eq!(with_path(&given.parse().unwrap()).as_str(), url);
    }
}
