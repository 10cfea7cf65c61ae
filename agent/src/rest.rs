//! The REST API as the command line uses it.

mod client;
mod find;
mod record;

pub use client::{Client, Error};
pub use find::{Found, NotFound, find_bucket, find_input, find_output, find_token};
pub use record::{Bucket, Input, Issued, Output, Token};
