//! Tests of calls against a server that answers as it is told.

use recorder::{Answer, Recorder};
use serde_json::json;

use super::*;
use crate::server::Trust;

fn answer(status: &str, body: &str) -> Answer {
    Answer::Bytes(format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes())
}

fn client(url: &str) -> Client {
    Client::new(Server::new(url, Trust::default()).unwrap(), Some("Basic abc".into()))
}

#[tokio::test]
async fn calls_carry_credentials_and_json() {
    let mut server = Recorder::start(|_| answer("201 Created", r#"{"id":"1"}"#)).await;
    let client = client(&format!("{}/below/", server.url()));
    let made: Value = client.post("/v1/buckets?a=b", &json!({"name": "x"})).await.unwrap();
    assert_eq!(made, json!({"id": "1"}));
    let seen = server.next().await;
    assert!(seen.head.starts_with("POST /below/v1/buckets?a=b HTTP/1.1\r\n"), "{}", seen.head);
    assert!(seen.head.contains("authorization: Basic abc\r\n"), "{}", seen.head);
    assert_eq!(seen.body, br#"{"name":"x"}"#);
}

#[tokio::test]
async fn errors_are_one_line_with_the_status_and_the_servers_text() {
    let server = Recorder::start(|_| answer("412 X", "bucket with name 'a'\n\x1b[31m already exists\n")).await;
    let err = client(&server.url()).get::<Value>("/v1/buckets?x=1").await.unwrap_err();
    assert_eq!(err.to_string(), "GET /v1/buckets: 412 Precondition Failed: bucket with name 'a' [31m already exists");
    let server = Recorder::start(|_| answer("500 X", "")).await;
    let err = client(&server.url()).delete("/v1/x").await.unwrap_err();
    assert_eq!(err.to_string(), "DELETE /v1/x: 500 Internal Server Error");
}

#[tokio::test]
async fn an_answer_may_be_empty_but_not_something_else() {
    let server = Recorder::start(|_| answer("204 X", "")).await;
    assert_eq!(client(&server.url()).delete("/v1/x").await.unwrap(), Value::Null);
    let server = Recorder::start(|_| answer("200 OK", "<html>")).await;
    assert!(matches!(client(&server.url()).delete("/v1/x").await, Err(Error::Unreadable(..))));
    let server = Recorder::start(|_| Answer::Last(Vec::new())).await;
    assert!(matches!(client(&server.url()).delete("/v1/x").await, Err(Error::NoAnswer(..))));
}
