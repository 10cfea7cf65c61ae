//! How much of anything one request may bring, and how much an account may own.

use std::time::Duration;

use crate::error::Error;

/// The largest request body, in bytes: a static answer of 250 KiB, every byte of it escaped, still fits.
pub const REQUEST_BYTES_MAX: usize = 1024 * 1024;
/// How long a request body may take to come: half a minute for the largest is 35 KiB/s.
pub const REQUEST_WAIT_MAX: Duration = Duration::from_secs(30);
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
/// The most waits in a schedule of an output's own: one a day, for longer than anything is kept.
pub const DELAYS_MAX: usize = 64;
/// The longest time that an output's policy may name, in nanoseconds: 30 days.
pub const DURATION_NS_MAX: u64 = 30 * 24 * 3600 * 1_000_000_000;
/// The longest time that an output's circuit may name, in seconds: 30 days.
pub const CIRCUIT_SECONDS_MAX: u32 = 30 * 24 * 3600;
/// The most attempts, deliveries or failures that an output's policy may count to.
pub const COUNT_MAX: u32 = 1_000_000;
/// The longest beginning of a path that an input answers to, in bytes.
pub const PATH_PREFIX_BYTES_MAX: usize = 512;
/// How many events rules are tried on at once: each is opened.
pub const PREVIEWED_MAX: usize = 100;
/// How many changes a page of the audit has.
pub const CHANGES_PER_PAGE_MAX: usize = 100;
/// The most secrets that may have signed a webhook: one of now, and those before a rotation.
pub const SIGNING_SECRETS_MAX: usize = verify::SECRETS_MAX;
/// The longest secret, or part of a scheme, of a signature, in bytes: a public key in PEM fits.
pub const SIGNING_BYTES_MAX: usize = 4 * 1024;
/// The largest difference of clocks that a signature may be allowed, in seconds: a day.
pub const TOLERANCE_SECONDS_MAX: u32 = 24 * 3600;
/// How many secrets are hashed at a time: bcrypt takes a processor for itself.
pub(crate) const HASHES_MAX: usize = 2;
/// The most names in one list of a token's scopes.
pub const SCOPE_NAMES_MAX: usize = 1000;
/// The most buckets of one account. `GET /v1/buckets` answers with all of them at once.
pub const BUCKETS_PER_ACCOUNT_MAX: usize = 10_000;
/// The most inputs of one bucket: they are part of every answer that shows the bucket.
pub const INPUTS_PER_BUCKET_MAX: usize = 1000;
/// The most outputs of one bucket: each webhook is one delivery for each of them.
pub const OUTPUTS_PER_BUCKET_MAX: usize = 1000;
/// The largest body of the webhooks of a cron, in bytes: as large as the answer of an input.
pub const PAYLOAD_BYTES_MAX: usize = model::record::ANSWER_BYTES_MAX;
/// The most crons of one account.
pub const CRONS_PER_ACCOUNT_MAX: usize = 1000;
/// The most domains of one account.
pub const DOMAINS_PER_ACCOUNT_MAX: usize = 1000;
/// The most integrations of one account: each trouble is posted to all that want to know.
pub const INTEGRATIONS_PER_ACCOUNT_MAX: usize = 100;
/// The most tokens of one account.
pub const TOKENS_PER_ACCOUNT_MAX: usize = 1000;
/// The most logs on one page: as many requests are opened for it.
pub const LOGS_PER_PAGE_MAX: usize = 100;
/// The most deliveries that a worker is handed out at a time.
pub const POLLED_MAX: usize = 100;
/// The most bytes of bodies that it is handed out at a time, unless a single one has more.
pub const POLLED_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// How many changes a listener is told of that came again; after more it is told that it missed some.
pub const TAIL_BACKLOG_MAX: usize = 1000;
/// The most minutes or days that are counted at a time: all minutes of as long as logs are kept.
pub const SPANS_MAX: u64 = 8 * 24 * 60;
/// How many of the last canaries of a bucket are shown.
pub const CANARIES_MAX: u32 = 10;
/// The most deliveries that one replay sends again.
pub const REPLAYED_MAX: u64 = 100_000;
/// How many logs are counted for the total of a list; a list of more says that it is truncated.
pub const LOGS_COUNTED_MAX: u64 = 100_000;

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
