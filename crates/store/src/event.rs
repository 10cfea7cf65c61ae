//! The log of webhooks: sealed, appended, and opened again.

mod heads;
mod meta;

use std::time::Duration;

use async_nats::jetstream::Context;
use bytes::Bytes;
use crypto::seal::{self, Kind};
use model::request::{Chunks, Request};
use model::{BucketId, EventId, InputId, UnixMs};
use prost::Message;
use tokio::sync::Semaphore;

use crate::keyring::{Keyring, Scope};
use crate::layout::{self, Layout};
use crate::publish::{Publication, Publisher};
use crate::unreadable::{Unreadable, What};
use crate::{Error, get};

pub use heads::Read;
pub use meta::Meta;

/// How long an append is tried before its caller is told that it was not possible: within the
/// patience of the senders of webhooks, and longer than a server needs to start again.
pub const APPEND_BUDGET: Duration = Duration::from_secs(4);
/// The largest body that lies in its event, in bytes; larger ones are cut into pieces.
pub const INLINE_BYTES_MAX: usize = 1024 * 1024;
/// The size of a piece of a large body, in bytes.
pub const CHUNK_BYTES: usize = 768 * 1024;
/// How many webhooks for inputs that don't exist are written at a time.
const VOID_APPENDS_MAX: usize = 16;

/// Where an event is appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To a bucket's log.
    Bucket {
        /// The bucket.
        bucket: BucketId,
        /// Whether it is kept in memory only.
        ephemeral: bool,
    },
    /// Nowhere: the input does not exist. It costs the same writes and the same time, so that
    /// nobody learns from the answer which inputs exist.
    Void,
}

/// An event as it lies in the log.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The event.
    pub event: EventId,
    /// The input that it came by.
    pub input: InputId,
    /// What stands beside it in clear.
    pub meta: Meta,
    /// Its sequence in the stream.
    pub place: u64,
    /// When JetStream stored it.
    pub stored_at: UnixMs,
    /// The sealed request.
    pub sealed: Bytes,
}

/// The log of webhooks. Clones share it.
pub struct Events {
    layout: Layout,
    keyring: Keyring,
    publisher: Publisher,
    bulk: Publisher,
    context: Context,
    void: Semaphore,
    unreadable: Unreadable,
}

impl Events {
    pub(crate) fn new(
        layout: Layout,
        keyring: Keyring,
        publisher: Publisher,
        bulk: Publisher,
        context: Context,
        unreadable: Unreadable,
    ) -> Self {
        Self { layout, keyring, publisher, bulk, context, void: Semaphore::new(VOID_APPENDS_MAX), unreadable }
    }

    /// Seals a webhook and appends it to the log. Done only when the log has acknowledged it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it was not acknowledged within [`APPEND_BUDGET`]; it may have
    /// been stored all the same. [`Error::NoKey`] when the bucket was deleted meanwhile.
    pub async fn append(
        &self,
        to: Target,
        event: EventId,
        input: InputId,
        meta: &Meta,
        request: &Request,
    ) -> Result<(), Error> {
        let (scope, subject) = self.place(to, Layout::event_subject).await?;
        let payload = self.sealed(scope, event, input, request)?;
        self.publish_event(to, subject, event.to_string(), &meta.headers(input), payload).await
    }

    /// Appends a webhook that its sender calls `delivery`, as [`Events::append`]. One of that name
    /// that came by the same input within the time in which duplicates are recognized (see `layout`)
    /// stands for this one as well: then nothing is appended.
    ///
    /// # Errors
    /// As [`Events::append`].
    pub async fn append_once(
        &self,
        to: Target,
        event: EventId,
        input: InputId,
        meta: &Meta,
        delivery: &str,
        request: &Request,
    ) -> Result<(), Error> {
        let (scope, subject) = self.place(to, Layout::event_subject).await?;
        let id = self.keyring.pseudonym(scope, &[input.0.as_bytes(), delivery.as_bytes()])?;
        let mut headers = meta.headers(input);
        headers.push((meta::EVENT, event.to_string()));
        let payload = self.sealed(scope, event, input, request)?;
        self.publish_event(to, subject, id, &headers, payload).await
    }

    /// Seals a piece of a large body and appends it; the event names the returned sequence.
    ///
    /// # Errors
    /// As [`Events::append`].
    pub async fn append_chunk(&self, to: Target, event: EventId, index: u32, data: &[u8]) -> Result<u64, Error> {
        let (scope, subject) = self.place(to, Layout::chunk_subject).await?;
        let name = scope.to_string();
        let context = chunk_context(&name, &event, index);
        let payload = self.keyring.seal_part(scope, &context, data)?;
        let publication = Publication {
            what: "append a piece of a body",
            subject,
            id: Some(format!("{event}.{index}")),
            headers: &[],
            payload,
        };
        self.publish(to, &self.bulk, &publication).await
    }

    /// The event that lies at a place of its bucket's stream; `None` when it is no longer kept.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn at(&self, bucket: BucketId, ephemeral: bool, place: u64) -> Result<Option<Stored>, Error> {
        let what = "read an event";
        let stream = self.layout.event_stream(bucket, ephemeral);
        let Some(message) = get::at(&self.context, &stream, place, what).await? else { return Ok(None) };
        if message.subject.as_str() != self.layout.event_subject(bucket, ephemeral) {
            return Ok(None);
        }
        let stored_at = get::stored_at(&message);
        Ok(Meta::read(&message.headers).map(|(event, input, meta)| Stored {
            event,
            input,
            meta,
            place,
            stored_at,
            sealed: message.payload,
        }))
    }

    /// Opens an event as it lies in the log.
    ///
    /// # Errors
    /// [`Error::Sealed`] when it was changed or its key is another; [`Error::NoKey`] when its
    /// bucket was deleted; [`Error::Unreadable`].
    pub async fn open(
        &self,
        bucket: BucketId,
        event: EventId,
        input: InputId,
        sealed: Bytes,
    ) -> Result<Request, Error> {
        let scope = Scope::Bucket(bucket);
        let opened = self.keyring.open(scope, Kind::Event, &event_subject(event, input), sealed).await;
        let read = opened.and_then(|opened| {
            Request::decode(opened).map_err(|e| Error::unreadable(format_args!("event {event}"), e))
        });
        self.count(read)
    }

    /// Reads and opens piece number `index` of an event's body.
    ///
    /// # Errors
    /// As [`Events::open`]; [`Error::Unavailable`] also when the piece is no longer kept.
    pub async fn open_chunk(
        &self,
        bucket: BucketId,
        ephemeral: bool,
        event: EventId,
        chunks: &Chunks,
        index: usize,
    ) -> Result<Bytes, Error> {
        let what = "read a piece of a body";
        let gone = || Error::timed_out(what);
        let sequence = chunks.sequences.get(index).copied().ok_or_else(gone)?;
        let stream = self.layout.chunk_stream(ephemeral);
        let message = get::at(&self.context, stream, sequence, what).await?.ok_or_else(gone)?;
        let scope = Scope::Bucket(bucket);
        let name = scope.to_string();
        let index = u32::try_from(index).map_err(|_| gone())?;
        self.count(self.keyring.open_part(scope, &chunk_context(&name, &event, index), message.payload).await)
    }

    fn count<T>(&self, read: Result<T, Error>) -> Result<T, Error> {
        if matches!(read, Err(Error::Sealed { .. } | Error::NoKey { .. } | Error::Unreadable { .. })) {
            self.unreadable.note(What::Event);
        }
        read
    }

    /// The sequence of a bucket's last event; `None` when none is kept.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn last(&self, bucket: BucketId, ephemeral: bool) -> Result<Option<u64>, Error> {
        let stream = self.layout.event_stream(bucket, ephemeral);
        let subject = self.layout.event_subject(bucket, ephemeral);
        let last = get::last_on(&self.context, &stream, subject, "read the last event").await?;
        Ok(last.map(|message| message.sequence))
    }

    fn sealed(&self, scope: Scope, event: EventId, input: InputId, request: &Request) -> Result<Bytes, Error> {
        self.keyring.seal(scope, Kind::Event, &event_subject(event, input), &request.encode_to_vec())
    }

    async fn publish_event(
        &self,
        to: Target,
        subject: String,
        id: String,
        headers: &[(&'static str, String)],
        payload: Bytes,
    ) -> Result<(), Error> {
        let publication = Publication { what: "append an event", subject, id: Some(id), headers, payload };
        self.publish(to, &self.publisher, &publication).await.map(|_| ())
    }

    /// Under whose key and on which subject something for `to` is appended; the key is in memory then.
    async fn place(
        &self,
        to: Target,
        subject: impl Fn(&Layout, BucketId, bool) -> String,
    ) -> Result<(Scope, String), Error> {
        let Target::Bucket { bucket, ephemeral } = to else {
            return Ok((Scope::Void, layout::VOID_SUBJECT.to_owned()));
        };
        let scope = Scope::Bucket(bucket);
        self.keyring.load(scope).await?;
        Ok((scope, subject(&self.layout, bucket, ephemeral)))
    }

    async fn publish(&self, to: Target, over: &Publisher, publication: &Publication<'_>) -> Result<u64, Error> {
        match to {
            Target::Bucket { .. } => over.publish(publication, APPEND_BUDGET).await,
            Target::Void => {
                let place = tokio::time::timeout(APPEND_BUDGET, self.void.acquire()).await;
                let Ok(Ok(_place)) = place else {
                    return Err(Error::timed_out(publication.what));
                };
                over.publish(publication, APPEND_BUDGET).await
            }
        }
    }
}

/// What ties a sealed event to its id and input.
fn event_subject(event: EventId, input: InputId) -> [u8; 32] {
    let mut subject = [0; 32];
    subject[..16].copy_from_slice(event.as_bytes());
    subject[16..].copy_from_slice(input.0.as_bytes());
    subject
}

/// What ties a sealed piece to its event and place. Cutting off the end shows as a body that is
/// shorter than the event says.
fn chunk_context<'a>(scope: &'a str, event: &'a EventId, index: u32) -> seal::Context<'a> {
    seal::Context { kind: Kind::Chunk, scope, subject: event.as_bytes(), index, last: false }
}
