//! The public side of the relay: takes webhooks byte for byte and answers once the log has them.
//!
//! The cast:
//!
//! - [`HeadTap`] reads along with hyper and puts the exact head of each request on [`Heads`].
//! - [`Refusal`] is why a request gets no further than its head.
//! - [`Ingress`] takes a request with its head, reads the body, appends the event and answers.
//! - `route` finds the input, `callers` admits its callers, and `judgement` says what becomes of a
//!   webhook whose signature was verified while its body came. What is turned away is kept as an
//!   event that goes nowhere, for the owner to see, in the number that `noted` allows. `trace` makes
//!   its spans.
//!
//! # For the accept loop
//!
//! hyper lower-cases header names and groups duplicates, and accepts some heads that a relay must
//! refuse. So each HTTP/1 connection is read through a [`HeadTap`], and each request takes its
//! head before anything else looks at it:
//!
//! ```text
//! let (tap, heads) = HeadTap::new(stream);               // TCP or TLS, nothing read from it yet
//! let service = service_fn(move |request| {
//!     let head = heads.admit(request.version());         // once for each request, first of all
//!     async move {
//!         match head {
//!             Err(refusal) => Ok(refusal.response()),    // 400 or 431, whatever the path
//!             Ok(head) if is_webhook(&request) => Ok(ingress.handle(request, head, peer, is_tls).await),
//!             Ok(_) => other(request).await,
//!         }
//!     }
//! });
//! http1::Builder::new()
//!     .max_buf_size(HEAD_BYTES_MAX)
//!     .half_close(true)                                  // a caller may end its side after the request
//!     .serve_connection(TokioIo::new(tap), service)
//! ```
//!
//! An HTTP/2 connection may go through a tap as well (`admit` then gives no head), so the version
//! can be found out behind it.

mod ingress;

mod endpoint;

mod capture;

mod route;

mod callers;

mod depths;
mod doubts;

mod judgement;

mod trace;

mod noted;

mod body;

mod pace;

mod budget;

mod answer;

mod waiting;

mod config;

mod tap;

mod heads;

mod head;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;

mod refusal;

pub use crate::config::{BODY_BYTES_DEFAULT, BODY_BYTES_MAX, Config, InvalidLimits, MEMORY_BYTES_DEFAULT};
pub use crate::endpoint::PATH_PREFIX;
pub use crate::head::{HEAD_BYTES_MAX, HEADER_LINES_MAX, RawHead};
pub use crate::heads::{HEADS_WAITING_MAX, Heads};
pub use crate::ingress::Ingress;
pub use crate::refusal::Refusal;
pub use crate::tap::HeadTap;
