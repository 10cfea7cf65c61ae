//! How many shards there are stands in NATS: a process that was told another number would put events
//! where nobody looks for them, and would not find those that are there.

use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{Config, Stream};
use async_nats::jetstream::{Context, ErrorCode};

use crate::Error;
use crate::options::SHARDS_MAX;

/// The entry of the keyring's metadata. Every process reads the keyring's settings as it starts.
pub(crate) const ENTRY: &str = "relay_shards";

/// Refuses another number than that of NATS. One that was set up by an earlier version does not say.
pub(crate) fn check(keyring: &Config, told: u16) -> Result<(), Error> {
    match said(keyring) {
        Some(found) if found != told => Err(Error::OtherShards { told, found }),
        Some(_) | None => Ok(()),
    }
}

/// As [`check`], by whoever may look at the streams themselves where the keyring does not say.
pub(super) async fn check_all(context: &Context, keyring: &Config, told: u16) -> Result<(), Error> {
    let found = match said(keyring) {
        Some(found) => found,
        None => count(context).await?,
    };
    // None at all: the streams were lost, and are made anew.
    if found == told || found == 0 { Ok(()) } else { Err(Error::OtherShards { told, found }) }
}

fn said(keyring: &Config) -> Option<u16> {
    keyring.metadata.get(ENTRY)?.parse().ok()
}

async fn count(context: &Context) -> Result<u16, Error> {
    let mut found = 0;
    while found < SHARDS_MAX && find(context, &format!("EVENT_{found}")).await?.is_some() {
        found += 1;
    }
    Ok(found)
}

/// The stream of that name, if there is one.
pub(super) async fn find(context: &Context, name: &str) -> Result<Option<Stream>, Error> {
    match context.get_stream(name).await {
        Ok(stream) => Ok(Some(stream)),
        Err(e) if matches!(e.kind(), GetStreamErrorKind::JetStream(e) if e.error_code() == ErrorCode::STREAM_NOT_FOUND) => {
            Ok(None)
        }
        Err(e) => Err(Error::unavailable("look for a stream", e)),
    }
}
