//! What is no proper HTTP is refused or cut off, and harms nobody else.

use std::time::Duration;

use anyhow::Result;
use e2e::http::Connection;
use e2e::wait::until;
use e2e::{World, story};
use tokio::task::JoinSet;

use crate::neighbour::Neighbour;
use crate::straight::Straight;

/// How a bad request may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Answered with a status from 400 to 499, and closed.
    Refused,
    /// Answered with one of those, or closed without an answer.
    RefusedOrClosed,
}

#[tokio::test(flavor = "multi_thread")]
async fn ambiguous_framing_is_refused() {
    check(&[
        (
            "both length and chunked",
            post("Host: a|Content-Length: 5|Transfer-Encoding: chunked", "0\r\n\r\n"),
            End::Refused,
        ),
        ("chunked and length", post("Host: a|Transfer-Encoding: chunked|Content-Length: 5", "0\r\n\r\n"), End::Refused),
        ("two lengths", post("Host: a|Content-Length: 1|Content-Length: 2", "ab"), End::Refused),
        ("the same length twice", post("Host: a|Content-Length: 1|Content-Length: 1", "a"), End::Refused),
        ("a list of lengths", post("Host: a|Content-Length: 1, 1", "a"), End::Refused),
        ("a signed length", post("Host: a|Content-Length: +1", "a"), End::Refused),
        ("a negative length", post("Host: a|Content-Length: -1", ""), End::Refused),
        ("a length beyond numbers", post("Host: a|Content-Length: 99999999999999999999", ""), End::Refused),
        ("another coding", post("Host: a|Transfer-Encoding: gzip, chunked", "0\r\n\r\n"), End::Refused),
        (
            "chunked twice",
            post("Host: a|Transfer-Encoding: chunked|Transfer-Encoding: chunked", "0\r\n\r\n"),
            End::Refused,
        ),
        ("chunked in disguise", post("Host: a|Transfer-Encoding: xchunked", "0\r\n\r\n"), End::Refused),
        (
            "a chunk size that is none",
            post("Host: a|Transfer-Encoding: chunked", "zz\r\na\r\n0\r\n\r\n"),
            End::RefusedOrClosed,
        ),
        (
            "a chunk size beyond numbers",
            post("Host: a|Transfer-Encoding: chunked", "fffffffffffffffff\r\n"),
            End::RefusedOrClosed,
        ),
        ("two equal lengths in a list", post("Host: a|Content-Length: 3, 3", "abc"), End::Refused),
        ("a hexadecimal length", post("Host: a|Content-Length: 0x3", "abc"), End::Refused),
        ("a length with an exponent", post("Host: a|Content-Length: 1e1", "abc"), End::Refused),
        ("a length one above numbers", post("Host: a|Content-Length: 18446744073709551616", ""), End::Refused),
        ("an empty length", post("Host: a|Content-Length: ", ""), End::Refused),
        ("a coding after chunked", post("Host: a|Transfer-Encoding: chunked, identity", "0\r\n\r\n"), End::Refused),
        ("identity alone", post("Host: a|Transfer-Encoding: identity", "abc"), End::Refused),
        ("a vertical tab before chunked", post("Host: a|Transfer-Encoding: \u{b}chunked", "0\r\n\r\n"), End::Refused),
        ("quoted chunked", post("Host: a|Transfer-Encoding: \"chunked\"", "0\r\n\r\n"), End::Refused),
        (
            "chunked over HTTP/1.0",
            raw("POST /v1/webhooks/INPUT HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            End::Refused,
        ),
        (
            "a connection that takes the length away",
            post("Host: a|Connection: Content-Length|Content-Length: 1", "a"),
            End::Refused,
        ),
        (
            "a connection that takes the coding away",
            post("Host: a|Connection: close, transfer-encoding|Transfer-Encoding: chunked", "0\r\n\r\n"),
            End::Refused,
        ),
        (
            "a connection that takes the credentials away",
            post("Host: a|Connection: authorization|Authorization: Basic dTpw|Content-Length: 0", ""),
            End::Refused,
        ),
        ("a hexadecimal prefix of a chunk", chunked("0x1\r\na\r\n0\r\n\r\n"), End::RefusedOrClosed),
        ("a signed chunk", chunked("+1\r\na\r\n0\r\n\r\n"), End::RefusedOrClosed),
        ("a bare line feed after a chunk's size", chunked("1\na\r\n0\r\n\r\n"), End::RefusedOrClosed),
        ("a bare line feed in an extension", chunked("1;x\na\r\n0\r\n\r\n"), End::RefusedOrClosed),
        ("data longer than its chunk", chunked("1\r\nab\r\n0\r\n\r\n"), End::RefusedOrClosed),
        ("data shorter than its chunk", chunked("3\r\nab\r\n0\r\n\r\n"), End::RefusedOrClosed),
        (
            "an extension of 20 KB",
            chunked(&format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(20_000))),
            End::RefusedOrClosed,
        ),
        (
            "a trailer of 100 KB",
            chunked(&format!("1\r\na\r\n0\r\nX: {}\r\n\r\n", "x".repeat(100_000))),
            End::RefusedOrClosed,
        ),
        (
            "a thousand trailers",
            chunked(&format!("1\r\na\r\n0\r\n{}\r\n", "X: 1\r\n".repeat(1_000))),
            End::RefusedOrClosed,
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_behind_a_refused_request_is_served() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        let bad = [
            "Host: a|Content-Length: 5|Transfer-Encoding: chunked",
            "Host: a|Content-Length: 1|Content-Length: 1",
            "Host: a|Host: b|Content-Length: 0",
            "Host: a|Connection: host|Content-Length: 0",
        ];
        for lines in bad {
            let good = post("Host: a|Content-Length: 8", "smuggled");
            let both = for_input(&[post(lines, ""), for_input(&good, &straight)].concat(), &straight);
            let mut connection = straight.server.connect().await?;
            connection.send(&both).await?;
            assert_eq!(connection.answer("POST").await?.status, 400, "{lines}");
            assert!(connection.answer("POST").await.is_err(), "{lines}: the connection ends with the first answer");
        }
        check_unharmed(&straight).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_heads_are_refused() {
    let bomb: String = (0..10_000).map(|n| format!("X-{n}: 1|")).collect();
    let long = format!("Host: a|X-Long: {}", "x".repeat(1024 * 1024));
    check(&[
        ("two hosts", post("Host: a|Host: b|Content-Length: 0", ""), End::Refused),
        ("no host", post("Content-Length: 0", ""), End::Refused),
        ("a host with a path", post("Host: a/b|Content-Length: 0", ""), End::Refused),
        ("a bare line feed", raw("POST /v1/webhooks/INPUT HTTP/1.1\nHost: a\nContent-Length: 0\n\n"), End::Refused),
        ("a folded line", post("Host: a|X-Folded: 1\r\n 2|Content-Length: 0", ""), End::Refused),
        ("a space before the colon", post("Host: a|X-Space : 1|Content-Length: 0", ""), End::Refused),
        ("a name with a space", post("Host: a|X Space: 1|Content-Length: 0", ""), End::Refused),
        ("a zero byte in a value", post("Host: a|X-Zero: \0|Content-Length: 0", ""), End::Refused),
        ("a line without a colon", post("Host: a|nothing|Content-Length: 0", ""), End::Refused),
        ("a thousand lines", post(&format!("Host: a|{bomb}Content-Length: 0"), ""), End::RefusedOrClosed),
        ("a line of a megabyte", post(&long, ""), End::RefusedOrClosed),
        ("a target with a space", raw("GET /v1/webhooks/INPUT/a b HTTP/1.1\r\nHost: a\r\n\r\n"), End::Refused),
        ("a target with angle brackets", raw("GET /v1/webhooks/INPUT?<a> HTTP/1.1\r\nHost: a\r\n\r\n"), End::Refused),
        ("another host in the target", raw("GET http://b/v1/webhooks/INPUT HTTP/1.1\r\nHost: a\r\n\r\n"), End::Refused),
        ("a tunnel", raw("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"), End::Refused),
        ("another protocol", raw("GET /v1/webhooks/INPUT HTTP/3.0\r\nHost: a\r\n\r\n"), End::RefusedOrClosed),
        (
            "a greeting of TLS",
            vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0, 0, b'\r', b'\n', b'\r', b'\n'],
            End::RefusedOrClosed,
        ),
        ("a connection that takes the host away", post("Host: a|Connection: host|Content-Length: 0", ""), End::Refused),
        ("a bare carriage return", post("Host: a|X-Cr: a\rb|Content-Length: 0", ""), End::Refused),
        (
            "a line that begins with a space",
            raw("GET /v1/webhooks/INPUT HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n"),
            End::Refused,
        ),
        ("an empty name", post("Host: a|: 1|Content-Length: 0", ""), End::Refused),
        ("a name that is not ASCII", post("Host: a|X-é: 1|Content-Length: 0", ""), End::Refused),
        ("a zero byte in the target", raw("GET /v1/webhooks/INPUT/\0 HTTP/1.1\r\nHost: a\r\n\r\n"), End::Refused),
        (
            "a target that is not ASCII",
            bytes(b"GET /v1/webhooks/INPUT/\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n"),
            End::Refused,
        ),
        (
            "a target of 70 KB",
            raw(&format!("GET /v1/webhooks/INPUT/{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(70_000))),
            End::Refused,
        ),
        ("a target that is an authority", raw("GET a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"), End::Refused),
        ("a star for another method", raw("POST * HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"), End::Refused),
        ("a target without a slash", raw("GET v1/webhooks/INPUT HTTP/1.1\r\nHost: a\r\n\r\n"), End::Refused),
        ("a target with a fragment", raw("GET /v1/webhooks/INPUT#a HTTP/1.1\r\nHost: a\r\n\r\n"), End::Refused),
        ("no target", raw("GET  HTTP/1.1\r\nHost: a\r\n\r\n"), End::Refused),
        ("a method that is not ASCII", raw("GÉT /v1/webhooks/INPUT HTTP/1.1\r\nHost: a\r\n\r\n"), End::Refused),
        ("HTTP/1.2", raw("GET /v1/webhooks/INPUT HTTP/1.2\r\nHost: a\r\n\r\n"), End::RefusedOrClosed),
        ("HTTP/0.9", raw("GET /v1/webhooks/INPUT\r\n"), End::RefusedOrClosed),
        ("another word for HTTP", raw("GET /v1/webhooks/INPUT ICAP/1.1\r\nHost: a\r\n\r\n"), End::RefusedOrClosed),
        ("101 lines", post(&format!("Host: a|{}Content-Length: 0", "X: 1|".repeat(99)), ""), End::Refused),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_callers_are_cut_off() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        let head =
            String::from_utf8(post("Host: a|Content-Length: 100000", "some"))?.replace("INPUT", &input(&straight));
        let slow = [("nothing", ""), ("half a head", "POST /v1/webhooks/"), ("half a body", &head)];
        let cut = slow.map(|(name, start)| {
            let server = &straight.server;
            async move {
                let mut connection = server.connect().await?;
                connection.send(start.as_bytes()).await?;
                until(&format!("who sends {name} is cut off"), async || {
                    connection.closed().await;
                    Ok(Some(()))
                })
                .await
            }
        });
        let (nothing, half_head, half_body) = {
            let [a, b, c] = cut;
            tokio::join!(a, b, c)
        };
        nothing.and(half_head).and(half_body)?;
        check_unharmed(&straight).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_slow_callers_are_cut_off_and_harm_nobody() {
    /// Of each of the three kinds.
    const CALLERS: usize = 150;
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        let neighbour = Neighbour::of(&straight.server, straight.bucket.input).await?;
        let body = for_input(&post("Host: a|Content-Length: 100000", ""), &straight);
        let slow = [b"".as_slice(), b"POST /v1/webhooks/x HTTP/1.1\r\nX: ", &body];
        let mut callers = JoinSet::new();
        for start in slow {
            for _ in 0..CALLERS {
                let mut connection = straight.server.connect().await?;
                connection.send(start).await?;
                callers.spawn(trickle(connection, start.is_empty()));
            }
        }
        until("all of them are cut off", async || {
            while let Some(cut) = callers.join_next().await {
                cut?;
            }
            Ok(Some(()))
        })
        .await?;
        neighbour.was_unharmed().await?;
        Ok(())
    })
    .await;
}

/// Sends a byte now and then, unless it is one that says nothing, until it is cut off.
async fn trickle(mut connection: Connection, silent: bool) {
    let mut drip = tokio::time::interval(Duration::from_millis(500));
    while !silent && connection.send(b"x").await.is_ok() {
        drip.tick().await;
    }
    connection.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_ends_early_is_no_webhook() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        for start in [post("Host: a|Content-Length: 10", "half"), post("Host: a|Transfer-Encoding: chunked", "5\r\nha")]
        {
            let mut connection = straight.server.connect().await?;
            connection.send(&for_input(&start, &straight)).await?;
        }
        check_unharmed(&straight).await
    })
    .await;
}

/// Sends each of these on a connection of its own.
async fn check(requests: &[(&str, Vec<u8>, End)]) {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        for (name, request, end) in requests {
            let mut connection = straight.server.connect().await?;
            // It may be cut off before all of it is taken.
            let sent = connection.send(&for_input(request, &straight)).await;
            let answer = match sent {
                Ok(()) => connection.answer("POST").await,
                Err(error) => Err(error.into()),
            };
            match answer {
                Ok(answer) => assert!((400..500).contains(&answer.status), "{name}: {}", answer.head),
                Err(error) => assert_eq!(*end, End::RefusedOrClosed, "{name}: {error:#}"),
            }
            until(&format!("the connection is closed after {name}"), async || {
                connection.closed().await;
                Ok(Some(()))
            })
            .await?;
        }
        check_unharmed(&straight).await
    })
    .await;
}

/// A webhook after all that arrives, and it is the only one.
async fn check_unharmed(straight: &Straight) -> Result<()> {
    straight.send_through(1).await?;
    straight.until_sent(1).await?;
    assert_eq!(straight.destination.count(), 1, "none of the bad requests arrived");
    assert_eq!(straight.log.events(straight.bucket.id).await?, 1, "none of the bad requests was kept");
    Ok(())
}

/// A POST with these lines, separated by `|`, and this body.
fn post(lines: &str, body: &str) -> Vec<u8> {
    raw(&format!("POST /v1/webhooks/INPUT HTTP/1.1\r\n{}\r\n\r\n{body}", lines.replace('|', "\r\n")))
}

/// A POST with this chunked body.
fn chunked(body: &str) -> Vec<u8> {
    post("Host: a|Transfer-Encoding: chunked", body)
}

fn raw(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn bytes(text: &[u8]) -> Vec<u8> {
    text.to_vec()
}

fn for_input(request: &[u8], straight: &Straight) -> Vec<u8> {
    let Some(at) = request.windows(5).position(|part| part == b"INPUT") else { return request.to_vec() };
    [&request[..at], input(straight).as_bytes(), &request[at + 5..]].concat()
}

fn input(straight: &Straight) -> String {
    straight.bucket.input.to_string()
}
