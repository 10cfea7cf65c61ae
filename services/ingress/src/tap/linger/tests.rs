//! Connections that end while their caller still sends.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::*;
use crate::HeadTap;
use crate::tap::At;

#[test]
fn an_answer_before_the_body_reaches_a_caller_that_keeps_sending() {
    const BODY_BYTES: usize = 8 * 1024 * 1024;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let (tap, _heads) = HeadTap::new(stream);
            let service = service_fn(|_: Request<Incoming>| async {
                let mut response = Response::new(Full::new(Bytes::from_static(b"too large")));
                *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
                response.headers_mut().insert("connection", "close".parse().unwrap());
                Ok::<_, Infallible>(response)
            });
            http1::Builder::new().serve_connection(TokioIo::new(tap), service).await
        });
        let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {BODY_BYTES}\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        client.write_all(&vec![b'x'; BODY_BYTES]).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 413 ") && answer.ends_with("too large"), "{answer}");
        drop(client);
        server.await.unwrap().unwrap();
    });
}

#[test]
fn lingering_ends_after_its_time_and_after_its_bytes() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let start = tokio::time::Instant::now();
        let (silent, server) = duplex(1024);
        let mut tap = HeadTap::new(server).0;
        tap.at = At::Stopped;
        tap.shutdown().await.unwrap();
        assert_eq!(start.elapsed().as_secs(), LINGER_MAX.as_secs());
        drop(silent);

        let (mut flood, server) = duplex(1 << 20);
        let mut tap = HeadTap::new(server).0;
        tap.at = At::Stopped;
        let sender = tokio::spawn(async move {
            let piece = vec![0; 1 << 20];
            let mut sent = 0;
            while flood.write_all(&piece).await.is_ok() {
                sent += piece.len();
            }
            sent
        });
        tap.shutdown().await.unwrap();
        drop(tap);
        assert!(sender.await.unwrap() <= LINGER_BYTES_MAX + (2 << 20));
        assert!(start.elapsed() < LINGER_MAX + Duration::from_secs(1));
    });
}
