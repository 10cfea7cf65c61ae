//! A dispatcher for tests: hands its sessions to the test, which speaks for it.

use std::net::SocketAddr;
use std::pin::Pin;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::Stream;
use model::UnixMs;
use model::fact::Outcome;
use proto::v1;
use proto::v1::agent_server::{Agent, AgentServer};
use proto::v1::from_agent::Message as FromAgent;
use proto::v1::to_agent::Message as ToAgent;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

pub(super) struct Dispatcher {
    pub(super) address: SocketAddr,
    pub(super) sessions: mpsc::UnboundedReceiver<Session>,
}

/// One session; the test says what the dispatcher says.
pub(super) struct Session {
    pub(super) authorization: String,
    pub(super) to_agent: mpsc::Sender<Result<v1::ToAgent, Status>>,
    pub(super) from_agent: Heard,
}

/// What the agent says.
pub(super) enum Heard {
    Grpc(Box<Streaming<v1::FromAgent>>),
    WebSocket(mpsc::Receiver<v1::FromAgent>),
}

struct Service(mpsc::UnboundedSender<Session>);

#[tonic::async_trait]
impl Agent for Service {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<v1::ToAgent, Status>> + Send>>;

    async fn session(
        &self,
        request: Request<Streaming<v1::FromAgent>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let authorization = request.metadata().get("authorization").unwrap().to_str().unwrap().to_owned();
        let (to_agent, rx) = mpsc::channel(64);
        let session = Session { authorization, to_agent, from_agent: Heard::Grpc(Box::new(request.into_inner())) };
        self.0.send(session).map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(Box::pin(ReceiverStream::new(rx))))
    }
}

impl Dispatcher {
    pub(super) async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap()).await
    }

    pub(super) async fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tx, sessions) = mpsc::unbounded_channel();
        let service = AgentServer::new(Service(tx))
            .max_encoding_message_size(proto::MESSAGE_BYTES_MAX)
            .max_decoding_message_size(proto::MESSAGE_BYTES_MAX);
        let serving = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(serving.serve_with_incoming(TcpListenerStream::new(listener)));
        Self { address, sessions }
    }

    pub(super) async fn unused_address() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) async fn accept(&mut self) -> Session {
        self.sessions.recv().await.unwrap()
    }

    /// Accepts a session and welcomes it.
    pub(super) async fn open(&mut self, token: &str) -> Session {
        let mut session = self.accept().await;
        session.hello().await;
        session.welcome(token).await;
        session
    }

    /// The same with heartbeats so short that tests of silence are.
    pub(super) async fn open_lively(&mut self) -> Session {
        let mut session = self.accept().await;
        session.hello().await;
        session.welcome_with_heartbeat("t", 300).await;
        session
    }
}

impl Session {
    pub(super) async fn say(&self, message: ToAgent) {
        self.to_agent.send(Ok(v1::ToAgent { message: Some(message) })).await.unwrap();
    }

    /// Says what a later protocol might say: to this agent it is a message without content.
    pub(super) async fn say_unknown(&self) {
        self.to_agent.send(Ok(v1::ToAgent { message: None })).await.unwrap();
    }

    pub(super) async fn welcome(&self, session_token: &str) {
        self.welcome_with_heartbeat(session_token, 60_000).await;
    }

    /// As a dispatcher does that hears who leaves.
    pub(super) async fn welcome_to_leave(&self) {
        self.say(ToAgent::Welcome(v1::Welcome { hears_leave: true, ..welcome("t", 60_000) })).await;
    }

    pub(super) async fn welcome_with_heartbeat(&self, session_token: &str, heartbeat_ms: u32) {
        self.say(ToAgent::Welcome(welcome(session_token, heartbeat_ms))).await;
    }

    pub(super) async fn chunk(&self, number: u64, data: &[u8], broken: bool) {
        let data = Bytes::copy_from_slice(data);
        self.say(ToAgent::BodyChunk(v1::BodyChunk { number, data, broken })).await;
    }

    pub(super) async fn end(self, status: Status) {
        self.to_agent.send(Err(status)).await.unwrap();
    }

    pub(super) async fn hello(&mut self) -> v1::Hello {
        match self.hear().await {
            Some(FromAgent::Hello(hello)) => hello,
            other => panic!("not hello: {other:?}"),
        }
    }

    pub(super) async fn heartbeat(&mut self) {
        match self.hear().await {
            Some(FromAgent::Heartbeat(v1::Heartbeat {})) => {}
            other => panic!("not a heartbeat: {other:?}"),
        }
    }

    /// The next outcome; heartbeats are answered meanwhile.
    pub(super) async fn outcome(&mut self) -> (u64, Outcome) {
        loop {
            match self.hear().await {
                Some(FromAgent::Outcome(outcome)) => return (outcome.number, outcome.outcome().unwrap()),
                Some(FromAgent::Heartbeat(_)) => self.say(ToAgent::Heartbeat(v1::Heartbeat {})).await,
                other => panic!("not an outcome: {other:?}"),
            }
        }
    }

    /// What the agent gives back as it leaves.
    pub(super) async fn given_back(&mut self) -> Vec<u64> {
        match self.hear().await {
            Some(FromAgent::Leave(v1::Leave { given_back })) => given_back,
            other => panic!("does not leave: {other:?}"),
        }
    }

    /// Waits until the agent has ended the session; nothing but heartbeats may come before.
    pub(super) async fn is_over(&mut self) -> bool {
        loop {
            match self.hear().await {
                None => return true,
                Some(FromAgent::Heartbeat(_)) => {}
                Some(_) => return false,
            }
        }
    }

    async fn hear(&mut self) -> Option<FromAgent> {
        let message = match &mut self.from_agent {
            Heard::Grpc(stream) => stream.message().await.ok().flatten()?,
            Heard::WebSocket(messages) => messages.recv().await?,
        };
        Some(message.message.unwrap())
    }
}

fn welcome(session_token: &str, heartbeat_ms: u32) -> v1::Welcome {
    v1::Welcome {
        session_id: "test".into(),
        heartbeat_ms,
        buckets: vec!["orders".into()],
        session_token: Some(token(session_token)),
        hears_leave: false,
    }
}

pub(super) fn token(text: &str) -> v1::SessionToken {
    let expires_at_ms = UnixMs::from(SystemTime::now()).0 + 600_000;
    v1::SessionToken { token: text.into(), expires_at_ms }
}

/// A first attempt at an event of its own.
pub(super) fn delivery(number: u64, url: &str, body: &[u8]) -> v1::Delivery {
    v1::Delivery {
        answer_bytes_max: 0,
        traceparent: String::new(),
        number,
        event_id: vec![1; 16].into(),
        output_id: vec![9; 16].into(),
        attempt: 1,
        request: Some(v1::Request {
            method: "POST".into(),
            body: Bytes::copy_from_slice(body),
            body_bytes: body.len() as u64,
            has_body: !body.is_empty(),
            peer: "192.0.2.1".into(),
            ..Default::default()
        }),
        destination: Some(v1::Destination { url: url.into(), timeout_ms: 10_000, ..Default::default() }),
    }
}
