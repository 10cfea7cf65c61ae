//! Slow callers, too many callers, and the end.

use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::{Event, Level, Metadata, Subscriber, span};

use super::*;
use crate::tls::{Certificates, Source};

/// Short enough to wait for.
const SHORT: Duration = Duration::from_millis(150);

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn a_caller_who_says_nothing_is_closed() {
    let server = Running::start(Limits { first_byte_max: SHORT, ..limits() }).await;
    let mut stream = server.connect().await;
    assert_eq!(read_to_end(&mut stream).await, "");
}

#[tokio::test]
async fn a_caller_who_never_ends_the_handshake_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let source = Source::LocalAuthority { dir: dir.path().to_owned(), names: vec!["localhost".to_owned()] };
    let tls = Some(Arc::new(Certificates::open(&source).unwrap()).acceptor().unwrap());
    let server = Running::start_with(Limits { handshake_max: SHORT, ..limits() }, tls).await;
    let mut stream = server.connect().await;
    stream.write_all(&[22, 3, 1]).await.unwrap();
    assert_eq!(read_to_end(&mut stream).await, "");
}

#[tokio::test]
async fn a_head_that_trickles_is_closed_however_many_bytes_come() {
    let server = Running::start(Limits { head_max: SHORT, ..limits() }).await;
    let (mut reader, mut writer) = server.connect().await.into_split();
    let trickle = tokio::spawn(async move {
        writer.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX: ").await.unwrap();
        while writer.write_all(b"x").await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    });
    let mut answer = Vec::new();
    let _ = reader.read_to_end(&mut answer).await;
    assert_eq!(answer, b"");
    trickle.await.unwrap();
}

#[tokio::test]
async fn half_a_preface_is_a_slow_head() {
    let server = Running::start(Limits { head_max: SHORT, ..limits() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    assert_eq!(read_to_end(&mut stream).await, "");
}

#[tokio::test]
async fn a_kept_connection_may_be_idle_longer_than_a_head_may_take() {
    let server = Running::start(Limits { first_byte_max: SHORT, head_max: SHORT / 2, ..limits() }).await;
    let mut kept = server.connect().await;
    ask(&mut kept, GET, "tls=false").await;
    // The silent caller is closed after the longer of the two limits.
    let mut silent = server.connect().await;
    read_to_end(&mut silent).await;
    ask(&mut kept, GET, "tls=false").await;
}

#[tokio::test]
async fn a_kept_connection_is_closed_when_idle_for_too_long() {
    let server = Running::start(Limits { idle_max: SHORT, ..limits() }).await;
    let mut stream = server.connect().await;
    ask(&mut stream, GET, "tls=false").await;
    assert_eq!(read_to_end(&mut stream).await, "");
}

#[tokio::test]
async fn a_kept_connection_is_closed_when_idle_for_too_long_after_a_slow_answer() {
    let mut server = Running::start(Limits { idle_max: SHORT, ..limits() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    server.sees("/held").await;
    server.release.send(true).unwrap();
    assert!(read_to_end(&mut stream).await.ends_with("held"));
}

#[tokio::test]
async fn the_second_head_of_a_connection_has_the_limit_too() {
    let server = Running::start(Limits { head_max: SHORT, ..limits() }).await;
    let mut stream = server.connect().await;
    ask(&mut stream, GET, "tls=false").await;
    stream.write_all(b"GET / HT").await.unwrap();
    assert_eq!(read_to_end(&mut stream).await, "");
}

#[tokio::test]
async fn a_caller_who_takes_nothing_of_the_answer_is_closed() {
    let mut server = Running::start(Limits { write_stall_max: SHORT, ..limits() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    server.sees("end of /endless").await;
}

#[tokio::test]
async fn a_request_may_take_its_time_to_be_answered() {
    let short = Limits { first_byte_max: SHORT, head_max: SHORT, idle_max: SHORT, ..limits() };
    let mut server = Running::start(short).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /held HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    server.sees("/held").await;
    let mut silent = server.connect().await;
    read_to_end(&mut silent).await;
    server.release.send(true).unwrap();
    assert!(read_to_end(&mut stream).await.ends_with("held"));
}

/// Counts what is said to the operator as an error.
struct Errors(Arc<AtomicUsize>);

impl Subscriber for Errors {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR
    }

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[tokio::test]
async fn that_connections_cannot_be_accepted_is_said_once() {
    let said = Arc::new(AtomicUsize::new(0));
    let _counting = tracing::subscriber::set_default(Errors(Arc::clone(&said)));
    let mut failures = Seldom::default();
    for _ in 0..3 {
        pause_after(&io::Error::other("no file descriptors"), &mut failures).await;
    }
    assert_eq!(said.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_connection_over_the_limit_waits_for_a_place() {
    let mut server = Running::start(Limits { connections_max: 1, ..limits() }).await;
    let mut first = server.connect().await;
    ask(&mut first, GET, "tls=false").await;
    server.sees("/").await;
    let mut second = server.connect().await;
    second.write_all(b"GET /second HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    // The first is served still, and the second has not been looked at.
    ask(&mut first, GET, "tls=false").await;
    assert_eq!(server.seen.recv().await.unwrap(), "/");
    assert!(server.seen.try_recv().is_err());
    drop(first);
    server.sees("/second").await;
    assert!(read_to_end(&mut second).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_stop_lets_the_request_under_way_finish_and_closes_the_others() {
    let mut server = Running::start(limits()).await;
    let mut idle = server.connect().await;
    ask(&mut idle, GET, "tls=false").await;
    let mut silent = server.connect().await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    server.sees("/held").await;
    server.stop.give();
    assert_eq!(read_to_end(&mut idle).await, "");
    assert_eq!(read_to_end(&mut silent).await, "");
    server.release.send(true).unwrap();
    let answer = read_to_end(&mut busy).await;
    assert!(answer.contains("connection: close") && answer.ends_with("held"), "{answer}");
    assert_eq!(server.ended.await.unwrap(), 0);
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn what_outlasts_the_grace_is_dropped() {
    let mut server = Running::start(Limits { grace: SHORT, ..limits() }).await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    server.sees("/held").await;
    server.stop.give();
    assert_eq!(server.ended.await.unwrap(), 1);
    assert_eq!(read_to_end(&mut busy).await, "");
}
