//! Which request is for whom.

use prometheus_client::registry::Registry;
use telemetry::Stop;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::listener::{Limits, Listener};
use crate::options::{Durability, Role, Roles};

fn purpose(method: &str, path: &str, content_type: Option<&'static str>) -> Purpose {
    let mut headers = HeaderMap::new();
    if let Some(value) = content_type {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
    }
    Purpose::of(&method.parse().unwrap(), path, &headers)
}

#[test]
fn a_webhook_is_one_whatever_its_headers_say() {
    for (method, path) in [("POST", "/v1/webhooks/x"), ("GET", "/v1/webhooks/"), ("BREW", "/v1/webhooks/x/livez")] {
        assert_eq!(purpose(method, path, None), Purpose::Webhook);
        assert_eq!(purpose(method, path, Some("application/grpc")), Purpose::Webhook);
    }
}

#[test]
fn agents_are_known_by_path_or_content() {
    assert_eq!(purpose("POST", "/relay.agent.v1.Agent/Attach", None), Purpose::Agent);
    assert_eq!(purpose("POST", "/x", Some("application/grpc+proto")), Purpose::Agent);
    assert_eq!(purpose("POST", "/x", Some("application/json")), Purpose::Api);
    assert_eq!(purpose("GET", "/v1/agent", None), Purpose::AgentSocket);
    assert_eq!(purpose("GET", "/v1/agents", None), Purpose::Api);
}

#[test]
fn health_is_asked_for_by_exact_paths() {
    assert_eq!(purpose("GET", "/livez", None), Purpose::Live);
    assert_eq!(purpose("HEAD", "/readyz", None), Purpose::Ready);
    assert_eq!(purpose("POST", "/readyz", None), Purpose::Api);
    assert_eq!(purpose("GET", "/livez/", None), Purpose::Api);
    assert_eq!(purpose("GET", "/v1/webhooks", None), Purpose::Api);
    assert_eq!(purpose("GET", "/v1/buckets", None), Purpose::Api);
}

/// The status line and headers of one request to a front whose store is not open.
async fn asked_at_the_start(request: &str) -> String {
    let roles = Roles::new(Role::ALL).unwrap();
    let front =
        Front::new(Readiness::new(roles, Some(Durability::Always), None), Requests::new(&mut Registry::default()));
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stream = TcpStream::connect(socket.local_addr().unwrap()).await.unwrap();
    let stop = Stop::new();
    let serving = tokio::spawn(Listener::new(front, None, Limits::default()).run(socket, stop.clone()));
    stream.write_all(format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    stop.give();
    serving.await.unwrap();
    answer
}

#[tokio::test]
async fn before_the_store_is_open_the_process_lives_and_is_not_ready() {
    let live = asked_at_the_start("GET /livez").await;
    assert!(live.starts_with("HTTP/1.1 200 ") && live.ends_with("live\n"), "{live}");
    let ready = asked_at_the_start("GET /readyz").await;
    assert!(ready.starts_with("HTTP/1.1 503 "), "{ready}");
    let (_, json) = ready.split_once("\r\n\r\n").unwrap();
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    let expected = serde_json::json!({
        "ready": false,
        "checks": [{"name": "nats", "ok": false, "why": "the store is not open yet"}],
        "durability": "always",
        "roles": "ingress,dispatcher,auth,api",
        "version": env!("CARGO_PKG_VERSION"),
    });
    assert_eq!(json, expected);
}

#[tokio::test]
async fn before_the_store_is_open_callers_are_told_to_come_again() {
    for request in ["POST /v1/webhooks/x", "GET /v1/buckets", "GET /"] {
        let answer = asked_at_the_start(request).await;
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 1\r\n"), "{request}: {answer}");
    }
}
