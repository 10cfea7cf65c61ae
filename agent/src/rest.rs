//! The REST API as the command line uses it.

mod client;
mod find;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod log;
mod record;
mod tail;

pub use client::{Call, Client, Error};
pub use find::{Found, NotFound, find_bucket, find_input, find_output, find_token};
pub use log::{Attempt, EventPage, Log, LogPage, values};
pub use record::{Bucket, Input, Issued, Output, Token, or_null};
pub use tail::Tail;
