//! Ends what became too old on cursors that no agent works on, so that it is shown as expired and
//! not for ever as pending.
//!
//! Every dispatcher does this for every group that it has no session of. Two doing the same at the
//! same time is harmless: a cursor that someone works on is left alone, and a delivery that is
//! ended twice has ended once.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use model::fact::{Ending, Fact};
use model::progress::Again;
use model::record::Group;
use model::{BucketId, EventId, GroupId, UnixMs, retry};
use store::cursor::{Cursor, Receipt};
use store::fact::CursorKey;
use tracing::{info, warn};

use crate::alert::What;
use crate::clock;
use crate::courier::configured;
use crate::hub::Hub;
use crate::presence::Standing;

/// How often every group is looked at.
const ROUND_EVERY: Duration = Duration::from_secs(15);
/// How many events are looked at in one request.
const BATCH: usize = 256;
/// A cursor with something on it is looked at again after this at the latest: its policy may have
/// changed.
const LOOK_AGAIN_MAX: Duration = Duration::from_secs(600);

/// What a look at a cursor left.
#[derive(Clone, Copy)]
enum Left {
    /// Nothing, up to this event of the bucket.
    NothingTo(u64),
    /// Something that does not become too old before this time.
    Until(UnixMs),
}

/// Looks after the groups until the dispatcher stops.
pub(crate) async fn run(hub: &Hub) {
    let mut looked = HashMap::new();
    while !hub.stop().is_given() {
        hub.stop().or(tokio::time::sleep(ROUND_EVERY)).await;
        round(hub, &mut looked).await;
    }
}

/// Looks at every group once. `looked` remembers what was left on each cursor, so that one is
/// looked at only when something new can have become too old.
async fn round(hub: &Hub, looked: &mut HashMap<CursorKey, Left>) {
    let mut last_events: HashMap<BucketId, Option<u64>> = HashMap::new();
    let (presence, mut there) = (hub.presence(), HashSet::new());
    for group in hub.store().directory().groups() {
        let Some((key, span)) = cursor_of(hub, &group.record) else { continue };
        if hub.stop().is_given() {
            return;
        }
        there.insert(key);
        if hub.has(&key) {
            // Its courier sees to it, and leaves it in another state.
            looked.remove(&key);
            presence.unserved_gone(&key);
            continue;
        }
        let last = match last_events.get(&key.bucket) {
            Some(last) => *last,
            None => match hub.store().events().last(key.bucket, key.ephemeral).await {
                Ok(last) => *last_events.entry(key.bucket).or_insert(last),
                Err(error) => {
                    warn!(%error, "the groups without agents cannot be looked at now");
                    return;
                }
            },
        };
        let Some(last) = last else {
            // Nothing waits where nothing is.
            presence.unserved(key, Standing { is_current: true, ..Standing::default() });
            continue;
        };
        match looked.get(&key).filter(|_| presence.knows_unserved(&key)) {
            Some(Left::NothingTo(seen)) if *seen == last => continue,
            Some(Left::Until(at)) if clock::of_log(hub) <= *at => continue,
            Some(_) | None => {}
        }
        match Box::pin(expire(hub, key, span, group.record.created_at)).await {
            Ok(None) => presence.unserved_gone(&key),
            Ok(Some((left, standing))) => {
                let again = clock::of_log(hub).plus(LOOK_AGAIN_MAX);
                looked.insert(key, left.map_or(Left::NothingTo(last), |at| Left::Until(at.min(again))));
                presence.unserved(key, standing);
            }
            Err(error) => warn!(output = %key.output, %error, "a cursor without agents cannot be looked at now"),
        }
    }
    presence.retain_unserved(|key| there.contains(key));
    looked.retain(|key, _| there.contains(key));
}

/// Ends what is too old on one cursor; returns when the rest becomes so, if there is any, and how
/// the cursor stands. `None` when another process works with it.
async fn expire(
    hub: &Hub,
    key: CursorKey,
    span: Duration,
    since: UnixMs,
) -> Result<Option<(Option<UnixMs>, Standing)>, store::Error> {
    let store = hub.store();
    if Cursor::is_held(store, &key).await {
        return Ok(None);
    }
    let mut cursor = Cursor::attach(store, key, span, since, clock::of_log(hub)).await?;
    let mut round = Round { span, young: Vec::new(), young_until: None, parked: 0, expired: HashSet::new() };
    let done = Box::pin(round.take_all(hub, &mut cursor)).await;
    let standing = round.standing(&cursor);
    let Round { young, young_until, expired, .. } = round;
    cursor.stop_asking().await;
    cursor.release(young.into_iter().map(|(_, receipt)| receipt)).await;
    done?;
    if !expired.is_empty() {
        let (output, group, expired) = (key.output, key.group, expired.len());
        info!(%output, %group, expired, "deliveries expired without an agent");
    }
    Ok(Some((young_until, standing)))
}

/// One look at a cursor.
struct Round {
    span: Duration,
    /// What to give back.
    young: Vec<(EventId, Receipt)>,
    /// When the first of those that are not too old becomes so.
    young_until: Option<UnixMs>,
    /// How many that are not too old come from nowhere but the facts.
    parked: u64,
    expired: HashSet<EventId>,
}

impl Round {
    async fn take_all(&mut self, hub: &Hub, cursor: &mut Cursor) -> Result<(), store::Error> {
        while self.take_some(hub, cursor).await? {}
        // What is parked was acknowledged, and comes from nowhere but the facts.
        let (mut parked, now) = (Vec::new(), clock::of_log(hub));
        let given_out: HashSet<_> = self.young.iter().map(|(event, _)| *event).collect();
        let all: Vec<_> = cursor.again().collect();
        for (event, again) in all {
            let until = self.parked_until(hub, cursor.key(), event, again, now).await?;
            match now > until {
                true if !self.expired.contains(&event) => parked.push(event),
                true => {}
                false => {
                    self.parked += u64::from(!given_out.contains(&event));
                    self.note_young(until);
                }
            }
        }
        for events in parked.chunks(BATCH) {
            self.end(hub, cursor, events).await?;
        }
        Ok(())
    }

    /// When a delivery that is parked becomes too old. What is so by the time in its event's id, which is
    /// that of the clock of an ingress, is looked up in the log.
    async fn parked_until(
        &self,
        hub: &Hub,
        key: &CursorKey,
        event: EventId,
        again: Again,
        now: UnixMs,
    ) -> Result<UnixMs, store::Error> {
        let by_id = event.received_at().plus(self.span);
        let Some(place) = again.place.filter(|_| now > by_id) else { return Ok(by_id) };
        let stored = hub.store().events().at(key.bucket, key.ephemeral, place).await?;
        Ok(stored.filter(|stored| stored.event == event).map_or(by_id, |stored| stored.stored_at.plus(self.span)))
    }

    /// Looks at the events that are there now; returns whether there may be more that are too old.
    async fn take_some(&mut self, hub: &Hub, cursor: &mut Cursor) -> Result<bool, store::Error> {
        let before = cursor.delivered();
        cursor.ask_now(BATCH).await?;
        let (mut events, mut receipts) = (Vec::new(), Vec::new());
        while !cursor.is_idle() && !cursor.is_lost() {
            let happened = cursor.happens().await;
            let now = clock::of_log(hub);
            let Some(pulled) = cursor.take(happened, now).await? else { continue };
            let until = pulled.stored_at.plus(self.span);
            if now > until {
                events.push(pulled.event);
                receipts.extend(pulled.receipt);
            } else {
                self.note_young(until);
                self.young.extend(pulled.receipt.map(|receipt| (pulled.event, receipt)));
            }
        }
        self.end(hub, cursor, &events).await?;
        for receipt in &receipts {
            cursor.acknowledge(receipt).await?;
        }
        Ok(cursor.pending() > 0 && cursor.delivered() != before && self.young.is_empty())
    }

    async fn end(&mut self, hub: &Hub, cursor: &Cursor, events: &[EventId]) -> Result<(), store::Error> {
        if events.is_empty() {
            return Ok(());
        }
        let (at, ending) = (clock::of_log(hub), Ending::Expired);
        let facts: Vec<_> =
            events.iter().map(|event| Fact::DeliveryEnded { event: *event, at, ending, reason: None }).collect();
        hub.store().facts().append(cursor.key(), &facts).await?;
        if let [event, ..] = events {
            hub.alerts().raise(*cursor.key(), What::Expired { event: *event, count: events.len() as u64 });
        }
        self.expired.extend(events);
        Ok(())
    }

    /// How the cursor stands after the look.
    fn standing(&self, cursor: &Cursor) -> Standing {
        let in_stream = cursor.pending() + self.young.len() as u64;
        Standing {
            at_hand: self.parked,
            in_stream,
            // The caretaker looks again when there is something new.
            is_current: in_stream == 0,
            oldest_at: self.young_until.map(|until| until.minus(self.span)),
            last_sent_at: cursor.last_sent_at(),
            ..Standing::default()
        }
    }

    fn note_young(&mut self, until: UnixMs) {
        self.young_until = Some(self.young_until.map_or(until, |first| first.min(until)));
    }
}

/// The cursor of a group whose output still takes deliveries, and for how long one may be tried.
fn cursor_of(hub: &Hub, group: &Group) -> Option<(CursorKey, Duration)> {
    let (output, bucket) = configured(hub.store().directory(), group.bucket, group.output)?;
    let key = CursorKey { bucket: bucket.id, output: output.id, group: group.id, ephemeral: bucket.ephemeral };
    (output.internal != (group.id == GroupId::PUBLIC)).then(|| (key, retry::span(&output, &bucket)))
}
