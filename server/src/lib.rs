//! The server: roles composed into one process, its own NATS beside it, and the way in over HTTP.
//!
//! The cast:
//!
//! - [`cli`] is the command line as written, [`options`] what it means.
//! - [`Server`] starts everything in order, watches it, and stops it in the opposite order.
//! - [`listener`] accepts connections within limits; [`front`] gives each request to its role.
//! - [`nats`] is the broker that is started when none is named.
//! - [`acme`] orders certificates for domains.
//! - [`data_dir`], [`master_key`], [`admin`], [`certs`] and [`tls`] are what the process keeps.
//! - [`metrics`] says what the process counts, [`panics`] counts what must not happen.
//! - [`keys`] rotates keys, as a command beside running servers.
//! - [`echo`] and [`ask`] are small programs for trying things and for health checks.
//!
//! The roles know nothing of each other: what they share is the store.

pub mod acme;
pub mod admin;
pub mod ask;
pub mod certs;
pub mod cli;
pub mod data_dir;
pub mod echo;
pub mod front;
pub mod keys;
pub mod listener;
pub mod master_key;
pub mod metrics;
pub mod nats;
pub mod options;
pub mod out;
pub mod panics;
pub mod readiness;
mod server;
mod tasks;
pub mod tls;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;

pub use server::Server;
