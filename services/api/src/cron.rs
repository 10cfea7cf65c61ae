//! Webhooks by the clock: when one is due, it is appended to the bucket of its cron as if its input
//! had been called.
//!
//! Every copy of the API does this. The record of the cron says when it last ran, and who changes
//! that is the one to run it: a time is run once, whoever runs it. A process that dies in between
//! leaves that one run out; times that went by while nobody ran are made up for by one.

pub(crate) mod schedule;

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use model::record::{Bucket, Cron};
use model::request::{Header, Request};
use model::{CronId, EventId, UnixMs};
use store::Store;
use store::directory::{Revision, Versioned};
use telemetry::Stop;
use tracing::{debug, info, warn};
use uuid::Uuid;

use crate::{emit, write};

/// How often it is looked what is due: the times of schedules are in minutes, those of `@every` in
/// seconds.
const LOOK_EVERY: Duration = Duration::from_millis(500);

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
        let crons = store.directory().crons();
        due.0.retain(|id, _| store.directory().cron(*id).is_some());
        for cron in crons {
            if due.of(&cron).is_some_and(|at| at <= write::now()) && !stop.is_given() {
                run_one(store, &cron).await;
            }
        }
        stop.or(tokio::time::sleep(LOOK_EVERY)).await;
    }
}

/// Runs one that is due, unless another copy does.
async fn run_one(store: &Store, cron: &Versioned<Cron>) {
    let Some(bucket) = store.directory().bucket(cron.record.bucket) else { return };
    let time = schedule::latest_run(&cron.record, write::now());
    let ran = Cron { last_run: time, ..cron.record.as_ref().clone() };
    match store.directory().update(&ran, cron.revision).await {
        Ok(_) => post(store, &ran, &bucket.record).await,
        Err(store::Error::Conflict) => debug!(cron = %ran.id, "another copy runs it"),
        Err(error) => warn!(cron = %ran.id, %error, "a cron cannot be run now; trying again"),
    }
}

async fn post(store: &Store, cron: &Cron, bucket: &Bucket) {
    let event = EventId(Uuid::now_v7());
    match emit::append(store, bucket, event, &request(cron)).await {
        Ok(()) => info!(cron = %cron.id, %event, "a cron ran"),
        Err(error) => warn!(cron = %cron.id, %event, %error, "the webhook of a cron was not stored"),
    }
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
