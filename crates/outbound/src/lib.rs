//! HTTP/1.1 to destinations: the bytes of each request's head are ours, the rest is hyper's.
//!
//! The agent and the dispatcher make their attempts with it. The cast:
//!
//! - [`Client`] makes one attempt and says how it [`Finished`].
//! - [`Forward`] makes the request of an attempt out of what was received.
//! - [`Guard`] is what its caller says about where attempts may go; [`Public`] is the one of attempts
//!   that the relay itself makes.
//! - [`Resolver`] finds the addresses of a name; `Lookups` are those of the system that are under way.
//! - [`Head`] is the request line and header lines, byte for byte, checked to be one request.
//! - [`Body`] is what follows: whole, or in pieces as they arrive.
//! - `answer` reads what came back.
//! - `Connection` is one socket with hyper on it; `Pool` keeps those that may serve again.
//! - `HeadSwap` sits between hyper and the socket and puts our head in the place of hyper's.
//! - [`net`] and [`tls`] are below: names, addresses, sockets, certificates.

mod client;
mod forward;

pub mod guard;
mod lookups;
mod public;
mod resolver;

mod answer;
mod body;
mod head;

mod connection;
mod head_swap;
mod pool;

pub mod net;
pub mod tls;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;

pub use body::{Body, BodySink, Piece};
pub use client::{Client, Finished, Keep, Request};
pub use forward::{Forward, NotMade};
pub use guard::Guard;
pub use head::{Head, InvalidHead};
pub use public::Public;
pub use resolver::{InvalidServers, Resolver};
