//! What the destination receives is byte for byte what the caller sent.

use anyhow::Result;
use e2e::{World, story};

use crate::straight::Straight;

/// How a body goes over the wire.
enum Body {
    /// There is none, and no line says anything about one.
    None,
    /// `Content-Length`, as the last line.
    Whole(Vec<u8>),
    /// `Transfer-Encoding: chunked`, as the last line, in pieces of so many bytes.
    Chunked(Vec<u8>, usize),
}

/// One webhook and what must come of it.
struct Case {
    name: &'static str,
    method: &'static str,
    /// What stands behind the input's id: extra path and query.
    suffix: &'static str,
    /// The lines after `Host`.
    lines: Vec<String>,
    body: Body,
    /// The lines that arrive, where they are not those that were sent.
    arrives: Option<Vec<String>>,
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_arrive_as_they_are() {
    let methods =
        ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "M-SEARCH", "purge", "X"];
    check(methods.into_iter().map(|method| Case { method, ..case(method) })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_arrive_as_they_are() {
    let every_byte: Vec<u8> = (0..=255).collect();
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03K\xcb\xcf\x07\0!es\x8c\x03\0\0\0".to_vec();
    let multipart = "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.bin\"\r\n\r\n\0\u{1}\r\n--b--\r\n";
    check([
        post("binary", Body::Whole(every_byte.repeat(8))),
        post("no body at all", Body::None),
        post("an empty body", Body::Whole(Vec::new())),
        post("one byte", Body::Whole(vec![0])),
        post("what looks like another request", Body::Whole(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec())),
        post("chunked", Body::Chunked(b"chunk by chunk".to_vec(), 5)),
        post("chunked and empty", Body::Chunked(Vec::new(), 1)),
        post("chunked in single bytes", Body::Chunked(every_byte.clone(), 1)),
        post("as large as fits in one piece", Body::Whole(every_byte.repeat(4096))),
        post("a byte larger than that", Body::Whole([every_byte.repeat(4096), vec![7]].concat())),
        post("10 MiB", Body::Whole(every_byte.repeat(4096 * 10))),
        post("10 MiB chunked", Body::Chunked(every_byte.repeat(4096 * 10), 65_000)),
        Case { lines: lines(["Content-Type: application/json"]), ..post("JSON", whole("{\"é\": [1, 2.0, null]}\n")) },
        Case {
            lines: lines(["Content-Type: application/x-www-form-urlencoded"]),
            ..post("form", whole("a=1&a=2&b=%20+%C3%A9&&=&c"))
        },
        Case { lines: lines(["Content-Type: multipart/form-data; boundary=b"]), ..post("multipart", whole(multipart)) },
        Case {
            lines: lines(["Content-Encoding: gzip", "Accept-Encoding: gzip, br"]),
            ..post("gzip is left alone", Body::Whole(gzip))
        },
        Case { method: "GET", ..post("GET with a body", whole("why not")) },
        Case { method: "DELETE", ..post("DELETE with a body", whole("{}")) },
        Case {
            lines: lines(["Expect: 100-continue"]),
            arrives: Some(Vec::new()),
            ..post("a caller that would have waited", whole("soon"))
        },
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_and_queries_arrive_as_they_are() {
    let suffixes = [
        "/",
        "//",
        "/a",
        "/a/",
        "/a//b",
        "/a/./b",
        "/a/../b",
        "/a%2Fb",
        "/%61",
        "/sp%20ace",
        "/semi;colon=1,2",
        "/~._-",
        "/p@th:8080",
        "/a&b=c",
        "/%C3%A9",
        "/%ff%00",
        "?",
        "??",
        "?a",
        "?a=",
        "?a=1&a=2",
        "?b=2&a=1",
        "?a=%zz&%",
        "?q=a+b%20c",
        "?next=/../../etc",
        "?url=http://x/y?z",
        "?%F0%9F%A6%80",
        "?a[]=1&a[0]=2",
        "?'`{}|\\^[]",
        "/x?y=/z?",
    ];
    check(suffixes.into_iter().map(|suffix| Case { suffix, ..case(suffix) })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn header_lines_arrive_as_they_are() {
    let long = format!("X-Long: {}", "x".repeat(16 * 1024));
    let many: Vec<String> = (0..90).map(|n| format!("X-Many: {n}")).collect();
    check([
        headers("odd case", ["x-lower: a", "X-UPPER: B", "X-mIxEd: c", "CONTENT-type: text/plain", "aCCEPT: */*"]),
        headers("duplicates in order", ["X-A: 1", "X-B: 2", "x-a: 3", "X-A: 1", "X-B: 2"]),
        headers("no merging of lists", ["Accept: text/html", "Accept: text/plain", "Cookie: a=1", "Cookie: b=2"]),
        headers("empty values", ["X-Empty: ", "X-After: 1"]),
        headers("white space within a value", ["X-Spaces: a  b\tc"]),
        headers("bytes beyond ASCII", ["X-Utf8: é 🦀", "X-Name: \u{a0}x"]),
        headers(
            "what signatures are made of",
            [
                "X-Hub-Signature-256: sha256=00ff",
                "Stripe-Signature: t=1,v1=aa,v1=bb",
                "webhook-id: msg_1",
                "webhook-signature: v1,aGk= v1,aG8=",
            ],
        ),
        headers("credentials for the destination", ["Authorization: Basic dTpw", "Cookie: session=1"]),
        headers("every character of a name", ["!#$%&'*+-.^_`|~09azAZ: 1"]),
        headers(
            "what proxies before us said",
            ["X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1", "Via: 1.1 a"],
        ),
        Case { lines: vec![long], ..case("a long line") },
        Case { lines: many, ..case("many lines") },
        Case {
            lines: lines(["X-Before: 1", "X-Padded: \t a \t ", "X-Close:b", "X-After: 2"]),
            arrives: Some(lines(["X-Before: 1", "X-Padded: a", "X-Close: b", "X-After: 2"])),
            ..case("white space around a value is not part of it")
        },
        Case {
            lines: lines([
                "Connection: keep-alive, X-Hop",
                "Keep-Alive: timeout=5",
                "X-Hop: 1",
                "TE: trailers",
                "Proxy-Authorization: Basic dTpw",
                "X-End: 2",
            ]),
            arrives: Some(lines(["X-End: 2"])),
            ..case("lines of the connection end with it")
        },
        Case {
            lines: lines(["Relay-Event-Id: 00000000-0000-0000-0000-000000000000", "relay-attempt: 9", "X-End: 2"]),
            arrives: Some(lines(["X-End: 2"])),
            ..case("nobody but the relay names the event")
        },
    ])
    .await;
}

/// Sends every case and compares what arrives, all of it.
async fn check(cases: impl IntoIterator<Item = Case>) {
    let cases: Vec<Case> = cases.into_iter().collect();
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        for case in &cases {
            check_one(&straight, case).await?;
        }
        straight.until_sent(cases.len()).await?;
        assert_eq!(straight.destination.count(), cases.len(), "every webhook arrived once");
        Ok(())
    })
    .await;
}

async fn check_one(straight: &Straight, case: &Case) -> Result<()> {
    let before = straight.destination.count();
    let answer = straight.server.caller().send(case.method, &sent(straight, case)).await?;
    assert_eq!((answer.status, answer.body.len()), (200, 0), "{}: {}", case.name, answer.text());

    let arrivals = straight.destination.receives(before + 1).await?;
    let arrival = &arrivals[before];
    let head = String::from_utf8_lossy(&arrival.head);
    assert_eq!(head, expected_head(straight, case, &arrival.header("Relay-Event-Id").unwrap()), "{}", case.name);
    assert!(arrival.body == case.body.bytes(), "{}: the body has arrived as it was sent", case.name);
    Ok(())
}

fn sent(straight: &Straight, case: &Case) -> Vec<u8> {
    let mut lines = vec![
        format!("{} /v1/webhooks/{}{} HTTP/1.1", case.method, straight.bucket.input, case.suffix),
        format!("Host: {}", straight.server.address()),
    ];
    lines.extend(case.lines.iter().cloned());
    match &case.body {
        Body::None => {}
        Body::Whole(bytes) => lines.push(format!("Content-Length: {}", bytes.len())),
        Body::Chunked(..) => lines.push("Transfer-Encoding: chunked".to_owned()),
    }
    let mut message = format!("{}\r\n\r\n", lines.join("\r\n")).into_bytes();
    match &case.body {
        Body::None => {}
        Body::Whole(bytes) => message.extend_from_slice(bytes),
        Body::Chunked(bytes, size) => {
            for chunk in bytes.chunks(*size) {
                message.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                message.extend_from_slice(chunk);
                message.extend_from_slice(b"\r\n");
            }
            message.extend_from_slice(b"0\r\n\r\n");
        }
    }
    message
}

/// The caller's lines, with the destination's host before them and the relay's own after them.
fn expected_head(straight: &Straight, case: &Case, event: &str) -> String {
    let mut lines = vec![
        format!("{} /hook{} HTTP/1.1", case.method, case.suffix),
        format!("Host: {}", straight.destination.address()),
    ];
    lines.extend(case.arrives.as_ref().unwrap_or(&case.lines).iter().cloned());
    match &case.body {
        Body::None => {}
        Body::Whole(bytes) | Body::Chunked(bytes, _) => lines.push(format!("Content-Length: {}", bytes.len())),
    }
    lines.extend([
        "X-Forwarded-For: 127.0.0.1".to_owned(),
        format!("X-Forwarded-Host: {}", straight.server.address()),
        "X-Forwarded-Proto: http".to_owned(),
        format!("Relay-Event-Id: {event}"),
        "Relay-Attempt: 1".to_owned(),
    ]);
    format!("{}\r\n\r\n", lines.join("\r\n"))
}

fn case(name: &'static str) -> Case {
    Case { name, method: "GET", suffix: "", lines: Vec::new(), body: Body::None, arrives: None }
}

fn post(name: &'static str, body: Body) -> Case {
    Case { method: "POST", body, ..case(name) }
}

fn headers<const N: usize>(name: &'static str, sent: [&str; N]) -> Case {
    Case { lines: lines(sent), ..post(name, whole("{}")) }
}

fn lines<const N: usize>(lines: [&str; N]) -> Vec<String> {
    lines.map(str::to_owned).to_vec()
}

fn whole(text: &str) -> Body {
    Body::Whole(text.as_bytes().to_vec())
}

impl Body {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::None => &[],
            Self::Whole(bytes) | Self::Chunked(bytes, _) => bytes,
        }
    }
}
