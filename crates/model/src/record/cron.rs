//! Webhooks that the relay sends to a bucket of its own by the clock.

use serde::{Deserialize, Serialize};

use super::yes;
use crate::id::{AccountId, BucketId, CronId};
use crate::time::UnixMs;

/// A webhook by the clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cron {
    /// Its id.
    pub id: CronId,
    /// Whose it is.
    pub account: AccountId,
    /// The bucket that was made with it, whose input its webhooks come by.
    pub bucket: BucketId,
    /// Its name.
    pub name: String,
    /// Whether it runs.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Whether it runs more than once.
    #[serde(default = "yes")]
    pub recurring: bool,
    /// Five fields, `@daily` and the like, or `@every 5m`.
    pub schedule: String,
    /// The time zone of the schedule, by its IANA name; empty for UTC.
    #[serde(default)]
    pub timezone: String,
    /// The method of its webhooks.
    pub method: String,
    /// Their body.
    #[serde(default)]
    pub payload: String,
    /// Their headers.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// Where they go.
    pub destination: String,
    /// It does not run before then.
    #[serde(default)]
    pub starts_at: Option<UnixMs>,
    /// It does not run after then.
    #[serde(default)]
    pub ends_at: Option<UnixMs>,
    /// From when on its schedule counts: when it was made if not said, or what it says of when it
    /// runs was last changed.
    #[serde(default)]
    pub counts_from: Option<UnixMs>,
    /// The time of its last run; each time is run once, whoever runs it.
    #[serde(default)]
    pub last_run: Option<UnixMs>,
    /// When it was made.
    pub created_at: UnixMs,
    /// When it was last changed.
    pub updated_at: UnixMs,
}

impl Cron {
    /// One that runs for good from now on, by `POST` and without a body.
    pub fn new(
        id: CronId,
        account: AccountId,
        bucket: BucketId,
        name: String,
        schedule: String,
        destination: String,
        now: UnixMs,
    ) -> Self {
        Self {
            id,
            account,
            bucket,
            name,
            enabled: true,
            recurring: true,
            schedule,
            timezone: String::new(),
            method: "POST".to_owned(),
            payload: String::new(),
            headers: Vec::new(),
            destination,
            starts_at: None,
            ends_at: None,
            counts_from: None,
            last_run: None,
            created_at: now,
            updated_at: now,
        }
    }
}
