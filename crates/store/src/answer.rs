//! What destinations answered: kept sealed for the owner, or brought to a caller who waits for it.
//!
//! Kept answers lie in the stream of facts, under a subject of their own; a fact names the message
//! and the place in it. What a caller waits for goes over NATS alone, sealed for the way, and is
//! stored nowhere: the event names the subject on which its ingress listens.

use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::{Client, Subscriber};
use bytes::Bytes;
use crypto::seal::Kind;
use futures_util::StreamExt;
use model::answer::Answer;
use model::fact::AnswerRef;
use model::{BucketId, EventId, OutputId};
use prost::Message;
use uuid::Uuid;

use crate::keyring::{Keyring, Scope};
use crate::layout::Layout;
use crate::publish::{Publication, Publisher};
use crate::{Error, get};

/// How long an append is tried before its caller is told.
const APPEND_BUDGET: Duration = Duration::from_secs(4);
/// The bytes that one message of answers may have, before they are sealed: below what NATS takes.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// The answers. Clones share the connection.
#[derive(Clone)]
pub struct Answers {
    client: Client,
    context: Context,
    layout: Layout,
    keyring: Keyring,
    publisher: Publisher,
}

/// An answer on its way to be kept.
#[derive(Clone, Debug)]
pub struct Given {
    /// To which event.
    pub event: EventId,
    /// By which output.
    pub output: OutputId,
    /// The answer.
    pub answer: Answer,
}

/// Several answers in one message.
#[derive(Clone, PartialEq, Message)]
struct List {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    sealed: Vec<Bytes>,
}

impl Answers {
    pub(crate) fn new(
        client: Client,
        context: Context,
        layout: Layout,
        keyring: Keyring,
        publisher: Publisher,
    ) -> Self {
        Self { client, context, layout, keyring, publisher }
    }

    /// Keeps answers, in as few messages as they fit in; returns where each lies, in order. No more
    /// of a body is kept than [`Answer::kept`] leaves of it.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::NoKey`] when the bucket was deleted meanwhile.
    pub async fn keep(&self, bucket: BucketId, given: &[Given]) -> Result<Vec<AnswerRef>, Error> {
        let scope = Scope::Bucket(bucket);
        self.keyring.load(scope).await?;
        let mut kept = Vec::with_capacity(given.len());
        let (mut list, mut bytes, mut first) = (List::default(), 0, 0);
        for (at, one) in given.iter().enumerate() {
            let encoded = one.answer.kept().encode_to_vec();
            if bytes > 0 && bytes + encoded.len() > MESSAGE_BYTES_MAX {
                self.publish(bucket, std::mem::take(&mut list), &given[first..at], &mut kept).await?;
                (bytes, first) = (0, at);
            }
            bytes += encoded.len();
            list.sealed.push(self.keyring.seal(scope, Kind::Answer, &place(one.event, one.output), &encoded)?);
        }
        if !list.sealed.is_empty() {
            self.publish(bucket, list, &given[first..], &mut kept).await?;
        }
        Ok(kept)
    }

    /// Reads an answer again; `None` when it is no longer kept.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Sealed`]; [`Error::NoKey`]; [`Error::Unreadable`].
    pub async fn read(
        &self,
        bucket: BucketId,
        event: EventId,
        output: OutputId,
        at: AnswerRef,
    ) -> Result<Option<Answer>, Error> {
        let stream = self.layout.fact_stream(bucket);
        let message = get::at(&self.context, &stream, at.sequence, "read an answer").await?;
        let Some(message) = message else { return Ok(None) };
        let unreadable = |e: String| Error::unreadable(format_args!("the answer to event {event}"), e);
        let list = List::decode(message.payload).map_err(|e| unreadable(e.to_string()))?;
        let index = usize::try_from(at.index).unwrap_or(usize::MAX);
        let sealed = list.sealed.into_iter().nth(index).ok_or_else(|| unreadable("it is not there".to_owned()))?;
        self.open(bucket, Kind::Answer, event, output, sealed).await.map(Some)
    }

    /// Begins to listen for answers that callers of this process wait for.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn listen(&self) -> Result<Listener, Error> {
        let subject = format!("waiting.{}", Uuid::new_v4().simple());
        let messages =
            self.client.subscribe(subject.clone()).await.map_err(|e| Error::unavailable("listen for answers", e))?;
        Ok(Listener { answers: self.clone(), subject, messages })
    }

    /// Brings an answer to the ingress that listens on `to`; nobody may listen any more.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::NoKey`] when the bucket was deleted meanwhile.
    pub async fn bring(&self, to: &str, bucket: BucketId, given: &Given) -> Result<(), Error> {
        let scope = Scope::Bucket(bucket);
        self.keyring.load(scope).await?;
        let encoded = given.answer.encode_to_vec();
        let sealed = self.keyring.seal(scope, Kind::Message, &place(given.event, given.output), &encoded)?;
        let brought = Brought {
            bucket: Bytes::copy_from_slice(bucket.0.as_bytes()),
            event: Bytes::copy_from_slice(given.event.as_bytes()),
            output: Bytes::copy_from_slice(given.output.as_bytes()),
            sealed,
        };
        let sent = self.client.publish(to.to_owned(), brought.encode_to_vec().into()).await;
        sent.map_err(|e| Error::unavailable("bring an answer to its caller", e))
    }

    async fn publish(
        &self,
        bucket: BucketId,
        list: List,
        given: &[Given],
        kept: &mut Vec<AnswerRef>,
    ) -> Result<(), Error> {
        let publication = Publication {
            what: "keep answers",
            subject: self.layout.answer_subject(bucket),
            id: None,
            headers: &[],
            payload: list.encode_to_vec().into(),
        };
        let sequence = self.publisher.publish(&publication, APPEND_BUDGET).await?;
        kept.extend((0..).zip(given).map(|(index, one)| AnswerRef {
            sequence,
            index,
            body_bytes: one.answer.body_bytes,
        }));
        Ok(())
    }

    async fn open(
        &self,
        bucket: BucketId,
        kind: Kind,
        event: EventId,
        output: OutputId,
        sealed: Bytes,
    ) -> Result<Answer, Error> {
        let opened = self.keyring.open(Scope::Bucket(bucket), kind, &place(event, output), sealed).await?;
        Answer::decode(opened).map_err(|e| Error::unreadable(format_args!("the answer to event {event}"), e))
    }
}

/// An answer on its way to a caller.
#[derive(Clone, PartialEq, Message)]
struct Brought {
    #[prost(bytes = "bytes", tag = "1")]
    bucket: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    event: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    output: Bytes,
    #[prost(bytes = "bytes", tag = "4")]
    sealed: Bytes,
}

/// Hears the answers that callers of this process wait for.
pub struct Listener {
    answers: Answers,
    subject: String,
    messages: Subscriber,
}

impl Listener {
    /// What events name so that their answers come here.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The next answer; `None` once the connection was given up. What cannot be opened is passed over.
    pub async fn next(&mut self) -> Option<Given> {
        loop {
            let message = self.messages.next().await?;
            match self.opened(message.payload).await {
                Ok(given) => return Some(given),
                Err(error) => tracing::warn!(%error, "an answer for a caller cannot be read"),
            }
        }
    }

    async fn opened(&self, payload: Bytes) -> Result<Given, Error> {
        let unreadable = || Error::unreadable("an answer for a caller", "it has no such form");
        let brought = Brought::decode(payload).map_err(|_| unreadable())?;
        let id = |bytes: &Bytes| Uuid::from_slice(bytes).map_err(|_| unreadable());
        let (event, output) = (EventId(id(&brought.event)?), OutputId(id(&brought.output)?));
        let bucket = BucketId(id(&brought.bucket)?);
        let answer = self.answers.open(bucket, Kind::Message, event, output, brought.sealed).await?;
        Ok(Given { event, output, answer })
    }
}

/// What ties a sealed answer to its event and output.
fn place(event: EventId, output: OutputId) -> [u8; 32] {
    let mut place = [0; 32];
    place[..16].copy_from_slice(event.as_bytes());
    place[16..].copy_from_slice(output.as_bytes());
    place
}
