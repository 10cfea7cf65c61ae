//! Random requests with their meaning, and random damage to them.

use bytes::Bytes;
use http::Version;
use model::request::Header;
use rand::RngExt;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;

use crate::RawHead;

/// A request as bytes, and what a reader must make of it.
pub(super) struct Message {
    pub(super) bytes: Vec<u8>,
    pub(super) head: RawHead,
    pub(super) body: Bytes,
}

const METHODS: [&str; 8] = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "FROB"];
const TARGETS: [&str; 6] = [
    "/",
    "/v1/webhooks/5f9c7d0e-4f0b-4c7e-9d0a-0e6f1a2b3c4d",
    "/v1/webhooks/x/../%2e%2e//a?b=%zz&&c?d",
    "/?",
    "/\u{e4}\u{f6}",
    "/v1/sockets",
];
const NAMES: [&str; 8] = ["X-A", "x-a", "X-a", "Accept", "Cookie", "X_Under", "UPGRADE", "X-Signature"];
const VALUES: [&str; 7] = ["", "a", "a, b", "  inner  space", "\u{fc}", "chunked", "websocket"];

impl Message {
    pub(super) fn random(rng: &mut SmallRng) -> Self {
        let method = *METHODS.choose(rng).unwrap();
        let target = *TARGETS.choose(rng).unwrap();
        let mut lines = vec![("Host".to_string(), "relay.example:8080".to_string())];
        for _ in 0..rng.random_range(0..12) {
            lines.push((NAMES.choose(rng).unwrap().to_string(), VALUES.choose(rng).unwrap().trim().to_string()));
        }
        let (framing, body, coded) = random_body(rng);
        lines.extend(framing);
        if !body.is_empty() && rng.random_bool(0.2) {
            lines.push(("Expect".to_string(), "100-continue".to_string()));
        }
        // Which line comes first must not matter.
        let first = rng.random_range(0..lines.len());
        lines.rotate_left(first);

        let mut bytes = format!("{method} {target} HTTP/1.1\r\n").into_bytes();
        for (name, value) in &lines {
            let space = *["", " ", "\t", "   "].choose(rng).unwrap();
            bytes.extend_from_slice(format!("{name}:{space}{value}{space}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&coded);
        let head = RawHead {
            method: Bytes::from_static(method.as_bytes()),
            target: Bytes::from_static(target.as_bytes()),
            version: Version::HTTP_11,
            headers: lines.into_iter().map(|(name, value)| Header { name: name.into(), value: value.into() }).collect(),
            upgrades: false,
            refusal: None,
        };
        Self { bytes, head, body: body.into() }
    }
}

/// The framing lines, the body, and the body as it is sent.
fn random_body(rng: &mut SmallRng) -> (Vec<(String, String)>, Vec<u8>, Vec<u8>) {
    let mut body: Vec<u8> = (0..*[0, 1, 7, 300, 20_000].choose(rng).unwrap()).map(|_| rng.random()).collect();
    match rng.random_range(0..3) {
        0 => (Vec::new(), Vec::new(), Vec::new()),
        1 => {
            let name = *["Content-Length", "content-length", "CONTENT-Length"].choose(rng).unwrap();
            (vec![(name.to_string(), body.len().to_string())], body.clone(), body)
        }
        _ => {
            // A body that looks like framing.
            if rng.random_bool(0.3) {
                body = b"0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3);
            }
            let coding = *["chunked", "Chunked", "CHUNKED"].choose(rng).unwrap();
            (vec![("Transfer-Encoding".to_string(), coding.to_string())], body.clone(), chunk(&body, rng))
        }
    }
}

fn chunk(body: &[u8], rng: &mut SmallRng) -> Vec<u8> {
    let extensions = ["", ";a", ";a=b", " ", "\t;a=\"b c\"", ";"];
    let mut coded = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let (data, after) = rest.split_at(rng.random_range(1..=rest.len()));
        let zeros = "0".repeat(rng.random_range(0..3));
        let size = if rng.random_bool(0.5) { format!("{:x}", data.len()) } else { format!("{:X}", data.len()) };
        coded.extend_from_slice(format!("{zeros}{size}{}\r\n", extensions.choose(rng).unwrap()).as_bytes());
        coded.extend_from_slice(data);
        coded.extend_from_slice(b"\r\n");
        rest = after;
    }
    coded.extend_from_slice(format!("0{}\r\n", extensions.choose(rng).unwrap()).as_bytes());
    for _ in 0..rng.random_range(0..3) {
        coded.extend_from_slice(
            ["X-Sum: 1\r\n", "Content-Length: 5\r\n", "Host: b\r\n"].choose(rng).unwrap().as_bytes(),
        );
    }
    coded.extend_from_slice(b"\r\n");
    coded
}

/// Changes a few places: what is put in is what means something to the framing.
pub(super) fn damage(bytes: &mut Vec<u8>, rng: &mut SmallRng) {
    let pieces: [&[u8]; 20] = [
        b"\r",
        b"\n",
        b"\r\n",
        b"\n\n",
        b"\r\n\r\n",
        b" ",
        b":",
        b"\0",
        b";",
        b"0",
        b"1",
        b"f",
        b",",
        b"\xff",
        b"\r\nContent-Length: 5",
        b"\r\nContent-Length: 0",
        b"\r\nTransfer-Encoding: chunked",
        b"\r\nHost: b",
        b"\r\nConnection: host",
        b"0\r\n\r\n",
    ];
    for _ in 0..rng.random_range(1..4) {
        // Half of the places are ends of lines, where most of the framing is.
        let mut at = rng.random_range(0..bytes.len());
        if rng.random_bool(0.5) {
            at += bytes[at..].iter().position(|b| matches!(b, b'\r' | b'\n')).unwrap_or(0);
        }
        match rng.random_range(0..4) {
            0 => bytes[at] = rng.random(),
            1 => drop(bytes.splice(at..at, pieces.choose(rng).unwrap().iter().copied())),
            2 => drop(bytes.drain(at..(at + rng.random_range(1..4)).min(bytes.len()))),
            _ => {
                let copy = bytes[at..(at + 40).min(bytes.len())].to_vec();
                drop(bytes.splice(at..at, copy));
            }
        }
        if bytes.is_empty() {
            return;
        }
    }
}
