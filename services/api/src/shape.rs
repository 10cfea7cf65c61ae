//! What the API reads and writes as JSON: one file for each thing.
//!
//! Reading is merging: a `Change` holds what a request said, checked, and is applied to a record;
//! what was not said, or said as `null`, stays. A new record is a change applied to the defaults.
//! Fields that only the server sets (`id`, `created_at`, …) may be sent and are not looked at, so
//! that clients can send back what they read.
//!
//! Everything that is not built yet is written with its empty value, and refused with any other:
//! nothing that was asked for is silently left undone.

pub(crate) mod account;
pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod bucket;
pub(crate) mod canary;
pub(crate) mod client;
pub(crate) mod count;
pub(crate) mod cron;
pub(crate) mod domain;
mod fields;
mod header;
pub(crate) mod input;
pub(crate) mod integration;
pub(crate) mod log;
pub(crate) mod output;
mod policy;
pub(crate) mod preview;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod token;

pub(crate) use fields::Fields;

use serde::Serialize;

/// The answer to a deletion.
#[derive(Serialize)]
pub(crate) struct Deleted {
    id: String,
    status: &'static str,
}

impl Deleted {
    /// Says that the thing of that id is gone.
    pub(crate) fn new(id: impl ToString) -> Self {
        Self { id: id.to_string(), status: "deleted" }
    }
}

/// A list that is always empty: what it would hold is not built yet.
type NoList = [(); 0];
