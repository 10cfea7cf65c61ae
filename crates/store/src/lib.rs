//! Everything that is kept lies in NATS JetStream, and only this crate speaks to it.
//!
//! The cast:
//!
//! - [`Store`] is the handle that every service holds; it is cheap to clone.
//! - [`layout`] declares the streams, their subjects and their limits.
//! - [`keyring::Keyring`] holds the data keys of buckets in memory, makes them and destroys them.
//! - [`directory::Directory`] holds what people configured in memory, and writes changes.
//! - [`event`] appends webhooks, [`fact`] appends and folds what happened to them.
//! - [`cursor::Cursor`] is the position of a group on an output: events come out of it, in order,
//!   less those that the facts say have ended.
//! - [`answer`] keeps what destinations answered, and brings it to callers who wait for it.
//! - [`report`] tells dispatchers what clients said of deliveries over REST.
//! - [`certificate`] keeps the certificates that are ordered for domains.
//! - [`feed::Feed`] follows all of both, for whoever keeps a picture of them.
//! - [`unreadable`] counts what cannot be read.
//! - [`presence`] is who is there now: dispatchers, sessions, how cursors stand.
//! - [`verification`] asks `auth` about credentials, and lets `auth` answer; [`credential`] is what
//!   `auth` alone may read.
//!
//! Nothing of this is needed for correctness but the streams themselves: every consumer, every map
//! in memory can be lost at any time and is rebuilt from them.

pub mod answer;
pub mod certificate;
mod client;
mod clock;
mod connect;
pub mod counts;
pub mod credential;
pub mod cursor;
pub mod directory;
mod error;
pub mod event;
pub mod fact;
pub mod feed;
mod get;
mod health;
pub mod keyring;
pub mod layout;
mod opening;
pub mod options;
pub mod presence;
mod publish;
pub mod replay;
pub mod report;
pub mod unreadable;
pub mod verification;
mod watching;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;

pub use client::{Driver, Store};
pub use error::Error;
pub use health::Health;
pub use options::Options;
