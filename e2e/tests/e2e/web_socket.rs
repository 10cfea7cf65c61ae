//! Sessions of agents over a WebSocket, where HTTP/2 does not get through.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use e2e::wait::{PATIENCE, holds, until};
use e2e::{Agent, Server, Token, World, agent, story};
use futures_util::{SinkExt, StreamExt};
use prost::Message as _;
use proto::v1::{self, FromAgent, ToAgent, from_agent, to_agent};
use proto::{MESSAGE_BYTES_MAX, web_socket};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::straight::Straight;

/// What stands before a server and passes on HTTP/1 alone, as old proxies do.
struct Http1 {
    url: String,
    refused: Arc<AtomicUsize>,
    running: JoinHandle<()>,
}

impl Http1 {
    async fn before(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let refused = Arc::<AtomicUsize>::default();
        let counted = refused.clone();
        let running = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let counted = counted.clone();
                connections.spawn(async move { drop(pass(stream, server, &counted).await) });
            }
        });
        Ok(Self { url, refused, running })
    }

    /// How many connections spoke HTTP/2.
    fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }
}

impl Drop for Http1 {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn pass(mut stream: TcpStream, server: SocketAddr, refused: &AtomicUsize) -> Result<()> {
    let mut first = [0; 4];
    stream.read_exact(&mut first).await?;
    if first == *b"PRI " {
        refused.fetch_add(1, Ordering::SeqCst);
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").await?;
        return Ok(());
    }
    let mut to = TcpStream::connect(server).await?;
    to.write_all(&first).await?;
    copy_bidirectional(&mut stream, &mut to).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_behind_an_old_proxy_falls_back_and_loses_nothing() {
    story(async |world: &World| {
        let mut straight = Straight::new(world).await?;
        let proxy = Http1::before(straight.server.address()).await?;
        let plan = world.agent("behind").token(&straight.token).server(&straight.server);
        straight.agent = plan.env("RELAY_GRPC_API_ADDRESS", &proxy.url).serves("deploys").start()?;
        straight.send_through(1).await?;
        assert_eq!(proxy.refused(), 1, "gRPC was tried first");

        straight.agent.kill().await?;
        let mut ledger = straight.send(2..=20).await?;
        straight.agent.start_again()?;
        straight.destination.receives_number(20).await?;

        straight.server.process().terminate()?;
        assert!(straight.server.process_mut().exit().await?.success());
        assert!(straight.agent.process_mut().is_running()?, "the agent waits for a server");
        straight.server.start_again().await?;
        ledger.merge(straight.send(21..=30).await?);
        straight.destination.receives_number(30).await?;

        straight.server.kill().await?;
        straight.server.start_again().await?;
        ledger.merge(straight.send(31..=40).await?);
        let arrivals = || straight.destination.arrivals();
        until("everything has arrived", async || Ok(holds(ledger.is_covered_by(&arrivals())))).await?;
        ledger.close(&arrivals()).assert_once_and_in_order();
        assert!(proxy.refused() >= 3);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_and_tls_go_over_a_web_socket() {
    story(async |world: &World| {
        let server = world.server("relay").tls().start().await?;
        let api = server.api()?;
        let destination = e2e::Destination::start()?;
        let bucket = api.make_bucket("deploys", json!({})).await?;
        api.make_output(&bucket, &destination.url("/"), json!({})).await?;
        let token = api.make_token(json!({})).await?;
        let _agent = world.agent("agent").token(&token).server(&server).serves("deploys").args(["--ws"]).start()?;
        let body: Vec<u8> = (0..5_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
        assert_eq!(server.caller().post(bucket.input, &body).await?.status, 200);
        destination.receives(1).await?;
        assert!(destination.arrivals()[0].body == body);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_ends_the_agent_as_over_grpc() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let api = server.api()?;
        api.make_bucket("deploys", json!({})).await?;
        let token = api.make_token(json!({})).await?;
        let plan = |name: &str, token: &Token| world.agent(name).token(token).server(&server).args(["run", "--ws"]);
        let exit =
            async |plan: agent::Plan| -> Result<Option<i32>> { Ok(plan.start()?.process_mut().exit().await?.code()) };
        let wrong = Token { key: token.key.clone(), secret: "wrong".to_owned() };
        assert_eq!(exit(plan("wrong", &wrong)).await?, Some(3));
        assert_eq!(exit(plan("nowhere", &token).args(["--bucket", "nope"])).await?, Some(4));

        let mut agent: Agent = plan("revoked", &token).start()?;
        until("the session is open", async || Ok(holds(is_connected(&api, &token).await?))).await?;
        api.delete_token(&token).await?;
        assert_eq!(agent.process_mut().exit().await?.code(), Some(3));
        Ok(())
    })
    .await;
}

async fn is_connected(api: &e2e::Api, token: &Token) -> Result<bool> {
    let clients = api.call("GET", "/v1/connected-clients", &json!(null), 200).await?;
    Ok(clients.to_string().contains(&token.key))
}

/// A WebSocket to `/v1/agent`, that says exactly what a test makes it say.
struct Raw(WebSocketStream<TcpStream>);

/// Opens a WebSocket with this secret and sub-protocol.
async fn open_with(server: &Server, token: &Token, secret: &str, sub_protocol: &str) -> Result<Raw, Error> {
    let address = server.address();
    let mut request = format!("ws://{address}{}", web_socket::PATH).into_client_request()?;
    let basic = BASE64_STANDARD.encode(format!("{}:{secret}", token.key));
    request.headers_mut().insert("authorization", format!("Basic {basic}").parse()?);
    request.headers_mut().insert("sec-websocket-protocol", sub_protocol.parse()?);
    let (socket, response) = client_async(request, TcpStream::connect(address).await?).await?;
    assert_eq!(response.headers()["sec-websocket-protocol"], web_socket::SUB_PROTOCOL);
    Ok(Raw(socket))
}

/// Opens a WebSocket as agents do.
async fn open(server: &Server, token: &Token) -> Result<Raw> {
    Ok(open_with(server, token, &token.secret, web_socket::SUB_PROTOCOL).await?)
}

impl Raw {
    async fn say(&mut self, message: from_agent::Message) -> Result<()> {
        Ok(self.0.send(Message::binary(binary(message))).await?)
    }

    /// The next message; the code when the server closes instead.
    async fn hear(&mut self) -> Result<Result<to_agent::Message, u16>> {
        loop {
            match timeout(PATIENCE, self.0.next()).await.context("wait for a message")? {
                Some(Ok(Message::Binary(bytes))) => {
                    return Ok(Ok(ToAgent::decode(bytes)?.message.context("an empty message")?));
                }
                Some(Ok(Message::Close(Some(frame)))) => return Ok(Err(frame.code.into())),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => bail!("neither a message nor a close frame: {other:?}"),
            }
        }
    }

    async fn welcome(&mut self) -> Result<()> {
        self.say(hello()).await?;
        match self.hear().await? {
            Ok(to_agent::Message::Welcome(_)) => Ok(()),
            other => bail!("no welcome: {other:?}"),
        }
    }

    /// The code that the server closes with, over whatever it says before.
    async fn closed(&mut self) -> Result<u16> {
        loop {
            if let Err(code) = self.hear().await? {
                return Ok(code);
            }
        }
    }
}

fn binary(message: from_agent::Message) -> Vec<u8> {
    FromAgent { message: Some(message) }.encode_to_vec()
}

fn hello() -> from_agent::Message {
    hello_as(|_| {})
}

fn hello_as(change: impl FnOnce(&mut v1::Hello)) -> from_agent::Message {
    let mut hello = v1::Hello { mode: v1::Mode::Forward.into(), credits: 1, ..v1::Hello::default() };
    change(&mut hello);
    from_agent::Message::Hello(hello)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_nothing_good_gets_no_web_socket() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let token = server.api()?.make_token(json!({})).await?;
        for (secret, sub_protocol, status) in [
            ("wrong", web_socket::SUB_PROTOCOL, 401),
            ("", web_socket::SUB_PROTOCOL, 401),
            (token.secret.as_str(), "relay.agent.v2", 400),
        ] {
            match open_with(&server, &token, secret, sub_protocol).await {
                Err(Error::Http(answer)) => assert_eq!(answer.status(), status),
                Err(other) => bail!("no answer: {other}"),
                Ok(_) => bail!("{secret:?} with {sub_protocol} is taken"),
            }
        }
        assert_eq!(server.status(web_socket::PATH).await, Some(426));
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_breaks_the_protocol_is_told_so() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let token = server.api()?.make_token(json!({})).await?;
        let first = [
            (Message::text("hello"), 4003),
            (Message::binary(vec![0xff; 100]), 4003),
            (Message::binary(Vec::new()), 4003),
            (Message::binary(binary(from_agent::Message::Heartbeat(v1::Heartbeat {}))), 4003),
            (Message::binary(binary(hello_as(|hello| hello.mode = 0))), 4003),
            (Message::binary(binary(hello_as(|hello| hello.credits = 0))), 4003),
            (Message::binary(binary(hello_as(|hello| hello.agent_version = "v".repeat(65)))), 4003),
            (Message::binary(binary(hello_as(|hello| hello.buckets = vec!["nope".repeat(100)]))), 4005),
            // As large as a message may be is understood, larger is not.
            (Message::binary(of_size(MESSAGE_BYTES_MAX)), 4005),
            (Message::binary(of_size(MESSAGE_BYTES_MAX + 1)), 4011),
        ];
        for (number, (message, code)) in first.into_iter().enumerate() {
            let mut raw = open(&server, &token).await?;
            raw.0.send(message).await?;
            assert_eq!(raw.closed().await?, code, "number {number}");
        }
        let outcome = v1::Outcome { number: 7, kind: v1::OutcomeKind::Refused.into(), ..v1::Outcome::default() };
        for second in [hello(), from_agent::Message::Outcome(outcome)] {
            let mut raw = open(&server, &token).await?;
            raw.welcome().await?;
            raw.say(second).await?;
            assert_eq!(raw.closed().await?, 4003);
        }
        // A client's frame without a mask (RFC 6455, section 5.1).
        let mut raw = open(&server, &token).await?;
        raw.welcome().await?;
        raw.0.get_mut().write_all(&[0x82, 0x00]).await?;
        assert_eq!(raw.closed().await?, 4003);
        Ok(())
    })
    .await;
}

/// A hello of so many bytes, for two buckets that are not there.
fn of_size(bytes: usize) -> Vec<u8> {
    let of = |names: usize| {
        let (one, two) = ("x".repeat(names / 2), "x".repeat(names - names / 2));
        binary(hello_as(|hello| hello.buckets = vec![one, two]))
    };
    let about = bytes - 64;
    let hello = of(about + bytes - of(about).len());
    assert_eq!(hello.len(), bytes);
    hello
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_revoked_before_the_hello_opens_no_session() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let api = server.api()?;
        for change in [json!({"active": false}), json!({"scopes": {"buckets": ["other"]}})] {
            let token = api.make_token(json!({})).await?;
            let mut raw = open(&server, &token).await?;
            api.call("PUT", &format!("/v1/tokens/{}", token.key), &change, 200).await?;
            raw.say(hello()).await?;
            assert_eq!(raw.closed().await?, 4016, "{change}");
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_says_so_over_a_web_socket() {
    story(async |world: &World| {
        let mut server = world.server("relay").start().await?;
        let token = server.api()?.make_token(json!({})).await?;
        let (mut raw, mut gone) = (open(&server, &token).await?, open(&server, &token).await?);
        raw.welcome().await?;
        gone.welcome().await?;
        // One that breaks off leaves nothing that a stop would wait for.
        drop(gone);
        server.process().terminate()?;
        until("it is asked to go elsewhere", async || {
            Ok(holds(matches!(raw.hear().await?, Ok(to_agent::Message::Drain(_)))))
        })
        .await?;
        assert_eq!(raw.closed().await?, 4014);
        assert!(server.process_mut().exit().await?.success());
        Ok(())
    })
    .await;
}
