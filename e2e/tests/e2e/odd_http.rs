//! What is unusual HTTP and no more: it is taken for what it is, or refused, and harms nobody.

use e2e::{Arrival, World, story};

use crate::straight::Straight;

/// What becomes of a request.
enum Becomes {
    /// A webhook with this request line and body; none of these lines reaches the destination.
    Webhook(&'static str, &'static [u8], &'static [&'static str]),
    /// It gets this status, and no webhook comes of it.
    Status(u16),
}

use Becomes::{Status, Webhook};

const CASES: &[(&str, &str, Becomes)] = &[
    (
        "trailers end with the message",
        "POST /v1/webhooks/INPUT/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: Host\r\n\r\n\
         3\r\nabc\r\n0\r\nHost: evil\r\nContent-Length: 99\r\nX-Trailer: 1\r\n\r\n",
        Webhook("POST /hook/1 HTTP/1.1", b"abc", &["Host: evil", "Content-Length: 99", "X-Trailer", "Trailer:"]),
    ),
    (
        "chunk extensions end with the message",
        "POST /v1/webhooks/INPUT/2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n\
         3;a=\"0\";b\r\nabc\r\n000;c\r\n\r\n",
        Webhook("POST /hook/2 HTTP/1.1", b"abc", &["Transfer-Encoding"]),
    ),
    (
        "a GET with a body has one",
        "GET /v1/webhooks/INPUT/3 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        Webhook("GET /hook/3 HTTP/1.1", b"abc", &[]),
    ),
    (
        "no webhook becomes a WebSocket",
        "GET /v1/webhooks/INPUT/4 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        Webhook("GET /hook/4 HTTP/1.1", b"", &["Upgrade:"]),
    ),
    (
        "nor HTTP/2",
        "POST /v1/webhooks/INPUT/5 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nContent-Length: 3\r\n\r\nabc",
        Webhook("POST /hook/5 HTTP/1.1", b"abc", &["Upgrade:", "HTTP2-Settings"]),
    ),
    (
        "empty lines before a request",
        "\r\n\r\nPOST /v1/webhooks/INPUT/6 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        Webhook("POST /hook/6 HTTP/1.1", b"abc", &[]),
    ),
    (
        "an expectation that nobody knows",
        "POST /v1/webhooks/INPUT/7 HTTP/1.1\r\nHost: a\r\nExpect: the unexpected\r\nContent-Length: 3\r\n\r\nabc",
        Webhook("POST /hook/7 HTTP/1.1", b"abc", &["Expect"]),
    ),
    (
        "an expectation without a body",
        "GET /v1/webhooks/INPUT/8 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
        Webhook("GET /hook/8 HTTP/1.1", b"", &["Expect"]),
    ),
    (
        "a length with zeros",
        "POST /v1/webhooks/INPUT/9 HTTP/1.1\r\nHost: a\r\nContent-Length: 0000003\r\n\r\nabc",
        Webhook("POST /hook/9 HTTP/1.1", b"abc", &["Content-Length: 0000003"]),
    ),
    ("every method and the star", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", Status(404)),
    (
        "a path above the prefix",
        "POST /v1/webhooks/../buckets HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        Status(200),
    ),
    ("an escaped prefix", "POST /v1/%77ebhooks/INPUT HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", Status(404)),
    ("a prefix in capitals", "POST /V1/WEBHOOKS/INPUT HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", Status(404)),
    ("two slashes", "POST //v1/webhooks/INPUT HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", Status(404)),
];

#[tokio::test(flavor = "multi_thread")]
async fn unusual_requests_are_taken_for_what_they_are() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        let mut webhooks = 0;
        for (name, request, becomes) in CASES {
            let answer = straight.server.caller().send("POST", &for_input(&straight, request)).await?;
            match becomes {
                Status(status) => assert_eq!(answer.status, *status, "{name}: {}", answer.head),
                Webhook(line, body, absent) => {
                    assert_eq!(answer.status, 200, "{name}: {}", answer.head);
                    webhooks += 1;
                    let arrival = straight.destination.receives(webhooks).await?.swap_remove(webhooks - 1);
                    check_arrival(name, &arrival, line, body, absent);
                }
            }
        }
        straight.until_sent(webhooks).await?;
        assert_eq!(straight.destination.count(), webhooks, "nothing else has arrived");
        Ok(())
    })
    .await;
}

fn check_arrival(name: &str, arrival: &Arrival, line: &str, body: &[u8], absent: &[&str]) {
    let head = String::from_utf8_lossy(&arrival.head);
    assert_eq!((arrival.request_line().as_str(), arrival.body.as_slice()), (line, body), "{name}");
    for text in absent {
        assert!(!head.contains(text), "{name}: {head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_cut_at_every_byte_is_one_webhook() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        let whole = "POST /v1/webhooks/INPUT/a?b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        let request = for_input(&straight, whole);
        let mut connection = straight.server.connect().await?;
        for cut in 1..request.len() {
            connection.send(&request[..cut]).await?;
            tokio::task::yield_now().await;
            connection.send(&request[cut..]).await?;
            assert_eq!(connection.answer("POST").await?.status, 200, "cut at {cut}");
        }
        for byte in &request {
            connection.send(&[*byte]).await?;
        }
        assert_eq!(connection.answer("POST").await?.status, 200);
        let arrivals = straight.destination.receives(request.len()).await?;
        assert!(arrivals.iter().all(|arrival| arrival.body == b"abc"));
        assert!(arrivals.iter().all(|arrival| arrival.request_line() == "POST /hook/a?b HTTP/1.1"));
        assert_eq!(arrivals.len(), request.len());
        Ok(())
    })
    .await;
}

fn for_input(straight: &Straight, request: &str) -> Vec<u8> {
    request.replace("INPUT", &straight.bucket.input.to_string()).into_bytes()
}
