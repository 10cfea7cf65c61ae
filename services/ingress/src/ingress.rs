//! One webhook from its first byte to its answer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use model::record::{Answer, Input};
use model::request::Chunks;
use model::{EventId, InputId};
use store::Store;
use store::event::{Meta, Target};
use telemetry::Stop;
use tracing::debug;
use uuid::{ContextV7, Timestamp, Uuid};

use crate::body::{self, Whole};
use crate::budget::Budget;
use crate::capture::Captured;
use crate::waiting::{Place, Waiting};
use crate::{Config, RawHead, answer};

/// Takes webhooks. Clones share everything.
///
/// Inputs that do not exist go the same way as those that do: the body is read under the same
/// limits, sealed and appended (to a log that nobody reads), and answered when that is
/// acknowledged. Neither status, headers nor size tell them apart, and both wait for a write.
#[derive(Clone)]
pub struct Ingress {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    config: Config,
    budget: Budget,
    /// Makes ids grow, also within a millisecond and when the clock steps back.
    ids: Mutex<ContextV7>,
    waiting: Waiting,
}

/// Where a webhook goes and what its caller is told.
struct Route {
    target: Target,
    id: InputId,
    input: Option<Arc<Input>>,
}

impl Ingress {
    /// An ingress that appends to this store. Nothing happens before the first request.
    pub fn new(store: Store, config: Config) -> Self {
        let budget = Budget::new(config.memory_bytes_max());
        let ids = Mutex::new(ContextV7::new());
        Self { inner: Arc::new(Inner { store, config, budget, ids, waiting: Waiting::new() }) }
    }

    /// Hears what destinations answer to callers who wait, until told to stop.
    pub async fn run(&self, stop: &Stop) {
        self.inner.waiting.run(&self.inner.store, stop).await;
    }

    /// Takes one webhook and answers it: any method, any path below [`crate::PATH_PREFIX`].
    ///
    /// `head` is what [`crate::Heads::admit`] gave for this request; HTTP/1 is refused without it.
    /// `peer` is the caller's address, `tls` whether the caller spoke TLS.
    ///
    /// The answer is the input's own, 200 without body by default, once the log has acknowledged
    /// the event; 503 with `Retry-After` when it cannot be within [`store::event::APPEND_BUDGET`],
    /// or when all bodies together take too much memory; 413, 408 or 400 for a body that is too
    /// large, too slow or broken; 400 or 431 for a head that is refused. When the future is
    /// dropped, because the caller has gone, the event may have been stored or not.
    pub async fn handle<B>(
        &self,
        request: Request<B>,
        head: Option<RawHead>,
        peer: SocketAddr,
        tls: bool,
    ) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes>,
    {
        let (parts, body) = request.into_parts();
        match Captured::of(head, &parts, body.is_end_stream()) {
            Ok(captured) => self.take(captured, &parts, body, peer, tls).await,
            Err(refusal) => answer::refused(refusal, parts.version),
        }
    }

    async fn take<B>(
        &self,
        captured: Captured,
        parts: &Parts,
        body: B,
        peer: SocketAddr,
        tls: bool,
    ) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes>,
    {
        // Until the directory was read, every input would look as if it did not exist.
        if !self.inner.store.directory().is_loaded() {
            return answer::unavailable();
        }
        let route = self.route(captured.endpoint.input);
        let event = self.next_id();
        let mut share = self.inner.budget.share();
        let append = |index, piece| self.append_piece(route.target, event, index, piece);
        let bytes_max = self.inner.config.body_bytes_max();
        let whole = match body::read(body, captured.length, bytes_max, &mut share, append).await {
            Ok(whole) => whole,
            Err(failure) => {
                debug!(%event, error = &failure as &(dyn std::error::Error + 'static), "a body was not read");
                return answer::unread(&failure, parts.version);
            }
        };
        let mut webhook = captured.into_request(peer, tls);
        match whole {
            Whole::Inline(bytes) => {
                webhook.body_bytes = bytes.len() as u64;
                webhook.body = bytes;
            }
            Whole::Pieces { sequences, bytes } => {
                webhook.body_bytes = bytes;
                webhook.chunks = Some(Chunks { sequences });
            }
        }
        let mut meta = self.meta(&route, &webhook);
        // Before the event is there for others: its answer may be quicker than its acknowledgement.
        let wait = route.input.as_ref().and_then(|input| input.wait.as_ref());
        let place = wait.and_then(|wait| self.inner.waiting.place(event, wait));
        let place = place.map(|(place, subject)| {
            meta.answer_to = Some(subject);
            place
        });
        match self.inner.store.events().append(route.target, event, route.id, &meta, None, &webhook).await {
            Ok(()) => match &route.input {
                None => answer::accepted(&Answer::default()),
                Some(input) => answered(input, place).await,
            },
            Err(error) => {
                debug!(%event, error = &error as &(dyn std::error::Error + 'static), "an event was not stored");
                answer::unavailable()
            }
        }
    }

    fn route(&self, id: Option<InputId>) -> Route {
        let directory = self.inner.store.directory();
        let input = id.and_then(|id| directory.input(id)).map(|input| input.record);
        let bucket = input.as_ref().and_then(|input| directory.bucket(input.bucket)).map(|bucket| bucket.record);
        let id = id.unwrap_or(InputId(Uuid::nil()));
        match bucket {
            Some(bucket) => {
                Route { target: Target::Bucket { bucket: bucket.id, ephemeral: bucket.ephemeral }, id, input }
            }
            None => Route { target: Target::Void, id, input: None },
        }
    }

    /// What stands beside the webhook in clear.
    fn meta(&self, route: &Route, webhook: &model::request::Request) -> Meta {
        let meta = Meta { body_bytes: webhook.body_bytes, ..Meta::default() };
        let Target::Bucket { bucket, ephemeral } = route.target else { return meta };
        let directory = self.inner.store.directory();
        let outputs = directory.outputs_of(bucket).into_iter().map(|output| output.record);
        let outputs = outputs.filter(|output| !output.disabled).map(|output| output.id).collect();
        let method = if ephemeral { String::new() } else { webhook.method.clone() };
        let keep_seconds = directory.bucket(bucket).map_or(0, |bucket| bucket.record.retention_seconds);
        Meta { method, outputs: Some(outputs), keep_seconds, ..meta }
    }

    fn append_piece(
        &self,
        target: Target,
        event: EventId,
        index: u32,
        piece: Bytes,
    ) -> impl Future<Output = Result<u64, store::Error>> + Send + use<> {
        let store = self.inner.store.clone();
        async move { store.events().append_chunk(target, event, index, &piece).await }
    }

    fn next_id(&self) -> EventId {
        EventId(Uuid::new_v7(Timestamp::now(&self.inner.ids)))
    }
}

/// What the caller of an input is answered once the event is in the log.
async fn answered(input: &Input, place: Option<Place>) -> Response<Full<Bytes>> {
    let Some(wait) = &input.wait else { return answer::accepted(&input.answer) };
    let answer = match place {
        Some(place) => place.answer().await,
        None => None,
    };
    match answer.as_ref().and_then(answer::from_destination) {
        Some(response) => response,
        None => answer::accepted(wait.fallback.as_ref().unwrap_or(&input.answer)),
    }
}
