//! The records that people configure.
//!
//! They are stored as JSON, sealed. A field that is added gets a default, so that records
//! written by an older version still read; a field's name is never used again for another meaning.

mod account;
mod bucket;
mod cron;
mod domain;
mod group;
mod input;
mod integration;
mod output;
mod policy;
mod signature;
mod token;

pub use account::Account;
pub use bucket::{Bucket, CallerAuth, WINDOW_SECONDS_DEFAULT, WINDOW_SECONDS_MAX};
pub use cron::Cron;
pub use domain::Domain;
pub use group::Group;
pub use input::{
    ANSWER_BYTES_MAX, Answer, AnswerFrom, Deduplicate, Input, WAIT_SECONDS_DEFAULT, WAIT_SECONDS_MAX, Wait,
};
pub use integration::{Integration, Plugin};
pub use output::{Output, TIMEOUT_SECONDS_DEFAULT, TIMEOUT_SECONDS_MAX};
pub use policy::{Circuit, Durability, Interval, Order, OrderKey, Paused, Schedule, Throttle, ThrottleMode};
pub use signature::{CustomSignature, Signature, SignaturePolicy, SigningSecret};
pub use token::{ApiAccess, Scopes, Token};

fn yes() -> bool {
    true
}
