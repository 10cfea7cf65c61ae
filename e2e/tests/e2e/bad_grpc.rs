//! The agents' protocol over gRPC, spoken by somebody who does not keep to it.

use std::convert::Infallible;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::{Buf, Bytes, BytesMut};
use e2e::wait::PATIENCE;
use e2e::{Server, Token, World, story};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use model::fact::Ending;
use prost::Message as _;
use proto::MESSAGE_BYTES_MAX;
use proto::v1::{self, FromAgent, ToAgent, from_agent, to_agent};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;

use crate::neighbour::Neighbour;

/// Statuses of gRPC.
const INVALID_ARGUMENT: u16 = 3;
const DEADLINE_EXCEEDED: u16 = 4;
const NOT_FOUND: u16 = 5;
const OUT_OF_RANGE: u16 = 11;
const UNIMPLEMENTED: u16 = 12;
const INTERNAL: u16 = 13;
const UNAUTHENTICATED: u16 = 16;

/// Where sessions are.
const SESSION: &str = "/relay.agent.v1.Agent/Session";

/// A call on a connection of its own.
struct Call {
    tx: Option<mpsc::Sender<Result<Frame<Bytes>, Infallible>>>,
    asked: Option<JoinHandle<hyper::Result<Response<Incoming>>>>,
    answer: Option<Response<Incoming>>,
    buffer: BytesMut,
    driver: JoinHandle<()>,
}

/// What a server says next.
#[derive(Debug)]
enum Said {
    Message(Box<to_agent::Message>),
    /// The end, with the status and the text.
    End(u16, String),
}

impl Call {
    /// Calls this path with these headers.
    async fn open(server: &Server, path: &str, headers: &[(&str, &str)]) -> Result<Self> {
        let stream = TcpStream::connect(server.address()).await?;
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        let driver = tokio::spawn(async move { drop(connection.await) });
        let (tx, rx) = mpsc::channel(1);
        let mut request = Request::post(format!("http://{}{path}", server.address()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(StreamBody::new(ReceiverStream::new(rx)))?;
        let asked = Some(tokio::spawn(async move { sender.send_request(request).await }));
        Ok(Self { tx: Some(tx), asked, answer: None, buffer: BytesMut::new(), driver })
    }

    /// Calls for a session.
    async fn session(server: &Server, token: &Token) -> Result<Self> {
        Self::open(server, SESSION, &headers(&basic(token))).await
    }

    /// Sends these bytes; they may come too late.
    async fn send(&mut self, bytes: impl Into<Bytes>) {
        if let Some(tx) = &self.tx {
            let _ = tx.send(Ok(Frame::data(bytes.into()))).await;
        }
    }

    async fn say(&mut self, message: from_agent::Message) {
        self.send(framed(message)).await;
    }

    /// Ends our side.
    fn finish(&mut self) {
        self.tx = None;
    }

    async fn hear(&mut self) -> Result<Said> {
        timeout(PATIENCE, self.read()).await.context("wait for the server")?
    }

    async fn read(&mut self) -> Result<Said> {
        if let Some(asked) = self.asked.take() {
            self.answer = Some(asked.await??);
        }
        let answer = self.answer.as_mut().context("the call has ended")?;
        if let Some(end) = end(answer.headers()) {
            return Ok(end);
        }
        ensure!(answer.status() == 200, "answered {}", answer.status());
        loop {
            if self.buffer.len() >= 5 {
                let length = u32::from_be_bytes(self.buffer[1..5].try_into()?) as usize;
                if self.buffer.len() >= 5 + length {
                    self.buffer.advance(5);
                    let message = ToAgent::decode(self.buffer.split_to(length))?;
                    return Ok(Said::Message(Box::new(message.message.context("an empty message")?)));
                }
            }
            let frame = answer.body_mut().frame().await.context("ended without a status")??;
            match frame.into_data() {
                Ok(data) => self.buffer.extend_from_slice(&data),
                Err(frame) => return frame.trailers_ref().and_then(end).context("trailers without a status"),
            }
        }
    }

    async fn welcome(&mut self) -> Result<()> {
        self.say(hello(|_| {})).await;
        match self.hear().await? {
            Said::Message(message) if matches!(*message, to_agent::Message::Welcome(_)) => Ok(()),
            other => bail!("no welcome: {other:?}"),
        }
    }

    /// The next delivery, over whatever comes before it.
    async fn delivery(&mut self) -> Result<v1::Delivery> {
        loop {
            match self.hear().await? {
                Said::Message(message) => {
                    if let to_agent::Message::Delivery(delivery) = *message {
                        return Ok(delivery);
                    }
                }
                Said::End(status, text) => bail!("ended with {status}: {text}"),
            }
        }
    }

    /// The status that it ends with, over whatever comes before it.
    async fn ended(&mut self) -> Result<(u16, String)> {
        loop {
            if let Said::End(status, text) = self.hear().await? {
                return Ok((status, text));
            }
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn end(headers: &HeaderMap) -> Option<Said> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Some(Said::End(text("grpc-status")?.parse().ok()?, text("grpc-message").unwrap_or_default()))
}

fn basic(token: &Token) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", token.key, token.secret)))
}

fn headers(authorization: &str) -> Vec<(&str, &str)> {
    vec![("content-type", "application/grpc"), ("te", "trailers"), ("authorization", authorization)]
}

/// A message with its prefix.
fn framed(message: from_agent::Message) -> Vec<u8> {
    prefixed(0, &FromAgent { message: Some(message) }.encode_to_vec())
}

fn prefixed(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[flag], length.as_slice(), message].concat()
}

fn hello(change: impl FnOnce(&mut v1::Hello)) -> from_agent::Message {
    let mut hello = v1::Hello { mode: v1::Mode::Forward.into(), credits: 1, ..v1::Hello::default() };
    change(&mut hello);
    from_agent::Message::Hello(hello)
}

fn outcome(number: u64) -> from_agent::Message {
    let kind = v1::OutcomeKind::Answered.into();
    from_agent::Message::Outcome(v1::Outcome { number, kind, status: 200, ..v1::Outcome::default() })
}

fn leave(given_back: Vec<u64>) -> from_agent::Message {
    from_agent::Message::Leave(v1::Leave { given_back })
}

fn heartbeat() -> from_agent::Message {
    from_agent::Message::Heartbeat(v1::Heartbeat {})
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_keep_to_the_protocol_is_told_so() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let token = server.api()?.make_token(json!({})).await?;
        let names = |count: usize| (0..count).map(|n| n.to_string()).collect();
        let first = [
            ("nothing", vec![], INVALID_ARGUMENT),
            ("bytes that are no message", prefixed(0, &[0xff; 100]), INTERNAL),
            ("a message of 4 GiB", prefixed(0, b"x").into_iter().take(1).chain([0xff; 4]).collect(), OUT_OF_RANGE),
            ("half a prefix", vec![0, 0, 0], INTERNAL),
            ("half a message", prefixed(0, &[0; 100])[..50].to_vec(), INTERNAL),
            ("compressed, and nobody said how", prefixed(1, b"\x1f\x8b\x08\0"), INTERNAL),
            ("a flag that means nothing", prefixed(2, b""), INTERNAL),
            ("a message over the limit", prefixed(0, &vec![0; MESSAGE_BYTES_MAX + 1]), OUT_OF_RANGE),
            ("an empty message", prefixed(0, b""), INVALID_ARGUMENT),
            ("a field of a later version alone", prefixed(0, b"\xfa\x01\x01x"), INVALID_ARGUMENT),
            ("a heartbeat first", framed(heartbeat()), INVALID_ARGUMENT),
            ("an outcome first", framed(outcome(1)), INVALID_ARGUMENT),
            ("no mode", framed(hello(|hello| hello.mode = 0)), INVALID_ARGUMENT),
            ("a mode of a later version", framed(hello(|hello| hello.mode = 99)), INVALID_ARGUMENT),
            ("no credits", framed(hello(|hello| hello.credits = 0)), INVALID_ARGUMENT),
            ("too many credits", framed(hello(|hello| hello.credits = 4097)), INVALID_ARGUMENT),
            ("a long group", framed(hello(|hello| hello.group = "g".repeat(129))), INVALID_ARGUMENT),
            ("a long version", framed(hello(|hello| hello.agent_version = "v".repeat(65))), INVALID_ARGUMENT),
            ("many buckets", framed(hello(|hello| hello.buckets = names(1001))), INVALID_ARGUMENT),
        ];
        for (name, bytes, status) in first {
            let mut call = Call::session(&server, &token).await?;
            call.send(bytes).await;
            call.finish();
            let ended = call.ended().await.with_context(|| name.to_owned())?;
            ensure!(ended.0 == status, "{name}: {ended:?}");
        }
        let later = [
            ("a second hello", framed(hello(|_| {})), INVALID_ARGUMENT),
            ("an outcome of nothing", framed(outcome(1)), INVALID_ARGUMENT),
            ("an outcome that is none", framed(from_agent::Message::Outcome(v1::Outcome::default())), INVALID_ARGUMENT),
            ("bytes that are no message", prefixed(0, &[0xff; 100]), INTERNAL),
            ("a message over the limit", prefixed(0, &vec![0; MESSAGE_BYTES_MAX + 1]), OUT_OF_RANGE),
            ("an empty message", prefixed(0, b""), INVALID_ARGUMENT),
            ("what it never had, given back", framed(leave(vec![1])), INVALID_ARGUMENT),
            ("two leaves", framed(leave(vec![])).repeat(2), INVALID_ARGUMENT),
        ];
        for (name, bytes, status) in later {
            let mut call = Call::session(&server, &token).await?;
            call.welcome().await?;
            call.send(bytes).await;
            let ended = call.ended().await.with_context(|| name.to_owned())?;
            ensure!(ended.0 == status, "{name}: {ended:?}");
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_no_session_are_refused() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let token = server.api()?.make_token(json!({})).await?;
        let good = basic(&token);
        let wrong = basic(&Token { key: token.key.clone(), secret: "wrong".to_owned() });
        let long = format!("Basic {}", "A".repeat(2_048));
        let compressed = [headers(&good), vec![("grpc-encoding", "gzip")]].concat();
        let cases = [
            ("no credentials", SESSION, headers(""), UNAUTHENTICATED),
            ("a wrong secret", SESSION, headers(&wrong), UNAUTHENTICATED),
            ("no Base64", SESSION, headers("Basic ~~~"), UNAUTHENTICATED),
            ("no colon", SESSION, headers("Basic YWJj"), UNAUTHENTICATED),
            ("another scheme", SESSION, headers("Digest x"), UNAUTHENTICATED),
            ("a token of nobody", SESSION, headers("Bearer v4.public.AAAA"), UNAUTHENTICATED),
            ("a long token", SESSION, headers(&long), UNAUTHENTICATED),
            ("a compression", SESSION, compressed, UNIMPLEMENTED),
            ("another method", "/relay.agent.v1.Agent/Sessions", headers(&good), UNIMPLEMENTED),
            ("another service", "/grpc.reflection.v1.ServerReflection/Info", headers(&good), UNIMPLEMENTED),
        ];
        for (name, path, headers, status) in cases {
            let mut call = Call::open(&server, path, &headers).await?;
            call.send(prefixed(1, b"\x1f\x8b\x08\0")).await;
            call.finish();
            let ended = call.ended().await.with_context(|| name.to_owned())?;
            ensure!(ended.0 == status, "{name}: {ended:?}");
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ones_own_is_as_if_it_were_not_there() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let api = server.api()?;
        let (own, other) = (api.make_bucket("own", json!({})).await?, api.make_bucket("other", json!({})).await?);
        let output = api.make_output(&own, "http://localhost:9/", json!({})).await?;
        let of_own = api.make_token(json!({"scopes": {"buckets": ["own"]}})).await?;
        let of_other = api.make_token(json!({"scopes": {"buckets": ["other"]}})).await?;

        let id = other.id.to_string();
        for name in ["other", &id, "nope", "*", ">", "own.>", "own.*", "../own", "own\0", "OWN ", "event.0.own"] {
            let mut call = Call::session(&server, &of_own).await?;
            call.say(hello(|hello| hello.buckets = vec![name.to_owned()])).await;
            let (status, text) = call.ended().await?;
            let text = text.replace("%20", " ");
            ensure!(status == NOT_FOUND && text.starts_with("there is no bucket"), "{name:?}: {status} {text}");
        }

        // Somebody else's delivery has the number 1 too.
        let (mut mine, mut others) = (Call::session(&server, &of_own).await?, Call::session(&server, &of_other).await?);
        mine.welcome().await?;
        others.welcome().await?;
        ensure!(server.caller().post(own.input, b"1").await?.status == 200);
        let delivery = mine.delivery().await?;
        others.say(outcome(delivery.number)).await;
        ensure!(others.ended().await?.0 == INVALID_ARGUMENT);
        let log = server.log().await?;
        ensure!(log.facts(own.id).await?.is_empty(), "nobody has said how it ended");
        mine.say(outcome(delivery.number)).await;
        log.until_ended(own.id, output, Ending::Sent, 1).await?;
        // Its number is used up.
        mine.say(outcome(delivery.number)).await;
        ensure!(mine.ended().await?.0 == INVALID_ARGUMENT);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_that_say_nothing_or_too_much_harm_nobody() {
    const HEARTBEATS: usize = 200_000;
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let api = server.api()?;
        let bucket = api.make_bucket("deploys", json!({})).await?;
        let token = api.make_token(json!({})).await?;
        let neighbour = Neighbour::of(&server, bucket.input).await?;
        let silent = async {
            let mut call = Call::session(&server, &token).await?;
            ensure!(call.ended().await?.0 == DEADLINE_EXCEEDED, "no hello");
            Ok(())
        };
        let asleep = async {
            let mut call = Call::session(&server, &token).await?;
            call.welcome().await?;
            ensure!(call.ended().await?.0 == DEADLINE_EXCEEDED, "no heartbeat");
            Ok(())
        };
        let talking = async {
            let mut call = Call::session(&server, &token).await?;
            call.welcome().await?;
            for _ in 0..HEARTBEATS / 1_000 {
                call.send(framed(heartbeat()).repeat(1_000)).await;
            }
            let (status, text) = call.ended().await?;
            ensure!(status == INVALID_ARGUMENT && text.contains("heartbeats"), "{status}: {text}");
            Ok(())
        };
        tokio::try_join!(silent, asleep, talking)?;
        neighbour.was_unharmed().await?;
        Ok(())
    })
    .await;
}
