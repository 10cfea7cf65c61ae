//! The nouns of the relay and the decisions about them: no I/O, no runtime, no clock.
//!
//! Everything here is a value. Decisions take `now` as an argument and return what to do;
//! the services do it. The words are those of `docs/glossary.md`.

pub mod alert;
pub mod answer;
pub mod canary;
pub mod certificate;
pub mod destination;
pub mod fact;
pub mod header;
pub mod id;
pub mod name;
pub mod order;
pub mod progress;
pub mod reason;
pub mod record;
pub mod request;
pub mod retry;
pub mod rules;
pub mod stagger;
pub mod time;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;

pub use crate::id::{
    AccountId, BucketId, CronId, DeliveryId, DispatcherId, DomainId, EventId, GroupId, InputId, IntegrationId,
    OutputId, SessionId, TokenId,
};
pub use crate::time::UnixMs;
