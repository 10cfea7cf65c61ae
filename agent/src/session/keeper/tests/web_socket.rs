//! Sessions over a WebSocket, against a dispatcher that knows nothing else.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{SinkExt, StreamExt};
use prost::Message as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::dispatcher::{Heard, Session};
use super::*;

/// How many connections came that were no WebSocket.
type Others = Arc<AtomicUsize>;

impl Dispatcher {
    async fn start_web_socket() -> (Self, Others) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tx, sessions) = mpsc::unbounded_channel();
        let others = Others::default();
        let counted = others.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (tx, counted) = (tx.clone(), counted.clone());
                tokio::spawn(async move {
                    match accept(stream).await {
                        Some((socket, authorization)) => drop(serve(socket, authorization, &tx).await),
                        None => drop(counted.fetch_add(1, Ordering::SeqCst)),
                    }
                });
            }
        });
        (Self { address, sessions }, others)
    }
}

#[expect(clippy::result_large_err, reason = "the library's callback is like this")]
async fn accept(stream: TcpStream) -> Option<(WebSocketStream<TcpStream>, String)> {
    let mut authorization = String::new();
    let look = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        assert_eq!(request.uri(), "/v1/agent");
        let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("sec-websocket-protocol"), "relay.agent.v1");
        authorization = header("authorization");
        response.headers_mut().insert("sec-websocket-protocol", "relay.agent.v1".parse().unwrap());
        Ok(response)
    };
    let socket = tokio_tungstenite::accept_hdr_async(stream, look).await.ok()?;
    Some((socket, authorization))
}

async fn serve(
    mut socket: WebSocketStream<TcpStream>,
    authorization: String,
    sessions: &mpsc::UnboundedSender<Session>,
) -> Option<()> {
    let (to_agent, mut from_test) = mpsc::channel::<Result<v1::ToAgent, Status>>(64);
    let (to_test, heard) = mpsc::channel(64);
    sessions.send(Session { authorization, to_agent, from_agent: Heard::WebSocket(heard) }).ok()?;
    loop {
        tokio::select! {
            said = from_test.recv() => match said {
                Some(Ok(message)) => socket.send(Frame::Binary(message.encode_to_vec().into())).await.ok()?,
                Some(Err(status)) => {
                    let code = (4000 + u16::try_from(i32::from(status.code())).unwrap()).into();
                    let reason = status.message().to_owned().into();
                    socket.close(Some(CloseFrame { code, reason })).await.ok()?;
                }
                None => socket.close(None).await.ok()?,
            },
            heard = socket.next() => match heard {
                // The test may have heard enough.
                Some(Ok(Frame::Binary(bytes))) => drop(to_test.send(v1::FromAgent::decode(bytes).unwrap()).await),
                Some(Ok(Frame::Close(_))) => drop(socket.close(None).await),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Some(()),
            },
        }
    }
}

#[tokio::test]
async fn where_grpc_is_blocked_a_web_socket_carries_the_session() {
    let mut to = Recorder::start(|_| status(201)).await;
    let (mut dispatcher, others) = Dispatcher::start_web_socket().await;
    let agent = Agent::start(&dispatcher.url(), &["orders"]);
    let mut session = dispatcher.accept().await;
    assert_eq!(session.authorization, BASIC);
    assert_eq!(session.hello().await.buckets, ["orders"]);
    session.welcome("token-1").await;
    let whole = vec![7; 2_000_000];
    let mut asked = delivery(1, &to.url(), &whole[..1_000_000]);
    asked.request.as_mut().unwrap().body_bytes = whole.len() as u64;
    session.say(Message::Delivery(asked)).await;
    session.chunk(1, &whole[1_000_000..], false).await;
    assert_eq!(session.outcome().await, (1, Outcome::Answered(201)));
    assert!(to.next().await.body == whole);
    assert_eq!(others.load(Ordering::SeqCst), 1, "gRPC was tried first");

    session.end(Status::unavailable("restarting")).await;
    let session = dispatcher.accept().await;
    assert_eq!(session.authorization, "Bearer token-1");
    session.end(Status::unauthenticated("expired")).await;
    let session = dispatcher.accept().await;
    assert_eq!(session.authorization, BASIC, "a refused token is not the end");
    session.end(Status::unauthenticated("revoked")).await;
    assert!(matches!(agent.failure().await, Error::Refused));
}

#[tokio::test]
async fn a_web_socket_that_is_asked_for_is_all_that_is_tried() {
    let (mut dispatcher, others) = Dispatcher::start_web_socket().await;
    let agent = Agent::with(&dispatcher.url(), Choice::WebSocket, &["nope"], ROOM_BYTES);
    dispatcher.accept().await.end(Status::not_found("no bucket named nope")).await;
    assert!(matches!(agent.failure().await, Error::NotFound(text) if text == "no bucket named nope"));
    assert_eq!(others.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_the_agent_has_to_say_arrives_before_it_goes() {
    let (release, held) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let to = slow_destination(release.clone(), held.clone()).await;
    let (mut dispatcher, _) = Dispatcher::start_web_socket().await;
    let agent = Agent::start(&dispatcher.url(), &[]);
    let mut session = dispatcher.open("t").await;
    session.say(Message::Delivery(delivery(1, &to, b""))).await;
    held.acquire().await.unwrap().forget();
    let stopping = tokio::spawn(agent.stop());
    release.add_permits(1);
    assert_eq!(session.outcome().await, (1, Outcome::Answered(200)));
    assert!(session.is_over().await);
    stopping.await.unwrap();
}

#[tokio::test]
async fn silence_brings_a_new_web_socket() {
    let (mut dispatcher, _) = Dispatcher::start_web_socket().await;
    let agent = Agent::start(&dispatcher.url(), &[]);
    let mut session = dispatcher.open_lively().await;
    session.heartbeat().await;
    let mut next = dispatcher.open_lively().await;
    assert!(session.is_over().await);
    next.say_unknown().await;
    assert!(next.is_over().await, "a message of no known kind ends the session");
    drop(dispatcher.open("t").await);
    agent.stop().await;
}
