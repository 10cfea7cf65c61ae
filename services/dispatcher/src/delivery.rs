//! One attempt on its way to whoever makes it: opened, announced, and its body sent.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use model::answer::{ANSWER_CARRIED_BYTES_MAX, ANSWER_KEPT_BYTES_MAX};
use model::order::{self, Key};
use model::reason::Reason;
use model::record::{Order, Output};
use model::request::Request;
use model::rules::Verdict;
use outbound::Keep;
use proto::v1;
use proto::v1::to_agent::Message;
use store::Store;
use store::event::CHUNK_BYTES;
use store::fact::CursorKey;
use telemetry::trace::failed;
use tracing::Span;

use crate::book::Due;
use crate::courier::{Handed, Handing};
use crate::public::Attempt;
use crate::session::{AgentLine, Line, send};
use crate::socket::webhook;
use crate::trace;

/// The fewest bytes of a body with which an answer comes at all. Nothing of it is kept, but it says
/// when to try again (`Retry-After`).
const ANSWER_HEADERS_ALONE: usize = 1;

/// Why an attempt could not be handed to an agent.
#[derive(Debug)]
pub(crate) enum NotHanded {
    /// The event can never be opened: it was changed, or its key is gone.
    Unreadable(store::Error),
    /// Something that passes.
    Later(store::Error),
    /// The event can never be delivered in this way.
    Unfit(Reason),
    /// The output's rules do not let the event through.
    Rejected,
    /// Another event with the same key has not ended.
    Behind(Key),
    /// The session is gone; it says so to everyone itself.
    SessionGone,
}

/// An attempt that has its place in a session.
pub(crate) struct Next {
    /// Its number in the session.
    pub(crate) number: u64,
    /// Its span.
    pub(crate) span: Span,
    /// What is due.
    pub(crate) due: Due,
    /// Where it goes.
    pub(crate) output: Arc<Output>,
}

/// Opens the event and hands it to the session, with its body.
///
/// # Errors
/// See [`NotHanded`].
pub(crate) async fn hand(store: Store, key: CursorKey, handing: Handing) -> Handed {
    let Handing { session, next, busy } = handing;
    let Next { due, output, .. } = &next;
    let opening = trace::open(&next.span);
    let request = open(&store, key, due).await.inspect_err(|_| failed(&opening))?;
    drop(opening);
    if let Some(Verdict::Reject(_)) = output.rules.as_ref().map(|rules| rules.evaluate(&request)) {
        return Err(NotHanded::Rejected);
    }
    let order_key = busy.map_or(Ok(None), |busy| in_turn(&busy, due, output, &request))?;
    match session.line() {
        Line::Agent(line) => to_agent(&store, line, key, next, request).await,
        Line::Socket(line) => webhook::hand(&store, line, key, next.number, due, request, output).await,
        Line::Public(attempts) => {
            let attempts = Arc::clone(attempts);
            let keep = Keep::up_to(answer_bytes_max(key, due.pulled.meta.answer_to.is_some()));
            attempts.start(Attempt { store, session, key, next, request, keep }).await
        }
    }?;
    Ok(order_key)
}

/// The key by which the output keeps order, unless one of the others has it.
pub(crate) fn in_turn(
    busy: &HashSet<Key>,
    due: &Due,
    output: &Output,
    request: &Request,
) -> Result<Option<Key>, NotHanded> {
    match (&output.order, due.key) {
        // It was looked at before, and has its turn.
        (Order::Key(_), Some(key)) => Ok(Some(key)),
        (Order::Key(from), None) => match order::key(from, request) {
            key if busy.contains(&key) => Err(NotHanded::Behind(key)),
            key => Ok(Some(key)),
        },
        (Order::Arrival | Order::Strict, _) => Ok(None),
    }
}

async fn open(store: &Store, key: CursorKey, due: &Due) -> Result<Request, NotHanded> {
    let pulled = &due.pulled;
    let opened = store.events().open(key.bucket, pulled.event, pulled.input, pulled.sealed.clone()).await;
    opened.map_err(sort)
}

async fn to_agent(
    store: &Store,
    line: &AgentLine,
    key: CursorKey,
    next: Next,
    mut request: Request,
) -> Result<(), NotHanded> {
    let event = next.due.event();
    let chunks = request.chunks.take();
    let answer_bytes_max = answer_bytes_max(key, next.due.pulled.meta.answer_to.is_some());
    let (number, delivery) = (next.number, message(next, request, answer_bytes_max));
    let say = async |message| send(line, message).await.map_err(|_| NotHanded::SessionGone);
    say(Message::Delivery(delivery)).await?;
    let Some(chunks) = chunks else { return Ok(()) };
    for index in 0..chunks.sequences.len() {
        let data = match store.events().open_chunk(key.bucket, key.ephemeral, event, &chunks, index).await {
            Ok(data) => data,
            Err(error) => {
                say(Message::BodyChunk(v1::BodyChunk { number, data: Bytes::new(), broken: true })).await?;
                tracing::warn!(%event, %error, "a piece of a body could not be read");
                return Ok(());
            }
        };
        debug_assert!(data.len() <= CHUNK_BYTES);
        say(Message::BodyChunk(v1::BodyChunk { number, data, broken: false })).await?;
    }
    Ok(())
}

/// What an agent is told of an attempt.
pub(crate) fn message(next: Next, request: Request, answer_bytes_max: usize) -> v1::Delivery {
    let Next { number, span, due, output } = next;
    v1::Delivery {
        number,
        event_id: Bytes::copy_from_slice(due.event().as_bytes()),
        output_id: Bytes::copy_from_slice(output.id.as_bytes()),
        attempt: due.attempt,
        request: Some(request.into()),
        destination: Some(destination(&output)),
        answer_bytes_max: u32::try_from(answer_bytes_max).unwrap_or(u32::MAX),
        traceparent: trace::for_agent(&span, &due),
    }
}

/// How much is wanted of a destination's answer: what its owner can read later, more when a caller
/// waits for it, and hardly anything where nothing may be kept.
fn answer_bytes_max(key: CursorKey, is_waited_for: bool) -> usize {
    match (is_waited_for, key.ephemeral) {
        (true, _) => ANSWER_CARRIED_BYTES_MAX,
        (false, true) => ANSWER_HEADERS_ALONE,
        (false, false) => ANSWER_KEPT_BYTES_MAX,
    }
}

fn destination(output: &Output) -> v1::Destination {
    let headers = output.headers.iter().map(|(name, value)| v1::Header {
        name: Bytes::copy_from_slice(name.as_bytes()),
        value: Bytes::copy_from_slice(value.as_bytes()),
    });
    v1::Destination {
        url: output.destination.clone(),
        lock_path: output.lock_path,
        headers: headers.collect(),
        timeout_ms: u32::try_from(output.timeout().as_millis()).unwrap_or(u32::MAX),
        tls_verification: output.tls_verification,
    }
}

/// What an error of the store means for the attempt.
pub(crate) fn sort(error: store::Error) -> NotHanded {
    if error.is_unreadable() { NotHanded::Unreadable(error) } else { NotHanded::Later(error) }
}
