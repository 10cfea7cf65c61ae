//! Sessions with the dispatcher: one live stream of messages each.
//!
//! - `State` is the protocol without I/O: which message is allowed when, credits, what is under way.
//! - `Unsure` knows what was reported last and may be lost with the session.
//! - [`Credentials`] holds key and secret, and the session token that stands for them for a while.
//! - `Transport` is what carries a session: `grpc`, or a `web_socket` where gRPC is blocked.
//! - `open` dials, says Hello and waits for Welcome; `Live` runs the session from there.
//! - [`Keeper`] keeps a session open for as long as it is not told to stop.

mod backoff;
mod credentials;
mod grpc;
mod keeper;
mod live;
mod open;
pub mod state;
mod transport;
pub mod unsure;
mod web_socket;

pub use credentials::Credentials;
pub use keeper::{Error, Keeper, Subscription};
pub use transport::Choice;
