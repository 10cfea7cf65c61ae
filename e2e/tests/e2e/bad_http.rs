//! What is no proper HTTP is refused or cut off, and harms nobody else.

use anyhow::Result;
use e2e::wait::until;
use e2e::{World, story};

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
    ])
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

fn raw(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn for_input(request: &[u8], straight: &Straight) -> Vec<u8> {
    let Some(at) = request.windows(5).position(|part| part == b"INPUT") else { return request.to_vec() };
    [&request[..at], input(straight).as_bytes(), &request[at + 5..]].concat()
}

fn input(straight: &Straight) -> String {
    straight.bucket.input.to_string()
}
