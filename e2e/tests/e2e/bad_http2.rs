//! HTTP/2 that means harm: frames by hand, at webhooks and at the agents' protocol.

use anyhow::{Context, Result, ensure};
use e2e::http2::{Ended, Http2, PREFACE, block, code, flag, frame, kind};
use e2e::{Server, World, story};
use serde_json::json;

use crate::neighbour::Neighbour;

/// How much of a flood is written at once, in bytes.
const WRITE_BYTES: usize = 64 * 1024;
/// What every test here leaves unread of a window that is never granted, in requests.
const STALLED: u32 = 100;

/// A request's headers, without the end of its stream.
type Request = Vec<(&'static str, String)>;

/// What a message with this fault ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The connection, after a GOAWAY or without.
    Connection,
    /// Its stream alone, reset or answered with a status from 400 to 499.
    Stream,
    /// It is a webhook all the same: what is wrong is dropped, as all trailers are.
    Taken,
}

use End::{Connection, Stream, Taken};

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_the_rules_of_http2_is_refused() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let bucket = server.api()?.make_bucket("deploys", json!({})).await?;
        let path = format!("/v1/webhooks/{}", bucket.input);
        let neighbour = Neighbour::of(&server, bucket.input).await?;
        let (mut wrong, mut taken) = (Vec::new(), 0);
        for (name, bytes, end) in bad_messages(&path).into_iter().chain(bad_headers(&path)) {
            let mut connection = Http2::open(server.address()).await?;
            connection.send(&bytes).await;
            taken += usize::from(end == Taken);
            if let Err(error) = ended(connection, end).await {
                wrong.push(format!("{name}: {error:#}"));
            }
        }
        ensure!(wrong.is_empty(), "{wrong:#?}");
        let sent = neighbour.was_unharmed().await?;
        assert_eq!(server.log().await?.events(bucket.id).await?, sent + taken, "none of the bad messages was kept");
        Ok(())
    })
    .await;
}

/// Waits for the end of what was sent. Where it is that of a stream, the connection still serves.
async fn ended(mut connection: Http2, end: End) -> Result<()> {
    match end {
        Connection => {
            let ended = connection.ended().await?;
            ensure!(ended.goaway() != Some(code::NO_ERROR), "{ended:?}");
        }
        Taken => {
            let answer = connection.hears(kind::HEADERS, 1).await?.context("the connection has ended")?;
            ensure!(answer.status() == Some(200), "it was answered {:?}", answer.status());
        }
        Stream => {
            loop {
                let frame = connection.next().await?.context("the connection has ended")?;
                let refused = frame.kind == kind::HEADERS && frame.status().is_some_and(|s| (400..500).contains(&s));
                if frame.stream == 1 && (refused || frame.kind == kind::RST_STREAM) {
                    break;
                }
                ensure!(frame.stream != 1 || frame.kind != kind::HEADERS, "it was answered {:?}", frame.status());
            }
            connection.send(&headers(101, true, &request("GET", "/livez"))).await;
            let answer = connection.hears(kind::HEADERS, 101).await?.context("the connection has ended")?;
            ensure!(answer.status() == Some(200), "{answer:?}");
        }
    }
    Ok(())
}

/// Frames that are wrong in themselves or where they are.
fn bad_messages(path: &str) -> Vec<(&'static str, Vec<u8>, End)> {
    let post = request("POST", path);
    let (open, whole) = (headers(1, false, &post), headers(1, true, &post));
    let after = |start: &[u8], rest: Vec<u8>| [start, &rest].concat();
    let with = |name: &'static str, value: &str| {
        let mut lines = post.clone();
        lines.push((name, value.to_owned()));
        lines
    };
    vec![
        ("bytes that are no frames", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100), Connection),
        ("a frame larger than allowed", frame(kind::DATA, 0, 1, &vec![0; 16_385]), Connection),
        ("data on the connection", frame(kind::DATA, 0, 0, b"x"), Connection),
        ("data before headers", frame(kind::DATA, 0, 1, b"x"), Connection),
        ("headers on the connection", frame(kind::HEADERS, flag::END_HEADERS, 0, &encoded(&post)), Connection),
        ("headers on a stream of the server", headers(2, true, &post), Connection),
        ("a promise", frame(kind::PUSH_PROMISE, flag::END_HEADERS, 1, &[0, 0, 0, 2]), Connection),
        ("a short ping", frame(kind::PING, 0, 0, &[0; 7]), Connection),
        ("a ping on a stream", frame(kind::PING, 0, 1, &[0; 8]), Connection),
        ("settings of five bytes", frame(kind::SETTINGS, 0, 0, &[0; 5]), Connection),
        ("settings on a stream", frame(kind::SETTINGS, 0, 1, &[]), Connection),
        ("an acknowledgement with settings", frame(kind::SETTINGS, flag::ACK, 0, &[0, 1, 0, 0, 0, 0]), Connection),
        ("a window beyond its limit", frame(kind::SETTINGS, 0, 0, &[0, 4, 0x80, 0, 0, 0]), Connection),
        ("frames of a size below the least", frame(kind::SETTINGS, 0, 0, &[0, 5, 0, 0, 0, 1]), Connection),
        ("a window that grows by nothing", frame(kind::WINDOW_UPDATE, 0, 0, &[0; 4]), Connection),
        ("a window that overflows", frame(kind::WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]).repeat(2), Connection),
        ("a reset of what is not there", frame(kind::RST_STREAM, 0, 1, &[0, 0, 0, 8]), Connection),
        ("more padding than there is", frame(kind::DATA, flag::PADDED, 1, &[200, 0]), Connection),
        (
            "padding over the headers",
            frame(kind::HEADERS, flag::PADDED | flag::END_HEADERS, 1, &after(&[255], encoded(&post))),
            Connection,
        ),
        (
            "something between headers",
            after(&frame(kind::HEADERS, 0, 1, &encoded(&post)), frame(kind::PING, 0, 0, &[0; 8])),
            Connection,
        ),
        (
            "more headers of another stream",
            after(&frame(kind::HEADERS, 0, 1, &encoded(&post)), frame(kind::CONTINUATION, 4, 3, &[])),
            Connection,
        ),
        ("more headers without headers", frame(kind::CONTINUATION, flag::END_HEADERS, 1, &[]), Connection),
        ("an index beyond the table", frame(kind::HEADERS, 5, 1, &[0xff, 0xff, 0xff, 0xff, 0x0f]), Connection),
        ("a literal longer than its block", frame(kind::HEADERS, 5, 1, &[0, 0x7f, 0xff, 0x7f, b'x']), Connection),
        ("a table larger than allowed", frame(kind::HEADERS, 5, 1, &[0x3f, 0xff, 0xff, 0x7f]), Connection),
        (
            "text that is no code of Huffman",
            frame(kind::HEADERS, 5, 1, &[0, 0x84, 0xff, 0xff, 0xff, 0xff, 0]),
            Connection,
        ),
        ("data behind the end", after(&whole, frame(kind::DATA, 0, 1, b"x")), Connection),
        ("a stream that depends on itself", frame(kind::PRIORITY, 0, 1, &[0, 0, 0, 1, 0]), Stream),
        (
            "a window of a stream that grows by nothing",
            after(&open, frame(kind::WINDOW_UPDATE, 0, 1, &[0; 4])),
            Connection,
        ),
        (
            "more data than was announced",
            after(&headers(1, false, &with("content-length", "1")), frame(kind::DATA, flag::END_STREAM, 1, b"xyz")),
            Stream,
        ),
        (
            "less data than was announced",
            after(&headers(1, false, &with("content-length", "9")), frame(kind::DATA, flag::END_STREAM, 1, b"xyz")),
            Stream,
        ),
        ("no data where some was announced", headers(1, true, &with("content-length", "9")), Stream),
        ("a length that is no number", headers(1, true, &with("content-length", "x")), Stream),
        ("trailers with a pseudo-header", after(&open, frame(kind::HEADERS, 5, 1, &block(&[(":path", "/")]))), Taken),
        (
            "trailers that do not end",
            after(&open, frame(kind::HEADERS, flag::END_HEADERS, 1, &block(&[("x", "y")]))),
            Stream,
        ),
    ]
}

/// Headers that no request may have.
fn bad_headers(path: &str) -> Vec<(&'static str, Vec<u8>, End)> {
    let post = request("POST", path);
    let with = |lines: &[(&'static str, &str)]| {
        let mut all = post.clone();
        all.extend(lines.iter().map(|(name, value)| (*name, (*value).to_owned())));
        headers(1, true, &all)
    };
    let without = |name: &str| headers(1, true, &post.iter().filter(|(n, _)| *n != name).cloned().collect());
    let changed = |name: &str, value: &str| {
        let lines = post.iter().map(|(n, v)| (*n, if *n == name { value.to_owned() } else { v.clone() }));
        headers(1, true, &lines.collect())
    };
    vec![
        ("a connection", with(&[("connection", "close")]), Stream),
        ("a transfer coding", with(&[("transfer-encoding", "chunked")]), Stream),
        ("an upgrade", with(&[("upgrade", "websocket")]), Stream),
        ("another te", with(&[("te", "gzip")]), Stream),
        ("a keep-alive", with(&[("keep-alive", "1")]), Stream),
        ("a proxy's connection", with(&[("proxy-connection", "keep-alive")]), Stream),
        ("a name in capitals", with(&[("X-Upper", "1")]), Connection),
        ("an empty name", with(&[("", "1")]), Connection),
        ("a name with a space", with(&[("a b", "1")]), Connection),
        ("a name with a colon", with(&[("a:b", "1")]), Connection),
        ("a line feed in a value", with(&[("x", "1\r\nhost: evil")]), Connection),
        ("a zero byte in a value", with(&[("x", "1\x002")]), Connection),
        ("a line feed in the path", changed(":path", "/v1/webhooks/x HTTP/1.1\r\nHost: evil\r\n\r\n"), Stream),
        ("a space in the path", changed(":path", "/v1/web hooks"), Stream),
        ("a path without a slash", changed(":path", "v1/webhooks"), Stream),
        ("an empty path", changed(":path", ""), Stream),
        ("an empty authority", changed(":authority", ""), Stream),
        ("an authority with a path", changed(":authority", "a/b"), Stream),
        ("a line feed in the authority", changed(":authority", "a\r\nx: y"), Stream),
        ("a scheme that is none", changed(":scheme", "ht tp"), Stream),
        ("a method that is none", changed(":method", "GET /"), Connection),
        ("no method", without(":method"), Stream),
        ("no path", without(":path"), Stream),
        ("no scheme", without(":scheme"), Stream),
        ("two methods", with(&[(":method", "GET")]), Stream),
        ("two paths", with(&[(":path", "/")]), Stream),
        ("a pseudo-header after others", with(&[("x", "1"), (":authority", "b")]), Stream),
        ("an unknown pseudo-header", with(&[(":x", "1")]), Connection),
        ("a status in a request", with(&[(":status", "200")]), Stream),
        ("two hosts", with(&[("host", "b")]), Stream),
        ("a tunnel", changed(":method", "CONNECT"), Stream),
        ("a tunnel for another protocol", with(&[(":protocol", "websocket")]), Stream),
        ("1,000 lines, 34 KB as they are counted", with(&[("x", "1"); 1_000]), Stream),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_end_their_connection_and_harm_nobody() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let bucket = server.api()?.make_bucket("deploys", json!({})).await?;
        let neighbour = Neighbour::of(&server, bucket.input).await?;
        for request in [request("POST", &format!("/v1/webhooks/{}", bucket.input)), session()] {
            for (name, flood) in floods(&request) {
                let ended = flooded(&server, &flood).await.with_context(|| name.to_owned())?;
                ensure!(ended.goaway() != Some(code::NO_ERROR), "{name}: {:?}", ended.frames.last());
            }
        }
        neighbour.was_unharmed().await?;
        Ok(())
    })
    .await;
}

/// Sends a flood until the server has had enough.
async fn flooded(server: &Server, flood: &[u8]) -> Result<Ended> {
    let mut connection = Http2::open(server.address()).await?;
    for part in flood.chunks(WRITE_BYTES) {
        if !connection.send(part).await {
            break;
        }
    }
    connection.ended().await
}

/// What asks for much and brings little.
fn floods(request: &Request) -> Vec<(&'static str, Vec<u8>)> {
    let streams = |count: u32, of: &dyn Fn(u32) -> Vec<u8>| (0..count).flat_map(|n| of(2 * n + 1)).collect::<Vec<u8>>();
    let open = headers(1, false, request);
    let start = frame(kind::HEADERS, 0, 1, &encoded(request));
    let line = block(&[("x", &"v".repeat(95))]);
    // One line of 4,000 bytes goes into the table, and is named many thousand times.
    let kept = [&[0x40, 1, b'x', 0x7f, 0xa1, 0x1e][..], &[b'v'; 4000]].concat();
    let bomb = [encoded(request), kept, vec![0xbe; 12_000]].concat();
    let after = |start: &[u8], one: Vec<u8>, count: usize| [start, &one.repeat(count)].concat();
    vec![
        (
            "streams that are reset at once",
            streams(20_000, &|n| [headers(n, false, request), frame(kind::RST_STREAM, 0, n, &[0, 0, 0, 8])].concat()),
        ),
        (
            "streams that make us reset them",
            streams(20_000, &|n| [headers(n, false, request), frame(kind::WINDOW_UPDATE, 0, n, &[0; 4])].concat()),
        ),
        ("headers that never end", after(&start, frame(kind::CONTINUATION, 0, 1, &line), 20_000)),
        ("empty headers that never end", after(&start, frame(kind::CONTINUATION, 0, 1, &[]), 100_000)),
        ("empty data", after(&open, frame(kind::DATA, 0, 1, &[]), 100_000)),
        (
            "padding alone",
            after(&open, frame(kind::DATA, flag::PADDED, 1, &[[100].as_slice(), &[0; 100]].concat()), 20_000),
        ),
        ("a bomb in the table", [cut(&bomb), frame(kind::PING, 0, 0, &[0; 8]).repeat(50_000)].concat()),
        ("pings", frame(kind::PING, 0, 0, &[0; 8]).repeat(50_000)),
        ("settings", frame(kind::SETTINGS, 0, 0, &[]).repeat(50_000)),
        ("settings that change", frame(kind::SETTINGS, 0, 0, &[0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 16, 0]).repeat(50_000)),
        ("priorities", frame(kind::PRIORITY, 0, 1, &[0, 0, 0, 3, 9]).repeat(50_000)),
        ("frames of an unknown kind", frame(0xee, 0, 0, b"?").repeat(50_000)),
        ("windows", after(&open, frame(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]), 50_000)),
    ]
}

/// A block in one HEADERS frame of stream 1.
fn cut(block: &[u8]) -> Vec<u8> {
    let (first, rest) = block.split_at(16_384.min(block.len()));
    match rest {
        [] => frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 1, first),
        rest => {
            [frame(kind::HEADERS, flag::END_STREAM, 1, first), frame(kind::CONTINUATION, flag::END_HEADERS, 1, rest)]
                .concat()
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_streams_are_open_at_a_time_and_none_of_them_holds_up_others() {
    const STREAMS: u32 = 1_000;
    const STREAMS_MAX: u32 = 128;
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let bucket = server.api()?.make_bucket("deploys", json!({})).await?;
        let neighbour = Neighbour::of(&server, bucket.input).await?;
        let post = request("POST", &format!("/v1/webhooks/{}", bucket.input));

        let mut many = Http2::open(server.address()).await?;
        let bytes: Vec<u8> = (0..STREAMS).flat_map(|n| headers(2 * n + 1, false, &post)).collect();
        many.send(&bytes).await;
        let mut refused = 0;
        while refused < STREAMS - STREAMS_MAX {
            let frame = many.next().await?.context("the connection has ended")?;
            refused += u32::from(frame.kind == kind::RST_STREAM && frame.code() == Some(code::REFUSED_STREAM));
        }

        // Nothing of these answers may be sent, ever.
        let no_window = frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
        let mut stalled = Http2::open_with(server.address(), &[PREFACE, &no_window].concat()).await?;
        let live = request("GET", "/livez");
        let bytes: Vec<u8> = (0..STALLED).flat_map(|n| headers(2 * n + 1, true, &live)).collect();
        stalled.send(&bytes).await;
        let mut heads = 0;
        while heads < STALLED {
            let frame = stalled.next().await?.context("the connection has ended")?;
            ensure!(frame.kind != kind::DATA);
            heads += u32::from(frame.kind == kind::HEADERS);
        }
        neighbour.was_unharmed().await?;
        Ok(())
    })
    .await;
}

/// The headers of a request.
fn request(method: &str, path: &str) -> Request {
    vec![
        (":method", method.to_owned()),
        (":scheme", "http".to_owned()),
        (":authority", "a".to_owned()),
        (":path", path.to_owned()),
    ]
}

/// The headers of a session of an agent, without credentials.
fn session() -> Request {
    let mut lines = request("POST", "/relay.agent.v1.Agent/Session");
    lines.push(("content-type", "application/grpc".to_owned()));
    lines.push(("te", "trailers".to_owned()));
    lines
}

fn encoded(request: &Request) -> Vec<u8> {
    block(&request.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>())
}

/// The frame that begins a stream.
fn headers(stream: u32, ends: bool, request: &Request) -> Vec<u8> {
    let flags = flag::END_HEADERS | if ends { flag::END_STREAM } else { 0 };
    frame(kind::HEADERS, flags, stream, &encoded(request))
}
