//! Ends what became too old on cursors that no agent works on, so that it is shown as expired and
//! not for ever as pending.
//!
//! Every dispatcher does this for every group that it has no session of. Two doing the same at the
//! same time is harmless: a cursor that someone works on is left alone, and a delivery that is
//! ended twice has ended once.

use std::collections::HashMap;
use std::time::Duration;

use model::fact::{Ending, Fact};
use model::record::Group;
use model::{BucketId, UnixMs, retry};
use store::cursor::{Cursor, Receipt};
use store::fact::CursorKey;
use tracing::{info, warn};

use crate::clock;
use crate::hub::Hub;

/// How often every group is looked at.
const ROUND_EVERY: Duration = Duration::from_secs(15);
/// How many events are looked at in one request.
const BATCH: usize = 256;

/// Looks after the groups until the dispatcher stops.
pub(crate) async fn run(hub: &Hub) {
    let mut settled = HashMap::new();
    while !hub.stop().is_given() {
        hub.stop().or(tokio::time::sleep(ROUND_EVERY)).await;
        round(hub, &mut settled).await;
    }
}

/// Looks at every group once. `settled` remembers the last event of buckets at whose end a cursor
/// was left with nothing to expire.
async fn round(hub: &Hub, settled: &mut HashMap<CursorKey, u64>) {
    let mut last_events: HashMap<BucketId, Option<u64>> = HashMap::new();
    for group in hub.store().directory().groups() {
        let Some((key, span)) = cursor_of(hub, &group.record) else { continue };
        if hub.stop().is_given() || hub.has(&key) {
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
        if last.is_none() || settled.get(&key).copied() == last {
            continue;
        }
        match Box::pin(expire(hub, key, span, group.record.created_at)).await {
            Ok(true) => drop(last.map(|last| settled.insert(key, last))),
            Ok(false) => {}
            Err(error) => warn!(output = %key.output, %error, "a cursor without agents cannot be looked at now"),
        }
    }
}

/// Ends what is too old on one cursor; returns whether nothing else is left on it.
async fn expire(hub: &Hub, key: CursorKey, span: Duration, since: UnixMs) -> Result<bool, store::Error> {
    let store = hub.store();
    if Cursor::is_held(store, &key).await {
        return Ok(false);
    }
    let mut cursor = Cursor::attach(store, key, span, since, clock::now()).await?;
    let mut young = Vec::new();
    let expired = loop_over(hub, &mut cursor, span, &mut young).await;
    let left = !young.is_empty();
    cursor.release(young).await;
    let expired = expired?;
    if expired > 0 {
        info!(output = %key.output, group = %key.group, expired, "deliveries expired without an agent");
    }
    Ok(!left)
}

async fn loop_over(
    hub: &Hub,
    cursor: &mut Cursor,
    span: Duration,
    young: &mut Vec<Receipt>,
) -> Result<usize, store::Error> {
    let mut count = 0;
    loop {
        cursor.ask_now(BATCH).await?;
        let mut old = Vec::new();
        while !cursor.is_idle() && !cursor.is_lost() {
            let happened = cursor.happens().await;
            let now = clock::now();
            match cursor.take(happened, now).await? {
                Some(pulled) if now > pulled.stored_at.plus(span) => old.push((pulled.event, pulled.receipt)),
                Some(pulled) => young.push(pulled.receipt),
                None => {}
            }
        }
        if old.is_empty() {
            return Ok(count);
        }
        let at = clock::now();
        let facts: Vec<_> = old
            .iter()
            .map(|(event, _)| Fact::DeliveryEnded { event: *event, at, ending: Ending::Expired, reason: None })
            .collect();
        hub.store().facts().append(cursor.key(), &facts).await?;
        for (_, receipt) in &old {
            cursor.acknowledge(receipt).await?;
        }
        count += old.len();
        if !young.is_empty() {
            return Ok(count);
        }
    }
}

/// The cursor of a group whose output still takes deliveries, and for how long one may be tried.
fn cursor_of(hub: &Hub, group: &Group) -> Option<(CursorKey, Duration)> {
    let directory = hub.store().directory();
    let output = directory.output(group.output)?.record;
    let bucket = directory.bucket(group.bucket)?.record;
    let key = CursorKey { bucket: bucket.id, output: output.id, group: group.id, ephemeral: bucket.ephemeral };
    output.internal.then(|| (key, retry::span(&output, &bucket)))
}
