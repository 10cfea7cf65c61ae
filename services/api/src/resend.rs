//! Sends a delivery again, as an event of its own that says which one it repeats.

use model::record::Bucket;
use model::request::{Chunks, Request};
use model::{DeliveryId, EventId, OutputId};
use store::event::{Meta, Target};
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

/// Appends the event of a delivery again: due to `to`, or to where it went. What was withheld when
/// it came went nowhere; it is due to every output that the bucket has now, for a person who has
/// seen it asks for it. Returns its delivery, the first where there are several.
///
/// # Errors
/// [`Error::Invalid`] for an event that is kept in memory only; [`Error::NotFound`] when it or the
/// output is gone; [`Error::Unavailable`].
pub(crate) async fn again(api: &Api, bucket: &Bucket, row: &Row, to: Option<OutputId>) -> Result<DeliveryId, Error> {
    check_kept(row.ephemeral)?;
    let stored = show::stored(api, row).await?.ok_or(Error::NotFound("event"))?;
    let outputs = outputs(api, bucket, to.unwrap_or(row.output), stored.meta.withheld)?;
    let first = outputs.first().copied().unwrap_or(OutputId::NONE);
    let meta = Meta {
        outputs: Some(outputs),
        answer_to: None,
        origin: Some(row.event),
        withheld: false,
        ..stored.meta.clone()
    };
    let mut request = show::open(api, row, stored).await?;
    let (target, event) = (Target::Bucket { bucket: bucket.id, ephemeral: false }, EventId(Uuid::now_v7()));
    request.chunks = copy(api, row, &request, target, event).await?;
    api.store().events().append(target, event, row.input, &meta, &request).await?;
    Ok(DeliveryId::of(event, first))
}

fn outputs(api: &Api, bucket: &Bucket, to: OutputId, was_withheld: bool) -> Result<Vec<OutputId>, Error> {
    let all = api.directory().outputs_of(bucket.id);
    match to {
        OutputId::NONE if was_withheld => {
            Ok(all.iter().filter(|output| !output.record.disabled).map(|output| output.record.id).collect())
        }
        OutputId::NONE => Ok(Vec::new()),
        to if all.iter().any(|output| output.record.id == to) => Ok(vec![to]),
        _ => Err(Error::NotFound("output")),
    }
}

/// Copies the pieces of a large body, which are sealed for their event, one after the other.
async fn copy(
    api: &Api,
    row: &Row,
    request: &Request,
    target: Target,
    event: EventId,
) -> Result<Option<Chunks>, Error> {
    let Some(chunks) = &request.chunks else { return Ok(None) };
    let events = api.store().events();
    let mut sequences = Vec::with_capacity(chunks.sequences.len());
    for (number, index) in (0..).zip(0..chunks.sequences.len()) {
        let piece = events.open_chunk(row.bucket, row.ephemeral, row.event, chunks, index).await?;
        sequences.push(events.append_chunk(target, event, number, &piece).await?);
    }
    Ok(Some(Chunks { sequences }))
}
