//! Sends a delivery again, as an event of its own that says which one it repeats.

use model::record::Bucket;
use model::request::Chunks;
use model::{EventId, OutputId};
use store::event::{CHUNK_BYTES, Meta, Target};
use uuid::Uuid;

use crate::error::Error;
use crate::logs::row::Row;
use crate::{Api, show};

/// Refuses to send again what is kept in memory only.
///
/// # Errors
/// [`Error::Invalid`].
pub(crate) fn check_kept(ephemeral: bool) -> Result<(), Error> {
    if ephemeral {
        return Err(Error::Invalid("webhooks of an ephemeral bucket are not kept and cannot be sent again".to_owned()));
    }
    Ok(())
}

/// Appends the event of a delivery again, due to one output; returns its new id.
///
/// # Errors
/// [`Error::Invalid`] for an event that is kept in memory only; [`Error::NotFound`] when it or the
/// output is gone; [`Error::Unavailable`].
pub(crate) async fn again(api: &Api, bucket: &Bucket, row: &Row, output: OutputId) -> Result<EventId, Error> {
    check_kept(row.ephemeral)?;
    if output != OutputId::NONE {
        let there = api.directory().output(output).filter(|there| there.record.bucket == bucket.id);
        there.ok_or(Error::NotFound("output"))?;
    }
    let events = api.store().events();
    let (to, event) = (Target::Bucket { bucket: bucket.id, ephemeral: false }, EventId(Uuid::now_v7()));
    let stored = show::stored(api, row).await?.ok_or(Error::NotFound("event"))?;
    let meta = Meta {
        outputs: Some(if output == OutputId::NONE { Vec::new() } else { vec![output] }),
        answer_to: None,
        origin: Some(row.event),
        ..stored.meta.clone()
    };
    let mut request = show::open(api, row, stored).await?;
    if request.chunks.is_some() {
        let whole = show::body(api, row, &request).await?;
        let mut sequences = Vec::new();
        for (index, piece) in (0..).zip(whole.chunks(CHUNK_BYTES)) {
            sequences.push(events.append_chunk(to, event, index, piece).await?);
        }
        request.chunks = Some(Chunks { sequences });
    }
    events.append(to, event, row.input, &meta, &request).await?;
    Ok(event)
}
