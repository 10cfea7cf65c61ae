//! Sends a delivery again, as an event of its own that says which one it repeats.

use model::record::Bucket;
use model::request::{Chunks, Header, Request};
use model::{DeliveryId, EventId, InputId, OutputId};
use store::event::{Meta, Target};
use telemetry::TraceParent;
use telemetry::trace::{TARGET, failed, link};
use tracing::{Span, info_span};
use uuid::Uuid;
use verify::sign::{self, Signer};

use crate::error::Error;
use crate::logs::row::Row;
use crate::{Api, show, write};

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

/// How a delivery is to be sent again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    /// Where to, if not to where it went.
    pub(crate) to: Option<OutputId>,
    /// Whether it is signed anew, with the secret of the output: the sender's signature may be too
    /// old by now for the destination, or the destination may be another.
    pub(crate) resign: bool,
}

/// An event that repeats a delivery, ready to be appended.
pub(crate) struct Repeat {
    target: Target,
    event: EventId,
    input: InputId,
    meta: Meta,
    request: Request,
    span: Span,
}

impl Repeat {
    /// The event of the delivery that it repeats.
    pub(crate) fn origin(&self) -> EventId {
        self.meta.origin.unwrap_or(self.event)
    }
}

/// Sends a delivery again, as [`prepare`] and [`append`] say.
///
/// # Errors
/// As theirs.
pub(crate) async fn again(api: &Api, bucket: &Bucket, row: &Row, manner: Manner) -> Result<DeliveryId, Error> {
    append(api, &prepare(api, bucket, row, manner).await?).await
}

/// Makes the event that repeats a delivery: due to where `manner` says, or to where it went. What was
/// withheld when it came went nowhere; it is due to every output that the bucket has now, for a
/// person who has seen it asks for it.
///
/// # Errors
/// [`Error::Invalid`] for an event that is kept in memory only, or that no secret is there to sign
/// with; [`Error::NotFound`] when it or the output is gone; [`Error::Unavailable`].
pub(crate) async fn prepare(api: &Api, bucket: &Bucket, row: &Row, manner: Manner) -> Result<Repeat, Error> {
    check_kept(row.ephemeral)?;
    let stored = show::stored(api, row).await?.ok_or(Error::NotFound("event"))?;
    let outputs = outputs(api, bucket, manner.to.unwrap_or(row.output), stored.meta.withheld)?;
    let event = EventId(Uuid::now_v7());
    let span = span(event, row, stored.meta.trace.as_ref());
    let mut signer = if manner.resign { Some(signer(api, &outputs, event)?) } else { None };
    let meta = Meta {
        outputs: Some(outputs),
        answer_to: None,
        origin: Some(row.event),
        withheld: false,
        trace: TraceParent::of(&span),
        ..stored.meta.clone()
    };
    let mut request = show::open(api, row, stored).await?;
    let target = Target::Bucket { bucket: bucket.id, ephemeral: false };
    request.chunks = copy(api, row, &request, target, event, signer.as_mut()).await?;
    if let Some(mut signer) = signer {
        signer.update(&request.body);
        sign(&mut request, signer);
    }
    Ok(Repeat { target, event, input: row.input, meta, request, span })
}

/// Appends it. Trying again is harmless. Returns its delivery, the first where there are several.
///
/// # Errors
/// [`Error::Unavailable`]; [`Error::NotFound`] when the bucket is gone.
pub(crate) async fn append(api: &Api, repeat: &Repeat) -> Result<DeliveryId, Error> {
    let Repeat { target, event, input, meta, request, span } = repeat;
    let appended = api.store().events().append(*target, *event, *input, meta, request).await;
    appended.inspect_err(|_| failed(span))?;
    let first = meta.outputs.iter().flatten().next().copied().unwrap_or(OutputId::NONE);
    Ok(DeliveryId::of(*event, first))
}

/// The root of the trace of an event that is sent again, linked to the trace of the first time.
fn span(event: EventId, row: &Row, first: Option<&TraceParent>) -> Span {
    let span = info_span!(
        target: TARGET,
        parent: None,
        "replay",
        otel.kind = "producer",
        relay.event_id = %event,
        relay.bucket_id = %row.bucket,
        relay.origin_event_id = %row.event,
    );
    if let Some(first) = first {
        link(&span, first);
    }
    span
}

fn outputs(api: &Api, bucket: &Bucket, to: OutputId, was_withheld: bool) -> Result<Vec<OutputId>, Error> {
    let directory = api.directory();
    match to {
        OutputId::NONE if was_withheld => Ok(directory.due_outputs_of(bucket.id)),
        OutputId::NONE => Ok(Vec::new()),
        to if directory.output(to).is_some_and(|output| output.record.bucket == bucket.id) => Ok(vec![to]),
        _ => Err(Error::NotFound("output")),
    }
}

/// Signs for the one output that an event is due to, under the event's own id: the destination is to
/// take it for a webhook that it has not seen.
fn signer(api: &Api, outputs: &[OutputId], event: EventId) -> Result<Signer, Error> {
    let [output] = *outputs else {
        return Err(Error::invalid("resign", "needs one output, whose secret it signs with"));
    };
    let output = api.directory().output(output).ok_or(Error::NotFound("output"))?;
    let secret = output.record.resign_secret.as_ref();
    let secret = secret.ok_or_else(|| Error::invalid("resign", "needs an output that has a resign_secret"))?;
    Signer::new(&secret.0, &event.to_string(), write::now()).map_err(|error| Error::invalid("resign_secret", error))
}

/// Puts the new signature in the place of what the sender wrote.
fn sign(request: &mut Request, signer: Signer) {
    request.headers.retain(|line| !sign::HEADERS.iter().any(|name| line.is(name)));
    let lines = signer.finish().map(|(name, value)| Header { name: name.into(), value: value.into() });
    request.headers.extend(lines);
}

/// Copies the pieces of a large body, which are sealed for their event, one after the other.
async fn copy(
    api: &Api,
    row: &Row,
    request: &Request,
    target: Target,
    event: EventId,
    mut signer: Option<&mut Signer>,
) -> Result<Option<Chunks>, Error> {
    let Some(chunks) = &request.chunks else { return Ok(None) };
    let events = api.store().events();
    let mut sequences = Vec::with_capacity(chunks.sequences.len());
    for (number, index) in (0..).zip(0..chunks.sequences.len()) {
        let piece = events.open_chunk(row.bucket, row.ephemeral, row.event, chunks, index).await?;
        if let Some(signer) = &mut signer {
            signer.update(&piece);
        }
        sequences.push(events.append_chunk(target, event, number, &piece).await?);
    }
    Ok(Some(Chunks { sequences }))
}
