//! What was stored once reads for ever, and what is written now is among what was stored.
//!
//! A test that fails here says that a stored form changes. Then a file of the next version goes beside
//! the one that is there, which itself is never changed: records with a field that is new must be
//! written into a new file, and those of the old one must still read.

use bytes::Bytes;
use model::answer::Answer;
use model::record::{Account, Bucket, Cron, Domain, Group, Input, Integration, Output, Token};
use model::request::{Chunks, Header, Request};
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Every field is written, so that one which comes, goes or is named anew shows.
#[test]
fn records_of_every_version_read_and_are_written_alike() {
    let golden = [include_str!("../testdata/records-v1.jsonl"), include_str!("../testdata/records-v2.jsonl")];
    for line in golden.iter().flat_map(|version| version.lines()) {
        let (kind, json) = line.split_once(' ').unwrap();
        let written = match kind {
            "account" => written_again::<Account>(json),
            "bucket" => written_again::<Bucket>(json),
            "input" => written_again::<Input>(json),
            "output" => written_again::<Output>(json),
            "token" => written_again::<Token>(json),
            "group" => written_again::<Group>(json),
            "domain" => written_again::<Domain>(json),
            "integration" => written_again::<Integration>(json),
            "cron" => written_again::<Cron>(json),
            other => panic!("what is a {other}?"),
        };
        assert_eq!(written.unwrap(), serde_json::from_str::<Value>(json).unwrap());
    }
}

fn written_again<T: Serialize + DeserializeOwned>(json: &str) -> serde_json::Result<Value> {
    serde_json::to_value(serde_json::from_str::<T>(json)?)
}

/// The sealed part of an event.
#[test]
fn a_request_of_version_1_reads_and_is_written_alike() {
    let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
    let request = Request {
        method: "POST".into(),
        extra_path: bytes("/x"),
        query: Some(bytes("a=b")),
        headers: vec![
            Header { name: bytes("X-A"), value: bytes("b") },
            Header { name: bytes("x-a"), value: bytes("c") },
        ],
        body: bytes("body"),
        chunks: Some(Chunks { sequences: vec![7, 300] }),
        peer: "192.0.2.1".into(),
        tls: true,
        body_bytes: 4,
        has_body: true,
    };
    let golden = include_bytes!("../testdata/request-v1.bin");
    assert!(request.encode_to_vec() == golden, "written otherwise");
    assert_eq!(Request::decode(&golden[..]).unwrap(), request);
}

/// What a destination answered.
#[test]
fn an_answer_of_version_1_reads_and_is_written_alike() {
    let header = Header { name: Bytes::from_static(b"X-A"), value: Bytes::from_static(b"b") };
    let answer = Answer { status: 404, headers: vec![header], body: Bytes::from_static(b"no"), body_bytes: 300 };
    let golden = include_bytes!("../testdata/answer-v1.bin");
    assert!(answer.encode_to_vec() == golden, "written otherwise");
    assert_eq!(Answer::decode(&golden[..]).unwrap(), answer);
}
