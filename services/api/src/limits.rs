//! How much of anything one request may bring, and how much an account may own.

use crate::error::Error;

/// The largest request body, in bytes: a static answer of 250 KiB, every byte of it escaped, still fits.
pub const REQUEST_BYTES_MAX: usize = 1024 * 1024;
/// The longest description, in bytes: a page of text.
pub const DESCRIPTION_BYTES_MAX: usize = 4 * 1024;
/// The longest name of an input or output, in bytes: as long as the name of a bucket.
pub const LABEL_BYTES_MAX: usize = model::name::NAME_BYTES_MAX;
/// The longest destination, in bytes: what common servers take as a request line.
pub const DESTINATION_BYTES_MAX: usize = 2 * 1024;
/// The most header lines that an input answers with, or an output overrides.
pub const HEADERS_MAX: usize = 64;
/// The most bytes in the names and values of those lines: what common servers take as a head.
pub const HEADERS_BYTES_MAX: usize = 16 * 1024;
/// The most further attempts that an output asks for; the window of its bucket ends them before that.
pub const RETRIES_MAX: i32 = 1000;
/// The most names in one list of a token's scopes.
pub const SCOPE_NAMES_MAX: usize = 1000;
/// The most buckets of one account. `GET /v1/buckets` answers with all of them at once.
pub const BUCKETS_PER_ACCOUNT_MAX: usize = 10_000;
/// The most inputs of one bucket: they are part of every answer that shows the bucket.
pub const INPUTS_PER_BUCKET_MAX: usize = 1000;
/// The most outputs of one bucket: each webhook is one delivery for each of them.
pub const OUTPUTS_PER_BUCKET_MAX: usize = 1000;
/// The most tokens of one account.
pub const TOKENS_PER_ACCOUNT_MAX: usize = 1000;

/// Refuses one more where there are `count` already and may be `count_max`.
///
/// Two requests at once may both find the last place free: the limits are for us, and one more does no harm.
pub(crate) fn check_room(count: usize, count_max: usize, of_what: &str) -> Result<(), Error> {
    if count < count_max {
        return Ok(());
    }
    Err(Error::Precondition(format!("there are {count_max} {of_what} already, which is the most there may be")))
}

#[cfg(test)]
mod tests;
