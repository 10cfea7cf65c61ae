//! Thousands of agents that do nothing but stay connected, and come back as agents do.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::bail;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use e2e::Token;
use e2e::wait::{holds, until};
use proto::v1::agent_client::AgentClient;
use proto::v1::{FromAgent, Heartbeat, Hello, Mode, SessionToken, ToAgent, from_agent, to_agent};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Endpoint;
use tonic::{Code, Status};

/// How many sessions are opened at a time at first.
const OPENED_AT_ONCE: usize = 50;
/// How many attempts each would take.
const CREDITS: u32 = 16;
/// The longest first wait before another try, and the longest of all, as in the agent: each is
/// shortened at random.
const WAIT_FIRST: Duration = Duration::from_millis(200);
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Agents with a connection of their own each.
pub(super) struct Crowd {
    member: Member,
    all: usize,
    tasks: JoinSet<()>,
}

/// What an agent needs to be one.
#[derive(Clone)]
struct Member {
    url: String,
    token: Token,
    bucket: String,
    open: Arc<AtomicUsize>,
}

impl Crowd {
    pub(super) fn new(url: String, token: Token, bucket: &str) -> Self {
        let member = Member { url, token, bucket: bucket.to_owned(), open: Arc::default() };
        Self { member, all: 0, tasks: JoinSet::new() }
    }

    /// Opens so many more, some at a time, and waits until all are.
    pub(super) async fn open(&mut self, count: usize) -> anyhow::Result<()> {
        let end = self.all + count;
        while self.all < end {
            self.all = (self.all + OPENED_AT_ONCE).min(end);
            while self.tasks.len() < self.all {
                self.tasks.spawn(self.member.clone().stay());
            }
            let (all, opened) = (self.all, || self.opened());
            until("more sessions are open", async || Ok(holds(opened() == all))).await?;
        }
        Ok(())
    }

    /// How many have a session now.
    pub(super) fn opened(&self) -> usize {
        self.member.open.load(Ordering::Relaxed)
    }

    /// Whether nobody has a session.
    pub(super) fn is_empty(&self) -> bool {
        self.opened() == 0
    }
}

impl Member {
    /// Has a session, and another when that ends, for ever.
    async fn stay(self) {
        let (mut session_token, mut failures) = (None, 0);
        loop {
            let mut was_open = false;
            let Err(error) = self.session(&mut session_token, &mut was_open).await;
            if error.downcast_ref::<Status>().is_some_and(|status| status.code() == Code::Unauthenticated) {
                session_token = None;
            }
            if was_open {
                self.open.fetch_sub(1, Ordering::Relaxed);
                failures = 0;
            }
            let longest = WAIT_FIRST.saturating_mul(1 << failures.min(16)).min(WAIT_MAX);
            failures += 1;
            tokio::time::sleep(longest.mul_f64(rand::random())).await;
        }
    }

    /// Says hello, then answers heartbeats with heartbeats until the session ends.
    async fn session(&self, token: &mut Option<SessionToken>, was_open: &mut bool) -> anyhow::Result<Infallible> {
        let channel = Endpoint::from_shared(self.url.clone())?.connect().await?;
        let (tx, rx) = mpsc::unbounded_channel();
        let hello = Hello {
            mode: Mode::Forward.into(),
            buckets: vec![self.bucket.clone()],
            group: String::new(),
            agent_version: "bench".to_owned(),
            credits: CREDITS,
        };
        tx.send(said(from_agent::Message::Hello(hello)))?;
        let mut request = tonic::Request::new(UnboundedReceiverStream::new(rx));
        let authorization = match token {
            Some(token) => format!("Bearer {}", token.token),
            None => format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", self.token.key, self.token.secret))),
        };
        request.metadata_mut().insert("authorization", authorization.parse()?);
        let mut messages = AgentClient::new(channel).session(request).await?.into_inner();
        while let Some(ToAgent { message }) = messages.message().await? {
            match message {
                Some(to_agent::Message::Welcome(welcome)) => {
                    *token = welcome.session_token;
                    *was_open = true;
                    self.open.fetch_add(1, Ordering::Relaxed);
                }
                Some(to_agent::Message::SessionToken(renewed)) => *token = Some(renewed),
                Some(to_agent::Message::Heartbeat(_)) => tx.send(said(from_agent::Message::Heartbeat(Heartbeat {})))?,
                _ => {}
            }
        }
        bail!("the dispatcher closed a session")
    }
}

fn said(message: from_agent::Message) -> FromAgent {
    FromAgent { message: Some(message) }
}
