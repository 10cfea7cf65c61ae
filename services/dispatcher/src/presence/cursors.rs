//! How the cursors stand that this dispatcher works with, and those that nobody works with and that
//! fall to it.
//!
//! A courier knows how many events wait in the stream as long as it asks for more of them. One that
//! does not (its output fails, or is slow) is looked up, and so are the cursors that nobody works
//! with; only so many in a round, because each costs NATS a request.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures_util::StreamExt;
use store::cursor::Queue;
use store::fact::CursorKey;
use store::presence::{CursorSeen, Place};
use tokio::time::Instant;
use tracing::warn;

use super::Standing;
use crate::hub::Hub;
use crate::public::falls_to;

/// How many cursors are looked up in a round.
const LOOKS_MAX: usize = 128;
/// How many of them at once.
const LOOKS_AT_ONCE: usize = 8;
/// How long the looks of a round may take.
const LOOKS_TIME_MAX: Duration = Duration::from_secs(2);
/// The most cursors that a dispatcher says something of; those where nothing waits are left out first.
const CURSORS_MAX: usize = 20_000;

/// What was looked up.
#[derive(Default)]
pub(super) struct Cursors {
    looked: HashMap<CursorKey, Look>,
}

/// What is known of a cursor that does not know its stream itself.
#[derive(Clone, Copy, Default)]
struct Look {
    /// What had been given out then; when more has been since, that knows better.
    delivered: u64,
    at: Option<Instant>,
    in_stream: Option<u64>,
}

/// A cursor and how it stands.
#[derive(Clone, Copy)]
struct Known {
    key: CursorKey,
    sessions: u32,
    standing: Standing,
}

impl Cursors {
    /// How all of them stand now.
    pub(super) async fn round(&mut self, hub: &Hub) -> Vec<CursorSeen> {
        let mut all = known(hub);
        self.look(hub, &all).await;
        for known in &mut all {
            if let Some(in_stream) = self.looked.get(&known.key).and_then(|look| look.in_stream) {
                known.standing.in_stream = in_stream;
            }
        }
        let mut seen: Vec<_> = all.iter().filter_map(|known| known.seen(hub)).collect();
        if seen.len() > CURSORS_MAX {
            seen.sort_by_key(|seen| std::cmp::Reverse((seen.waiting, seen.failures)));
            seen.truncate(CURSORS_MAX);
        }
        seen
    }

    /// Looks up those of which nothing new was heard since the last round.
    async fn look(&mut self, hub: &Hub, all: &[Known]) {
        let mut before = std::mem::take(&mut self.looked);
        let mut silent = Vec::new();
        for known in all.iter().filter(|known| !known.standing.is_current) {
            let delivered = known.standing.delivered;
            let look = match before.remove(&known.key) {
                Some(look) if look.delivered == delivered => {
                    silent.push((has_no_limit(hub, &known.key), look.at, *known));
                    look
                }
                Some(_) | None => Look { delivered, ..Look::default() },
            };
            self.looked.insert(known.key, look);
        }
        // Those with a limit first: callers are refused by it. Then those not looked up for longest.
        silent.sort_by_key(|(has_no_limit, at, _)| (*has_no_limit, *at));
        let looks = silent.into_iter().take(LOOKS_MAX).map(|(_, _, known)| async move {
            let queue = Queue::ask(hub.store(), &known.key).await;
            (known, queue)
        });
        let mut looks = futures_util::stream::iter(looks).buffer_unordered(LOOKS_AT_ONCE);
        let end = Instant::now() + LOOKS_TIME_MAX;
        while let Ok(Some((known, queue))) = tokio::time::timeout_at(end, looks.next()).await {
            match queue {
                Ok(Some(queue)) => self.note(&known, queue),
                // What nobody works with is looked at anew by the caretaker.
                Ok(None) if known.sessions == 0 => hub.presence().unserved_gone(&known.key),
                Ok(None) => {}
                Err(error) => return warn!(%error, "how long some queues are cannot be looked up now"),
            }
        }
    }

    fn note(&mut self, known: &Known, queue: Queue) {
        if let Some(look) = self.looked.get_mut(&known.key) {
            look.at = Some(Instant::now());
            // What a courier has not acknowledged is at its hand.
            let given_out = if known.sessions == 0 { queue.unacknowledged } else { 0 };
            look.in_stream = Some(queue.pending + given_out);
        }
    }
}

impl Known {
    /// What is said of it; `None` when its bucket is gone.
    fn seen(&self, hub: &Hub) -> Option<CursorSeen> {
        let Self { key, sessions, standing } = *self;
        Some(CursorSeen {
            account: hub.store().directory().bucket(key.bucket)?.record.account,
            bucket: key.bucket,
            output: key.output,
            group: key.group,
            sessions,
            waiting: standing.in_stream + standing.at_hand,
            at_hand: standing.at_hand,
            oldest_at: standing.oldest_at,
            last_sent_at: standing.last_sent_at,
            failures: standing.failures,
            is_open: standing.is_open,
        })
    }
}

/// The cursors that are worked with here, and those that nobody works with and that fall to us.
fn known(hub: &Hub) -> Vec<Known> {
    let (presence, dispatchers) = (hub.presence(), hub.store().presence().dispatchers());
    let mut all: Vec<_> =
        hub.standings().into_iter().map(|(key, sessions, standing)| Known { key, sessions, standing }).collect();
    let pages = hub.store().presence().pages();
    let said = pages.iter().flat_map(|page| &page.cursors).filter(|seen| seen.sessions > 0);
    let served: HashSet<Place> = said.map(CursorSeen::place).collect();
    for (key, standing) in presence.all_unserved() {
        if hub.has(&key) || served.contains(&(key.bucket, key.output, key.group)) {
            // Somebody has come for it since the caretaker looked.
            presence.unserved_gone(&key);
        } else if falls_to(hub.id(), key.output, &dispatchers) {
            all.push(Known { key, sessions: 0, standing });
        }
    }
    all
}

/// Whether callers are never refused because of this cursor.
fn has_no_limit(hub: &Hub, key: &CursorKey) -> bool {
    let output = hub.store().directory().output(key.output);
    output.is_none_or(|output| !output.record.throttle.enabled || output.record.throttle.max_queue_depth == 0)
}
