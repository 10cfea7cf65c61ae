//! The tap in front of the real hyper: both must see the same requests, whatever is sent.

mod generate;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex};

use self::generate::Message;
use super::*;
use crate::HEADS_WAITING_MAX;

/// One call of the service: what the tap said, what hyper said, and the body unless the head was refused.
struct Call {
    head: Result<RawHead, Refusal>,
    parts: Parts,
    body: Option<Bytes>,
}

type Calls = Arc<Mutex<Vec<Call>>>;

/// Serves one connection by hyper behind a tap until it ends, as a server does.
async fn serve<IO>(io: IO, calls: Calls, half_close: bool)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (tap, heads) = HeadTap::new(io);
    let service = service_fn(move |request: Request<Incoming>| {
        let head = heads.admit(request.version()).map(|head| head.unwrap());
        let calls = calls.clone();
        async move {
            let (parts, body) = request.into_parts();
            let refusal = head.as_ref().err().copied();
            let body = match refusal {
                Some(_) => None,
                None => body.collect().await.ok().map(|b| b.to_bytes()),
            };
            calls.lock().unwrap().push(Call { head, parts, body });
            Ok::<_, Infallible>(match refusal {
                Some(refusal) => refusal.response(),
                None => Response::new(Full::new(Bytes::new())),
            })
        }
    });
    let connection = http1::Builder::new().half_close(half_close).serve_connection(TokioIo::new(tap), service);
    let _ = connection.await;
}

/// Sends these bytes in random pieces, ends the stream, and returns the calls and the answers.
async fn exchange(bytes: &[u8], rng: &mut SmallRng) -> (Vec<Call>, Vec<u8>) {
    let calls = Calls::default();
    let (client, server) = duplex(rng.random_range(1..20_000));
    let (mut answers, mut requests) = tokio::io::split(client);
    let send = async {
        let mut rest = bytes;
        while !rest.is_empty() {
            let longest = if rng.random_bool(0.5) { 8 } else { rest.len() };
            let (piece, after) = rest.split_at(rng.random_range(1..=longest.min(rest.len())));
            if requests.write_all(piece).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
            rest = after;
        }
        let _ = requests.shutdown().await;
    };
    let receive = async {
        let mut all = Vec::new();
        let _ = answers.read_to_end(&mut all).await;
        all
    };
    let ((), (), answers) = tokio::join!(serve(server, calls.clone(), true), send, receive);
    let calls = std::mem::take(&mut *calls.lock().unwrap());
    (calls, answers)
}

/// Sends these bytes, leaves the stream open, and returns the calls and the answers once the server has closed it.
async fn exchange_open(bytes: &[u8]) -> (Vec<Call>, String) {
    let calls = Calls::default();
    let (mut client, server) = duplex(1 << 20);
    client.write_all(bytes).await.unwrap();
    let receive = async {
        let mut all = Vec::new();
        client.read_to_end(&mut all).await.unwrap();
        drop(client);
        all
    };
    let both = async { tokio::join!(serve(server, calls.clone(), false), receive) };
    let ended = tokio::time::timeout(Duration::from_secs(60), both).await;
    let ((), answers) = ended.expect("the server did not close the connection");
    let calls = std::mem::take(&mut *calls.lock().unwrap());
    (calls, String::from_utf8(answers).unwrap())
}

/// Both readings of one head must agree; hyper keeps neither case nor the order between names.
fn check_agreement(head: &RawHead, parts: &Parts) {
    assert_eq!(head.method, parts.method.as_str().as_bytes());
    assert_eq!(head.target, parts.uri.to_string().as_bytes());
    assert_eq!(head.version, parts.version);
    assert_eq!(head.headers.len(), parts.headers.len());
    for name in parts.headers.keys() {
        let tapped: Vec<&[u8]> =
            head.headers.iter().filter(|h| h.is(name.as_str())).map(|h| h.value.as_ref()).collect();
        let seen: Vec<&[u8]> = parts.headers.get_all(name).iter().map(|v| v.as_bytes()).collect();
        assert_eq!(tapped, seen, "{name}");
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

#[test]
fn every_request_comes_as_it_was_sent_however_it_is_split() {
    runtime().block_on(async {
        for seed in 0..1_500 {
            let mut rng = SmallRng::seed_from_u64(seed);
            let count = rng.random_range(1..6);
            let sent: Vec<Message> = (0..count).map(|_| Message::random(&mut rng)).collect();
            let bytes: Vec<u8> = sent.iter().flat_map(|m| m.bytes.clone()).collect();
            let (calls, _) = exchange(&bytes, &mut rng).await;
            assert_eq!(calls.len(), sent.len(), "seed {seed}");
            for (call, message) in calls.iter().zip(&sent) {
                let head = call.head.as_ref().unwrap();
                check_agreement(head, &call.parts);
                assert_eq!(*head, message.head, "seed {seed}");
                assert_eq!(call.body.as_ref(), Some(&message.body), "seed {seed}");
            }
        }
    });
}

#[test]
fn damaged_streams_never_make_tap_and_hyper_disagree() {
    runtime().block_on(async {
        let (mut admitted, mut refused, mut later) = (0, 0, 0);
        for seed in 0..6_000 {
            let mut rng = SmallRng::seed_from_u64(seed);
            let count = rng.random_range(2..5);
            let mut bytes: Vec<u8> = (0..count).flat_map(|_| Message::random(&mut rng).bytes).collect();
            generate::damage(&mut bytes, &mut rng);
            let (calls, _) = exchange(&bytes, &mut rng).await;
            let last = calls.len().saturating_sub(1);
            for (i, call) in calls.iter().enumerate() {
                match &call.head {
                    Ok(head) => {
                        check_agreement(head, &call.parts);
                        admitted += 1;
                        later += usize::from(i > 0);
                    }
                    Err(_) => {
                        assert_eq!(i, last, "seed {seed}: a request was served after a refused one");
                        refused += 1;
                    }
                }
            }
        }
        assert!(admitted > 5_000 && later > 2_000 && refused > 300, "{admitted} {later} {refused}");
    });
}

#[test]
fn framing_that_hyper_lets_through_is_refused_and_the_connection_ends() {
    let refused = [
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            Refusal::LengthAndCoding,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
            Refusal::LengthAndCoding,
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", Refusal::TransferCoding),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            Refusal::TransferCoding,
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", Refusal::ContentLength),
        ("GET / HTTP/1.1\r\n\r\n", Refusal::Host),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Refusal::Host),
        ("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", Refusal::Host),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", Refusal::Host),
        ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", Refusal::Host),
        ("GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", Refusal::Host),
        ("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::Authority),
        ("GET http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::Authority),
        ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::Target),
        ("GET a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", Refusal::Target),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::Target),
        ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::Target),
        ("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", Refusal::Target),
        ("GET / HTTP/1.1\nHost: a\n\n", Refusal::BareLineFeed),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: b\n\r\n", Refusal::BareLineFeed),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close, Content-Length\r\n\r\n", Refusal::Connection),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: Transfer-Encoding\r\n\r\n", Refusal::Connection),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: HOST\r\n\r\n", Refusal::Connection),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: authorization\r\n\r\n", Refusal::Connection),
    ];
    runtime().block_on(async {
        for (bytes, refusal) in refused {
            let smuggled = format!("{bytes}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
            let (calls, answers) = exchange_open(smuggled.as_bytes()).await;
            assert_eq!(calls.len(), 1, "{bytes}");
            assert_eq!(calls[0].head.as_ref().err(), Some(&refusal), "{bytes}");
            assert!(answers.starts_with("HTTP/1.1 400 ") || answers.starts_with("HTTP/1.0 400 "), "{answers}");
            assert!(answers.contains("connection: close\r\n") && answers.ends_with(refusal.reason()), "{answers}");
        }
    });
}

#[test]
fn trailers_with_a_bare_line_feed_swallow_no_request() {
    let next = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
    runtime().block_on(async {
        for trailers in ["x: y\n\r\n", "\n\r\n", "\n", "x\n: y\r\n\r\n"] {
            let start = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n";
            let (calls, answers) = exchange_open(format!("{start}{trailers}{next}").as_bytes()).await;
            assert!(calls.len() == 1 && calls[0].body.is_none(), "{trailers:?}: {answers}");
            assert!(answers.matches("HTTP/1.1 ").count() <= 1, "{trailers:?}: {answers}");
        }
    });
}

#[test]
fn behind_a_refused_head_nothing_is_read() {
    runtime().block_on(async {
        let refused = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n";
        let (mut client, server) = duplex(1 << 10);
        client.write_all(refused).await.unwrap();
        client.write_all(b"xGET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let (mut tap, heads) = HeadTap::new(server);
        let mut read = vec![0; 1 << 10];
        assert_eq!(tap.read(&mut read).await.unwrap(), refused.len());
        assert_eq!(heads.admit(Version::HTTP_11), Err(Refusal::ContentLength));
        let more = tokio::time::timeout(Duration::from_secs(60), tap.read(&mut read)).await;
        assert!(more.is_err() && heads.next().is_none());
    });
}

#[test]
fn heads_that_do_not_parse_get_an_error_and_reach_no_service() {
    let malformed: [(&[u8], u16); 9] = [
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx", 400),
        (b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ];
    runtime().block_on(async {
        for (bytes, status) in malformed {
            let (calls, answers) = exchange_open(bytes).await;
            assert!(calls.is_empty(), "{}", bytes.escape_ascii());
            assert!(answers.contains(&format!(" {status} ")), "{answers}");
        }
        let many: String = (0..HEADER_LINES_OVER).map(|i| format!("X{i}: a\r\n")).collect();
        let (calls, answers) = exchange_open(format!("GET / HTTP/1.1\r\n{many}\r\n").as_bytes()).await;
        assert!(calls.is_empty() && answers.contains(" 431 "), "{answers}");
    });
}

const HEADER_LINES_OVER: usize = crate::HEADER_LINES_MAX + 1;

#[test]
fn a_head_may_have_so_many_lines_and_bytes_and_no_more() {
    let head = |bytes: usize| {
        let start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
        format!("{start}{}\r\n\r\n", "x".repeat(bytes - start.len() - 4))
    };
    runtime().block_on(async {
        let lines: String = (1..crate::HEADER_LINES_MAX).map(|i| format!("X{i}: a\r\n")).collect();
        let bytes = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        let mut rng = SmallRng::seed_from_u64(1);
        let (calls, _) = exchange(bytes.as_bytes(), &mut rng).await;
        assert_eq!(calls[0].head.as_ref().unwrap().headers.len(), crate::HEADER_LINES_MAX);

        let (calls, _) = exchange(head(HEAD_BYTES_MAX).as_bytes(), &mut rng).await;
        assert!(calls[0].head.is_ok());
        let (calls, answers) = exchange_open(head(HEAD_BYTES_MAX + 1).as_bytes()).await;
        assert_eq!(calls[0].head.as_ref().err(), Some(&Refusal::HeadTooLarge));
        assert!(answers.starts_with("HTTP/1.1 431 "), "{answers}");
    });
}

#[test]
fn so_many_requests_may_be_pipelined_and_no_more() {
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let (mut tap, heads) = HeadTap::new(());
    let most = request.repeat(HEADS_WAITING_MAX);
    assert_eq!(tap.follow(most.as_bytes()), most.len());
    assert_eq!(tap.follow(request.repeat(2).as_bytes()), request.len());
    assert_eq!((0..HEADS_WAITING_MAX).filter(|_| heads.admit(Version::HTTP_11).is_ok()).count(), HEADS_WAITING_MAX);
    assert_eq!(heads.admit(Version::HTTP_11).err(), Some(Refusal::TooManyWaiting));
    assert_eq!(heads.admit(Version::HTTP_11).err(), Some(Refusal::Unseen));
    assert_eq!(heads.admit(Version::HTTP_2), Ok(None));
}

#[test]
fn a_head_that_comes_byte_by_byte_is_whole_at_its_last_byte() {
    let head = b"\r\n\r\nPOST /a?b HTTP/1.1\r\nHost: a\r\ncontent-LENGTH: 3\r\n\r\n";
    let (mut tap, heads) = HeadTap::new(());
    for byte in head {
        assert_eq!(heads.next(), None);
        assert_eq!(tap.follow(&[*byte]), 1);
    }
    let seen = heads.next().unwrap();
    assert_eq!((seen.target.as_ref(), seen.headers[1].name.as_ref()), (&b"/a?b"[..], &b"content-LENGTH"[..]));
    assert_eq!(tap.follow(b"xyzGET"), 6);
    assert_eq!(tap.held, b"GET");
}

#[test]
fn behind_an_upgrade_to_websocket_everything_passes() {
    let (mut tap, heads) = HeadTap::new(());
    let upgrade = b"GET /v1/socket?x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n";
    assert_eq!(tap.follow(upgrade), upgrade.len());
    assert!(heads.next().unwrap().refusal.is_none());
    let frames = b"\x81\x05Hello\n\nGET / HTTP/1.1\n\n";
    assert_eq!(tap.follow(frames), frames.len());
    assert_eq!(heads.next(), None);
    assert!(!tap.is_within_message());
}

#[test]
fn http_2_passes_however_it_is_split() {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    for at in 1..preface.len() {
        let (mut tap, heads) = HeadTap::new(());
        assert_eq!(tap.follow(&preface[..at]), at);
        assert_eq!(tap.follow(&preface[at..]), preface.len() - at);
        assert_eq!((heads.next(), tap.is_within_message()), (None, false), "split at {at}");
        assert_eq!(heads.admit(Version::HTTP_2), Ok(None));
    }
}

#[test]
fn an_upgrade_elsewhere_stays_http() {
    let (mut tap, heads) = HeadTap::new(());
    let request = b"GET /v1/webhooks/x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    tap.follow(request);
    tap.follow(request);
    assert!(heads.next().is_some() && heads.next().is_some());
}
