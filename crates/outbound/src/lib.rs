//! HTTP/1.1 to destinations: the bytes of each request's head are ours, the rest is hyper's.
//!
//! The agent and the dispatcher make their attempts with it. The cast:
//!
//! - [`Head`] is the request line and header lines, byte for byte, checked to be one request.
//! - [`Body`] is what follows: whole, or in pieces as they arrive.
//! - `HeadSwap` sits between hyper and the socket and puts our head in the place of hyper's.
//! - `Connection` is one socket with hyper on it; `Pool` keeps those that may serve again.
//! - [`Client`] makes one attempt and says how it ended.
//! - [`net`] and [`tls`] are below: names, addresses, sockets, certificates.

mod body;
mod client;
mod connection;
mod head;
mod head_swap;
pub mod net;
mod pool;
pub mod tls;

pub use body::{Body, BodySink, Piece};
pub use client::{Client, Request};
pub use head::{Head, InvalidHead};
