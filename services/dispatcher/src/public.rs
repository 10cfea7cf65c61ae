//! Public outputs: the dispatcher makes their attempts itself, those that fall to it.
//!
//! - `share` says which of the dispatchers that are there serves an output.
//! - [`Attempts`] makes the attempts: one session, without an agent, takes part in every cursor here.
//! - `lane` starts the first attempts of one output in order.
//! - `room` bounds the memory of the attempts under way.
//!
//! Two dispatchers that serve one output for a moment, while others come or go, share its cursor;
//! JetStream decides who gets what. So nothing here is needed for correctness but that somebody
//! serves it.

mod attempts;
mod lane;
mod room;
mod share;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use model::record::Group;
use model::{DispatcherId, GroupId, OutputId};
use store::directory::{Directory, Key};
use store::fact::CursorKey;
use store::presence::{SAY_EVERY, SILENCE_MAX};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{info, warn};

use crate::hub::Hub;
use crate::session::{self, Session};

pub(crate) use attempts::{Attempt, Attempts};
pub(crate) use share::falls_to;

/// The most attempts at public outputs that are under way at once; attempts at suspect outputs get
/// half of them. Each may hold a file descriptor, of which a process has 1024 by default.
const ATTEMPTS_MAX: u32 = 512;
/// The name of the group that delivers to public outputs.
const GROUP_NAME: &str = "public";

/// Which public outputs this dispatcher serves.
struct Public {
    hub: Hub,
    attempts: Arc<Attempts>,
    session: Arc<Session>,
    joined: HashMap<OutputId, CursorKey>,
    /// Those whose group could not be noted; they are looked at again.
    again: HashSet<OutputId>,
    /// Who was there when everything was looked at; `None` when it never was.
    dispatchers: Option<Vec<DispatcherId>>,
}

/// Serves the outputs that fall to this dispatcher until it stops; then lets the attempts under way
/// end, within the grace.
pub(crate) async fn run(hub: &Hub, attempts: Arc<Attempts>) {
    let session = Arc::new(Session::new(ATTEMPTS_MAX, session::Line::Public(attempts.clone())));
    let mut public = Public {
        hub: hub.clone(),
        attempts: attempts.clone(),
        session: session.clone(),
        joined: HashMap::new(),
        again: HashSet::new(),
        dispatchers: None,
    };
    let stop = hub.stop().clone();
    let serving = stop.or(public.serve());
    let cleaning = stop.or(attempts.clean());
    tokio::join!(Box::pin(serving), cleaning);
    attempts.finish().await;
    session.close();
}

impl Public {
    async fn serve(&mut self) {
        let mut changes = self.directory().changes();
        let mut presence = self.hub.store().presence().changes();
        self.directory().loaded().await;
        self.until_seen().await;
        let mut tick = interval(SAY_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // What people configured has changed.
                change = changes.recv() => match change {
                    Ok(key) => self.changed(&key).await,
                    Err(RecvError::Lagged(_)) => self.look_at_all().await,
                    Err(RecvError::Closed) => return,
                },
                // Dispatchers come, go, or are there as before.
                Ok(()) = presence.changed() => self.look_at_dispatchers().await,
                // One may have fallen silent; what could not be done is tried again.
                _ = tick.tick() => {
                    self.look_at_dispatchers().await;
                    for output in std::mem::take(&mut self.again) {
                        self.look_at(output).await;
                    }
                }
            }
        }
    }

    /// Waits until this dispatcher sees itself among those that are there, and so the others too;
    /// not for ever, since somebody must serve.
    async fn until_seen(&self) {
        let presence = self.hub.store().presence();
        let mut changes = presence.changes();
        let seen = changes.wait_for(|_| presence.dispatchers().contains(&self.hub.id()));
        // Whatever it is that ended the wait, we go on.
        let _ = timeout(SILENCE_MAX, seen).await.map(drop);
    }

    async fn changed(&mut self, key: &Key) {
        match key {
            Key::Output(_, output) => self.look_at(*output).await,
            Key::Bucket(bucket) => {
                let joined = self.joined.iter().filter(|(_, key)| key.bucket == *bucket).map(|(output, _)| *output);
                let of_bucket = self.directory().outputs_of(*bucket).into_iter().map(|output| output.record.id);
                for output in joined.chain(of_bucket).collect::<HashSet<_>>() {
                    self.look_at(output).await;
                }
            }
            Key::Account(_)
            | Key::Input(..)
            | Key::Token(_)
            | Key::Group(..)
            | Key::Signer(_)
            | Key::Domain(_)
            | Key::Integration(_)
            | Key::Cron(_) => {}
        }
    }

    async fn look_at_dispatchers(&mut self) {
        let mut dispatchers = self.hub.store().presence().dispatchers();
        dispatchers.sort_unstable();
        if self.dispatchers.as_ref() != Some(&dispatchers) {
            let count = dispatchers.len();
            self.dispatchers = Some(dispatchers);
            self.look_at_all().await;
            info!(dispatchers = count, outputs = self.joined.len(), "the public outputs were shared out");
        }
    }

    async fn look_at_all(&mut self) {
        let there = self.directory().outputs().into_iter().map(|output| output.record.id);
        let all: HashSet<OutputId> = there.chain(self.joined.keys().copied()).collect();
        for output in all {
            self.look_at(output).await;
        }
    }

    /// Joins an output's cursor, or leaves it, or neither.
    async fn look_at(&mut self, output: OutputId) {
        let wanted = self.wanted(output);
        if self.joined.get(&output) == wanted.as_ref().map(|(key, _)| key) {
            return;
        }
        if let Some(key) = self.joined.remove(&output) {
            self.hub.leave(key, self.session.id());
            self.attempts.forget(output);
        }
        let Some((key, group)) = wanted else { return };
        if let Err(error) = self.directory().ensure_group(&group).await {
            // Without it nobody would know since when deliveries are owed.
            warn!(%output, %error, "a public output cannot be served yet; trying again");
            self.again.insert(output);
            return;
        }
        self.hub.join(key, &self.session);
        self.joined.insert(output, key);
    }

    /// The cursor and the group of an output that falls to this dispatcher.
    fn wanted(&self, output: OutputId) -> Option<(CursorKey, Group)> {
        let output = self.directory().output(output)?.record;
        let bucket = self.directory().bucket(output.bucket)?.record;
        let takes = !output.internal && !output.disabled && output.paused.is_none();
        if !takes || !falls_to(self.hub.id(), output.id, self.dispatchers.as_deref()?) {
            return None;
        }
        let (id, bucket, ephemeral) = (GroupId::PUBLIC, bucket.id, bucket.ephemeral);
        let key = CursorKey { bucket, output: output.id, group: id, ephemeral };
        // Deliveries are owed since there is an output, whenever a dispatcher first sees it.
        let created_at = output.created_at;
        let (account, name) = (output.account, GROUP_NAME.to_owned());
        let group = Group { id, output: output.id, bucket, account, name, created_at, seen_at: None };
        Some((key, group))
    }

    fn directory(&self) -> &Directory {
        self.hub.store().directory()
    }
}
