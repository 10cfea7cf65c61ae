//! The harness: real processes, real sockets, real disks, and a ledger that must close.
//!
//! The cast:
//!
//! - [`World`] is one test's own corner of the machine: a directory, and everything started in it.
//!   When it goes, nothing that it started is left, and no program has panicked.
//! - [`Server`], [`Nats`] and [`Agent`] are programs that can be killed and started again.
//! - [`account`] makes another account than the first.
//! - [`Api`] sets up buckets, inputs, outputs and tokens over REST.
//! - [`socket::Socket`] is a client of the public socket.
//! - [`Link`] stands between programs, as a balancer does, and can fall silent or stop reading.
//! - [`Caller`] sends webhooks, byte for byte as a test writes them.
//! - [`Destination`] keeps every byte that reaches it, and answers as it is told.
//! - [`Rights`] is a NATS whose users have the rights of their roles and no more.
//! - [`collector::Collector`] takes the spans of programs.
//! - [`acme::Authority`] issues certificates to who proves that a name is theirs.
//! - [`keys`] runs the command that rotates keys.
//! - [`Log`] reads what is in NATS: events, facts, streams.
//! - [`Ledger`] holds what was accepted against what arrived.
//! - [`http2::Http2`] and [`frames::Frames`] (of WebSockets) send frames, good and bad.
//!
//! HTTP is written and read here by hand, on purpose: what a library would put right must show.

pub mod account;
pub mod acme;
pub mod agent;
pub mod api;
pub mod caller;
pub mod cgroup;
pub mod collector;
pub mod destination;
pub mod disk;
pub mod forwarding;
pub mod frames;
pub mod http;
pub mod http2;
pub mod keys;
pub mod ledger;
pub mod link;
pub mod log;
pub mod machine;
pub mod nats;
pub mod netns;
pub mod process;
pub mod programs;
pub mod report;
pub mod rights;
pub mod server;
pub mod socket;
pub mod wait;
pub mod world;

pub use crate::agent::Agent;
pub use crate::api::{Api, Bucket, Token};
pub use crate::caller::Caller;
pub use crate::destination::{Arrival, Destination, Reply};
pub use crate::forwarding::Forwarding;
pub use crate::ledger::Ledger;
pub use crate::link::Link;
pub use crate::log::Log;
pub use crate::nats::Nats;
pub use crate::nats::cluster::Cluster;
pub use crate::process::Process;
pub use crate::rights::Rights;
pub use crate::server::Server;
pub use crate::world::{Spread, World, story};
