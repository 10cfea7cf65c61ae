//! RFC 6455 frame by frame, in the manner of the Autobahn test suite: what each may end in is a table.

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use e2e::frames::{BINARY, CLOSE, CONTINUATION, FIN, Frames, PING, PONG, TEXT, frame};
use e2e::process::resident_bytes_max;
use e2e::wait::{holds, until};
use e2e::{Server, World, story};
use serde_json::json;

use crate::neighbour::Neighbour;

/// The largest message that the public socket takes, in bytes.
const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// What every handshake says.
const HANDSHAKE: [&str; 4] = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/// What frames end in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Nothing: the next ping is answered. Then the client closes, and is answered alike.
    Goes,
    /// The server closes with this code.
    Code(u16),
}

use End::{Code, Goes};

type Case = (String, Vec<u8>, End);

#[tokio::test(flavor = "multi_thread")]
async fn the_public_socket_keeps_to_the_standard() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let bucket = server.api()?.make_bucket("deploys", json!({})).await?;
        let neighbour = Neighbour::of(&server, bucket.input).await?;
        for (name, bytes, end) in cases() {
            check(&server, &bytes, end).await.with_context(|| name)?;
        }
        neighbour.was_unharmed().await?;
        Ok(())
    })
    .await;
}

async fn check(server: &Server, bytes: &[u8], end: End) -> Result<()> {
    let mut socket = opened(Frames::open(server.address(), "/v1/socket", &HANDSHAKE).await?)?;
    socket.send(bytes).await;
    if end == Goes {
        socket.send(&frame(FIN | PING, b"still there?")).await;
        loop {
            let heard = socket.hear().await?.context("closed without a word")?;
            ensure!(heard.first != FIN | CLOSE, "closed: {:?}", heard.payload);
            if heard.payload == b"still there?" {
                ensure!(heard.first == FIN | PONG);
                break;
            }
        }
        socket.send(&frame(FIN | CLOSE, &close(1000, ""))).await;
    }
    let expected = match end {
        Goes => 1000,
        Code(code) => code,
    };
    let code = socket.closed().await?;
    ensure!(code == Some(expected), "closed with {code:?} and not {expected}");
    Ok(())
}

fn opened(opened: Result<Frames, e2e::http::Answer>) -> Result<Frames> {
    opened.map_err(|answer| anyhow::anyhow!("no WebSocket: {}", answer.head))
}

fn close(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

fn cases() -> Vec<Case> {
    [messages(), control(), reserved(), fragments(), utf8(), closing()].into_iter().flatten().collect()
}

fn case(name: impl Into<String>, bytes: Vec<u8>, end: End) -> Case {
    (name.into(), bytes, end)
}

/// Autobahn's sections 1 and 9: sizes.
fn messages() -> Vec<Case> {
    let mut cases = Vec::new();
    for size in [0, 1, 125, 126, 127, 128, 65_535, 65_536, MESSAGE_BYTES_MAX] {
        cases.push(case(format!("a text of {size} bytes"), frame(FIN | TEXT, &vec![b'*'; size]), Goes));
        cases.push(case(format!("{size} bytes, binary"), frame(FIN | BINARY, &vec![0xfe; size]), Goes));
    }
    let long = |length: u64| [&[FIN | TEXT, 0xff], length.to_be_bytes().as_slice(), &[0; 4]].concat();
    cases.extend([
        case("a text over the limit", frame(FIN | TEXT, &vec![b'*'; MESSAGE_BYTES_MAX + 1]), Code(1009)),
        case("binary over the limit", frame(FIN | BINARY, &vec![0; MESSAGE_BYTES_MAX + 1]), Code(1009)),
        case("a length of 4 GiB and nothing more", long(1 << 32), Code(1009)),
        case("a length of 2^63 - 1", long(u64::MAX >> 1), Code(1009)),
        case("a length with the highest bit", long(u64::MAX), Code(1009)),
        case("not masked", [&[FIN | TEXT, 2][..], b"{}"].concat(), Code(1002)),
        case("JSON that means nothing", frame(FIN | TEXT, b"{\"action\": [[[]]]}"), Goes),
        case("JSON of 100,000 levels", frame(FIN | TEXT, &vec![b'['; 100_000]), Goes),
    ]);
    cases
}

/// Section 2: pings and pongs.
fn control() -> Vec<Case> {
    vec![
        case("an empty ping", frame(FIN | PING, b""), Goes),
        case("a ping of 125 bytes", frame(FIN | PING, &[0xfe; 125]), Goes),
        case("a ping of 126 bytes", frame(FIN | PING, &[0xfe; 126]), Code(1002)),
        case("a ping that goes on", frame(PING, b"a"), Code(1002)),
        case("a pong that goes on", frame(PONG, b"a"), Code(1002)),
        case("a pong that nobody asked for", frame(FIN | PONG, b"a"), Goes),
        case("a pong of 126 bytes", frame(FIN | PONG, &[0; 126]), Code(1002)),
        case("ten pings", frame(FIN | PING, b"p").repeat(10), Goes),
        case("a hundred thousand pings", frame(FIN | PING, b"p").repeat(100_000), Goes),
        case("a hundred thousand pongs", frame(FIN | PONG, b"p").repeat(100_000), Goes),
    ]
}

/// Sections 3 and 4: bits and kinds that mean nothing.
fn reserved() -> Vec<Case> {
    let mut cases = Vec::new();
    for bits in [0x40, 0x20, 0x10, 0x70] {
        for kind in [TEXT, PING] {
            cases.push(case(format!("bits {bits:#x} of kind {kind}"), frame(FIN | bits | kind, b"{}"), Code(1002)));
        }
    }
    for kind in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        cases.push(case(format!("kind {kind}"), frame(FIN | kind, b""), Code(1002)));
    }
    cases
}

/// Section 5: messages in pieces.
fn fragments() -> Vec<Case> {
    let pieces = |frames: &[(u8, &[u8])]| frames.iter().flat_map(|(first, payload)| frame(*first, payload)).collect();
    let many = |one: Vec<u8>, count: usize| [frame(TEXT, b""), one.repeat(count)].concat();
    vec![
        case("two pieces", pieces(&[(TEXT, b"{"), (FIN | CONTINUATION, b"}")]), Goes),
        case("empty pieces", pieces(&[(TEXT, b""), (CONTINUATION, b""), (FIN, b"")]), Goes),
        case("a ping between pieces", pieces(&[(TEXT, b"{"), (FIN | PING, b"p"), (FIN, b"}")]), Goes),
        case("a close between pieces", pieces(&[(TEXT, b"{"), (FIN | CLOSE, &close(1001, ""))]), Code(1001)),
        case("a piece of nothing", pieces(&[(FIN, b"a")]), Code(1002)),
        case("a first piece of nothing", pieces(&[(CONTINUATION, b"a")]), Code(1002)),
        case("a text within a text", pieces(&[(TEXT, b"a"), (FIN | TEXT, b"b")]), Code(1002)),
        case("binary within a text", pieces(&[(TEXT, b"a"), (BINARY, b"b")]), Code(1002)),
        case("a piece after the last", pieces(&[(TEXT, b"a"), (FIN, b"b"), (FIN, b"c")]), Code(1002)),
        case("100,000 pieces of a byte", [many(frame(CONTINUATION, b"x"), 100_000), frame(FIN, b"")].concat(), Goes),
        case("100,000 pieces of nothing", [many(frame(CONTINUATION, b""), 100_000), frame(FIN, b"")].concat(), Goes),
        case("pieces over the limit", many(frame(CONTINUATION, &[b'x'; 1024]), 257), Code(1009)),
    ]
}

/// Section 6: text that is UTF-8, and text that is not.
fn utf8() -> Vec<Case> {
    let mut cases = Vec::new();
    let text = "κόσμε🦀";
    for cut in 0..=text.len() {
        let (a, b) = text.as_bytes().split_at(cut);
        let bytes = [frame(TEXT, a), frame(FIN | CONTINUATION, b)].concat();
        cases.push(case(format!("a text cut at byte {cut}"), bytes, Goes));
    }
    let bad: [&[u8]; 12] = [
        b"\xff",
        b"\xfe\xff",
        b"\x80",
        b"a\xc0\x80",
        b"\xc1\xbf",
        b"\xe0\x9f\xbf",
        b"\xed\xa0\x80",
        b"\xf0\x8f\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xe2\x82",
        b"ok\xf0\x9f\xa6",
    ];
    for bytes in bad {
        cases.push(case(format!("{bytes:x?}"), frame(FIN | TEXT, bytes), Code(1007)));
        let (a, b) = bytes.split_at(bytes.len() / 2);
        cases.push(case(format!("{bytes:x?} in pieces"), [frame(TEXT, a), frame(FIN, b)].concat(), Code(1007)));
        cases.push(case(format!("{bytes:x?}, binary"), frame(FIN | BINARY, bytes), Goes));
    }
    cases
}

/// Section 7: how a client closes.
fn closing() -> Vec<Case> {
    let closes = |payload: &[u8]| frame(FIN | CLOSE, payload);
    let mut cases = vec![
        case("without a code", closes(b""), Code(1005)),
        case("half a code", closes(&[3]), Code(1002)),
        case("with a reason of 123 bytes", closes(&close(1000, &"r".repeat(123))), Code(1000)),
        case("with 126 bytes", closes(&close(1000, &"r".repeat(124))), Code(1002)),
        case("with a reason that is no text", closes(&[3, 232, 0xff, 0xff]), Code(1007)),
        case("a close that goes on", frame(CLOSE, &close(1000, "")), Code(1002)),
        case("twice", closes(&close(1000, "")).repeat(2), Code(1000)),
        case("and more", [closes(&close(1000, "")), frame(FIN | TEXT, b"{}").repeat(10)].concat(), Code(1000)),
    ];
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999] {
        cases.push(case(format!("with {code}"), closes(&close(code, "")), Code(code)));
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        cases.push(case(format!("with {code}"), closes(&close(code, "")), Code(1002)));
    }
    cases
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agents_socket_closes_with_the_status_of_the_session() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let token = server.api()?.make_token(json!({})).await?;
        let basic =
            format!("Authorization: Basic {}", BASE64_STANDARD.encode(format!("{}:{}", token.key, token.secret)));
        let lines = [&HANDSHAKE[..], &["Sec-WebSocket-Protocol: relay.agent.v1", &basic]].concat();
        let faults = [messages(), control(), reserved(), fragments(), utf8(), closing()].into_iter().flatten();
        // Of what is right as frames, a text is no message of this protocol.
        let faults = faults.filter(|(_, bytes, end)| matches!(end, Code(1002 | 1007)) && bytes[0] & 0xf != CLOSE);
        for (name, bytes, _) in faults {
            let mut socket = opened(Frames::open(server.address(), "/v1/agent", &lines).await?)?;
            socket.send(&bytes).await;
            let code = socket.closed().await.with_context(|| name.clone())?;
            ensure!(code == Some(4003), "{name}: closed with {code:?}");
        }
        for (name, bytes, code) in [
            ("a text", frame(FIN | TEXT, b"hello"), 4003),
            ("no message", frame(FIN | BINARY, &[0xff; 64]), 4003),
            ("a frame over the limit", frame(FIN | BINARY, &vec![0; proto::MESSAGE_BYTES_MAX + 1]), 4011),
            (
                "pieces over the limit",
                [
                    frame(BINARY, b""),
                    frame(CONTINUATION, &vec![0; 1024 * 1024]).repeat(proto::MESSAGE_BYTES_MAX / 1024 / 1024 + 1),
                ]
                .concat(),
                4011,
            ),
        ] {
            let mut socket = opened(Frames::open(server.address(), "/v1/agent", &lines).await?)?;
            socket.send(&bytes).await;
            let closed = socket.closed().await.with_context(|| name.to_owned())?;
            ensure!(closed == Some(code), "{name}: closed with {closed:?}");
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_that_are_none_get_no_socket() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let without = |name: &str| HANDSHAKE.into_iter().filter(|line| !line.starts_with(name)).collect::<Vec<_>>();
        let with = |line: &'static str| [&HANDSHAKE[..], &[line]].concat();
        let changed = |name: &str, line: &'static str| [without(name), vec![line]].concat();
        let none = [
            without("Connection"),
            without("Upgrade"),
            without("Sec-WebSocket-Version"),
            without("Sec-WebSocket-Key"),
            changed("Connection", "Connection: close"),
            changed("Upgrade", "Upgrade: h2c"),
            changed("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"),
            changed("Sec-WebSocket-Version", "Sec-WebSocket-Version: 13, 8"),
            changed("Sec-WebSocket-Key", "Sec-WebSocket-Key: x"),
            changed("Sec-WebSocket-Key", "Sec-WebSocket-Key: AAAA"),
            changed("Sec-WebSocket-Key", "Sec-WebSocket-Key: \u{e9}"),
            vec![],
        ];
        for lines in none {
            let Err(answer) = Frames::open(server.address(), "/v1/socket", &lines).await? else { bail!("{lines:?}") };
            ensure!(answer.status == 426, "{lines:?}: {}", answer.head);
        }
        // A body before the frames would be taken for frames by one of two hops.
        for line in ["Content-Length: 4", "Transfer-Encoding: chunked"] {
            let Err(answer) = Frames::open(server.address(), "/v1/socket", &with(line)).await? else { bail!("{line}") };
            ensure!(answer.status == 400, "{line}: {}", answer.head);
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_costs_a_bounded_amount() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let bucket = server.api()?.make_bucket("deploys", json!({})).await?;
        let neighbour = Neighbour::of(&server, bucket.input).await?;
        // 64 MiB of pings: as many pongs would be kept, were they kept.
        let pings = frame(FIN | PING, &[b'p'; 125]).repeat(8 * 1024);
        let mut socket = opened(Frames::open(server.address(), "/v1/socket", &HANDSHAKE).await?)?;
        for _ in 0..64 {
            if !socket.send(&pings).await {
                break;
            }
        }
        neighbour.was_unharmed().await?;
        Ok(())
    })
    .await;
}

/// What a server may take in memory for the frames of one webhook, in bytes: those of all outputs take
/// more than twice as much.
const FRAMES_GROWTH_BYTES_MAX: u64 = 400 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn one_webhook_for_many_outputs_costs_a_bounded_amount() {
    const OUTPUTS: usize = 16;
    const BODY_BYTES: usize = 9 * 1024 * 1024;
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let (api, id) = (server.api()?, server.process().id().context("it has ended")?);
        let bucket = api.make_bucket("deploys", json!({})).await?;
        for n in 0..OUTPUTS {
            api.make_output(&bucket, "http://localhost:9/", json!({ "name": format!("o{n}") })).await?;
        }
        let token = api.make_token(json!({})).await?;
        let mut socket = opened(Frames::open(server.address(), "/v1/socket", &HANDSHAKE).await?)?;
        for said in [
            json!({ "action": "auth", "key": token.key, "secret": token.secret }),
            json!({ "action": "subscribe", "buckets": ["deploys"] }),
        ] {
            socket.send(&frame(FIN | TEXT, said.to_string().as_bytes())).await;
        }
        until("every output has a cursor", async || {
            let groups = api.call("GET", "/v1/groups", &json!(null), 200).await?;
            Ok(holds(groups.as_array().is_some_and(|groups| groups.len() == OUTPUTS)))
        })
        .await?;
        let before = resident_bytes_max(id)?;
        // Six bytes of text each.
        ensure!(server.caller().post(bucket.input, &vec![1; BODY_BYTES]).await?.status == 200);
        let mut webhooks = 0;
        while webhooks < OUTPUTS {
            let heard = socket.hear().await?.context("closed")?;
            ensure!(heard.first != FIN | CLOSE, "closed: {:?}", heard.payload);
            if heard.payload.len() > BODY_BYTES {
                webhooks += 1;
            } else if heard.payload.windows(4).any(|part| part == b"ping") {
                socket.send(&frame(FIN | TEXT, br#"{"action":"pong"}"#)).await;
            }
        }
        let growth = resident_bytes_max(id)?.saturating_sub(before);
        ensure!(growth < FRAMES_GROWTH_BYTES_MAX, "the server has grown by {} MiB", growth / 1024 / 1024);
        Ok(())
    })
    .await;
}
