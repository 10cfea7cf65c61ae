//! What an idle session costs the dispatcher in memory.

use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use e2e::nats::Durability;
use e2e::report::say;
use e2e::wait::{holds, until};
use e2e::{Destination, Process, Token, World};
use proto::v1::agent_client::AgentClient;
use proto::v1::{FromAgent, Heartbeat, Hello, Mode, ToAgent, from_agent, to_agent};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Endpoint;

use crate::args::Args;

/// How many sessions are opened at a time.
const OPENED_AT_ONCE: usize = 50;
/// How many attempts each would take.
const CREDITS: u32 = 16;
/// Sessions that are open before the count begins, so that what is made once is not counted.
const BEFORE: usize = 10;
/// Memory counts as settled when it moves by less than this between two looks.
const SETTLED_BYTES: u64 = 256 * 1024;

/// What was measured.
pub(crate) struct Sessions {
    pub(crate) count: usize,
    pub(crate) before_bytes: u64,
    pub(crate) after_bytes: u64,
}

impl Sessions {
    /// Bytes for each session.
    pub(crate) fn each(&self) -> u64 {
        self.after_bytes.saturating_sub(self.before_bytes) / self.count.max(1) as u64
    }
}

/// Opens sessions to a dispatcher that does nothing else, and compares its memory.
pub(crate) async fn measure(args: &Args) -> anyhow::Result<Sessions> {
    let world = World::new()?;
    let nats = world.nats_with(Durability::Always).await?;
    let rest = world.server_around(&nats, "rest", "ingress,auth,api").args(["--log", "warn"]).start().await?;
    let dispatcher = world.server_around(&nats, "dispatcher", "dispatcher").args(["--log", "warn"]).start().await?;
    let (api, destination) = (rest.api()?, Destination::start()?);
    let bucket = api.make_bucket("idle", json!({})).await?;
    api.make_output(&bucket, &destination.url("/"), json!({})).await?;
    let token = api.make_token(json!({})).await?;

    let mut open = JoinSet::new();
    open_sessions(&mut open, BEFORE, &dispatcher.url(), &token).await?;
    let before_bytes = settled(dispatcher.process()).await?;
    open_sessions(&mut open, args.sessions(), &dispatcher.url(), &token).await?;
    let after_bytes = settled(dispatcher.process()).await?;
    if let Some(ended) = open.try_join_next() {
        ended?.context("a session ended")?;
    }
    let sessions = Sessions { count: args.sessions(), before_bytes, after_bytes };
    say(&format!("{} idle sessions: {} bytes each", sessions.count, sessions.each()));
    Ok(sessions)
}

async fn open_sessions(
    open: &mut JoinSet<anyhow::Result<()>>,
    count: usize,
    url: &str,
    token: &Token,
) -> anyhow::Result<()> {
    let (tx, mut welcomed) = mpsc::unbounded_channel();
    for number in 1..=count {
        open.spawn(session(url.to_owned(), token.clone(), tx.clone()));
        if number % OPENED_AT_ONCE == 0 || number == count {
            let wanted = (number - 1) % OPENED_AT_ONCE + 1;
            for _ in 0..wanted {
                tokio::select! {
                    Some(()) = welcomed.recv() => {}
                    Some(ended) = open.join_next() => bail!("a session ended: {ended:?}"),
                }
            }
        }
    }
    Ok(())
}

/// One session on a connection of its own: says hello, then answers heartbeats with heartbeats.
async fn session(url: String, token: Token, welcomed: mpsc::UnboundedSender<()>) -> anyhow::Result<()> {
    let channel = Endpoint::from_shared(url)?.connect().await?;
    let (tx, rx) = mpsc::unbounded_channel();
    let hello = Hello {
        mode: Mode::Forward.into(),
        buckets: Vec::new(),
        group: String::new(),
        agent_version: "bench".to_owned(),
        credits: CREDITS,
    };
    tx.send(said(from_agent::Message::Hello(hello)))?;
    let mut request = tonic::Request::new(UnboundedReceiverStream::new(rx));
    let credentials = BASE64_STANDARD.encode(format!("{}:{}", token.key, token.secret));
    request.metadata_mut().insert("authorization", format!("Basic {credentials}").parse()?);
    let mut messages = AgentClient::new(channel).session(request).await?.into_inner();
    while let Some(ToAgent { message }) = messages.message().await? {
        match message {
            Some(to_agent::Message::Welcome(_)) => welcomed.send(())?,
            Some(to_agent::Message::Heartbeat(_)) => tx.send(said(from_agent::Message::Heartbeat(Heartbeat {})))?,
            _ => {}
        }
    }
    bail!("the dispatcher closed a session")
}

fn said(message: from_agent::Message) -> FromAgent {
    FromAgent { message: Some(message) }
}

/// The memory of a process once it stops moving.
async fn settled(process: &Process) -> anyhow::Result<u64> {
    let mut before = process.resident_bytes()?;
    let mut looks = tokio::time::interval(Duration::from_secs(1));
    looks.tick().await;
    until("memory settles", async || {
        looks.tick().await;
        let now = process.resident_bytes()?;
        let moved = now.abs_diff(before);
        before = now;
        Ok(holds(moved < SETTLED_BYTES))
    })
    .await?;
    Ok(before)
}
