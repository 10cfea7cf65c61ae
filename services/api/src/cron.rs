//! Webhooks by the clock: when one is due, it is appended to the bucket of its cron as if its input
//! had been called.
//!
//! Every copy of the API does this. All of them give the webhook of a time the same name, so the log
//! keeps one; then the record of the cron says when it last ran. A process that dies in between runs
//! that time again, or another one does. Times that went by while nobody ran are made up for by one.

pub(crate) mod schedule;

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use model::record::{Bucket, Cron};
use model::request::{Header, Request};
use model::{CronId, EventId, UnixMs};
use store::Store;
use store::directory::{Revision, Versioned};
use telemetry::Stop;
use tracing::{debug, info, warn};
use uuid::Uuid;

use crate::emit::{self, NotAppended};
use crate::write;

/// How often it is looked what is due: the times of schedules are in minutes, those of `@every` in
/// seconds.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How many are run side by side.
const AT_ONCE: usize = 8;

/// When each cron is due, as far as it was worked out.
#[derive(Default)]
struct Due(HashMap<CronId, (Revision, Option<UnixMs>)>);

impl Due {
    /// When this cron is due.
    fn of(&mut self, cron: &Versioned<Cron>) -> Option<UnixMs> {
        match self.0.get(&cron.record.id) {
            Some((revision, at)) if *revision == cron.revision => *at,
            _ => {
                let at = schedule::next_run(&cron.record);
                self.0.insert(cron.record.id, (cron.revision, at));
                at
            }
        }
    }
}

/// Runs what is due until told to stop.
pub(crate) async fn run(store: &Store, stop: &Stop) {
    let mut due = Due::default();
    while !stop.is_given() {
        let now = write::now();
        let mut crons = store.directory().crons();
        due.0.retain(|id, _| store.directory().cron(*id).is_some());
        crons.retain(|cron| due.of(cron).is_some_and(|at| at <= now));
        let running = crons.into_iter().map(|cron| run_one(store, cron));
        let running = futures_util::stream::iter(running).buffer_unordered(AT_ONCE).collect::<()>();
        stop.or(running).await;
        stop.or(tokio::time::sleep(LOOK_EVERY)).await;
    }
}

/// Runs one that is due, unless another copy has.
pub(crate) async fn run_one(store: &Store, seen: Versioned<Cron>) {
    let (id, directory) = (seen.record.id, store.directory());
    // The log knows a name for minutes only; this process may have been stopped for longer.
    if let Err(error) = directory.catch_up().await {
        return warn!(cron = %id, %error, "a cron cannot be run now; trying again");
    }
    let Some(cron) = directory.cron(id).filter(|cron| cron.revision == seen.revision) else { return };
    let Some(bucket) = directory.bucket(cron.record.bucket) else { return };
    let Some(time) = schedule::latest_run(&cron.record, write::now()) else { return };
    match post(store, &cron.record, &bucket.record, time).await {
        Ok(()) => info!(cron = %id, "a cron ran"),
        // It may pass, or be so for this copy alone, as when it lacks a key.
        Err(error @ NotAppended::Store(_)) => {
            return warn!(cron = %id, %error, "the webhook of a cron was not stored; trying again");
        }
        Err(error @ NotAppended::NoInput) => warn!(cron = %id, %error, "the webhook of a cron cannot be stored"),
    }
    let ran = Cron { last_run: Some(time), ..cron.record.as_ref().clone() };
    match directory.update(&ran, cron.revision).await {
        Ok(_) => {}
        Err(store::Error::Conflict) => debug!(cron = %id, "another copy ran it, or it was changed"),
        Err(error) => warn!(cron = %id, %error, "it was not noted that a cron ran; trying again"),
    }
}

/// Appends the webhook of a cron for that time, unless it is there. It is one of now, so that one that
/// is made up for is kept as long as others, and got by who polls.
pub(crate) async fn post(store: &Store, cron: &Cron, bucket: &Bucket, time: UnixMs) -> Result<(), NotAppended> {
    let (event, delivery) = (EventId(Uuid::now_v7()), format!("cron {} {}", cron.id, time.0));
    emit::append(store, bucket, event, Some(&delivery), &request(cron)).await
}

fn request(cron: &Cron) -> Request {
    let header = |(name, value): &(String, String)| Header {
        name: Bytes::from(name.clone()),
        value: Bytes::from(value.clone()),
    };
    Request {
        method: cron.method.clone(),
        headers: cron.headers.iter().map(header).collect(),
        body: Bytes::from(cron.payload.clone()),
        body_bytes: cron.payload.len() as u64,
        has_body: !cron.payload.is_empty(),
        ..Request::default()
    }
}
