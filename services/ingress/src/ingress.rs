//! One webhook from its first byte to its answer.

mod call;
mod settle;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, Request, Response, StatusCode, Uri, Version};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use model::record::{Answer, CallerAuth, Input, SignaturePolicy};
use model::{EventId, UnixMs};
use store::Store;
use store::event::{Meta, Target};
use telemetry::{Stop, TraceParent, trace};
use tokio::time::Instant;
use tracing::debug;
use uuid::{ContextV7, Timestamp, Uuid};
use verify::{Head, Reason, Verdict, Verifier, Watch};

use crate::body;
use crate::budget::Budget;
use crate::callers::{Admission, Callers};
use crate::capture::Captured;
use crate::depths::{self, Depths};
use crate::doubts::Doubts;
use crate::judgement::{self, Course};
use crate::noted::Noted;
use crate::route::{self, Route, Wanted};
use crate::trace as spans;
use crate::waiting::{Place, Waiting};
use crate::{BODY_BYTES_MAX, Config, RawHead, answer};
use call::Call;

/// Takes webhooks. Clones share everything.
///
/// Inputs that do not exist go the same way as those that do: the body is read under the same
/// limits, sealed and appended (to a log that nobody reads), and answered when that is
/// acknowledged. Neither status, headers nor size tell them apart, and both wait for a write. An
/// owner who demands credentials or signatures gives that up: a 401 tells that the input exists.
#[derive(Clone)]
pub struct Ingress {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    config: Config,
    /// Where providers reach us, if that is configured.
    public_url: Option<Uri>,
    budget: Budget,
    /// Makes ids grow, also within a millisecond and when the clock steps back.
    ids: Mutex<ContextV7>,
    waiting: Waiting,
    callers: Callers,
    depths: Depths,
    noted: Noted,
    doubts: Doubts,
}

impl Ingress {
    /// An ingress that appends to this store. Nothing happens before the first request.
    ///
    /// `public_url` is where callers reach the relay: some providers sign the URL that they call, and
    /// nobody's domain may be its host. Without it the host is taken from each request.
    pub fn new(store: Store, config: Config, public_url: Option<Uri>) -> Self {
        let budget = Budget::new(config.memory_bytes_max()).with_address_max(config.memory_bytes_per_address_max());
        let ids = Mutex::new(ContextV7::new());
        Self {
            inner: Arc::new(Inner {
                store,
                config,
                public_url,
                budget,
                ids,
                waiting: Waiting::new(),
                callers: Callers::new(),
                depths: Depths::default(),
                noted: Noted::new(),
                doubts: Doubts::new(),
            }),
        }
    }

    /// Hears what destinations answer to callers who wait, until told to stop.
    pub async fn run(&self, stop: &Stop) {
        self.inner.waiting.run(&self.inner.store, stop).await;
    }

    /// Once told to stop, and while webhooks that came before are still answered, waits until it is
    /// certain of all that were answered as nobody's that they are.
    pub async fn settle_doubts(&self, stop: &Stop) {
        self.inner.doubts.run(stop).await;
    }

    /// Whether a request is for the domain of an account, whatever its path is.
    pub fn answers_to(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let authority = uri.authority().map(http::uri::Authority::as_str).or(host);
        let Some(name) = authority.and_then(route::host_name) else { return false };
        let own = self.inner.public_url.as_ref().and_then(Uri::host);
        !own.is_some_and(|own| own.eq_ignore_ascii_case(&name)) && self.inner.store.directory().is_domain(&name)
    }

    /// Takes one webhook and answers it: any method, any path below [`crate::PATH_PREFIX`], and any
    /// path at all of a host that [`Ingress::answers_to`] knows.
    ///
    /// `head` is what [`crate::Heads::admit`] gave for this request; HTTP/1 is refused without it.
    /// `peer` is the caller's address, `tls` whether the caller spoke TLS.
    ///
    /// The answer is the input's own, 200 without body by default, once the log has acknowledged
    /// the event; 503 with `Retry-After` when it cannot be within [`store::event::APPEND_BUDGET`],
    /// when all bodies together take too much memory, or when this one comes slowly while others take
    /// more than half of it; 413, 408 or 400 for a body that is too large, too slow or broken; 400 or
    /// 431 for a head that is refused; 401 for a caller or a signature that the owner refuses; 429
    /// when the queue of an output is full. When the future is dropped, because the caller has gone,
    /// the event may have been stored or not.
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
            Ok(captured) => self.take(captured, parts.version, body, peer, tls).await,
            Err(refusal) => answer::refused(refusal, parts.version),
        }
    }

    async fn take<B>(
        &self,
        captured: Captured,
        version: Version,
        body: B,
        peer: SocketAddr,
        tls: bool,
    ) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes>,
    {
        let directory = self.inner.store.directory();
        // Until it was read, every input would look as if it did not exist.
        if !directory.is_loaded() {
            return answer::unavailable();
        }
        let wanted = Wanted::of(&captured);
        let route = Route::find(directory, &wanted);
        let (length, may_be_new) = (captured.length, route.may_be_new);
        let mut call = self.call(captured, route, peer, tls);
        let mut response = self.receive(&mut call, length, version, body, peer).await;
        // Its input may have been made a moment ago. That is found out when it was answered, so that
        // the time of the answer does not tell what there is.
        let is_doubtful = may_be_new && response.status() == StatusCode::OK;
        let doubt = is_doubtful.then(|| self.inner.doubts.hold(&call.webhook)).flatten();
        if is_doubtful && doubt.is_none() {
            response = match directory.catch_up().await {
                Ok(()) => self.receive_again(&mut call, &wanted, version, peer).await.unwrap_or(response),
                Err(_) => answer::unavailable(),
            };
        }
        spans::answered(&call.span, call.webhook.body_bytes, response.status());
        if let Some(doubt) = doubt {
            tokio::spawn(self.clone().settle(doubt, call, wanted, version, peer));
        }
        response
    }

    async fn receive<B>(
        &self,
        call: &mut Call,
        length: Option<u64>,
        version: Version,
        body: B,
        peer: SocketAddr,
    ) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes>,
    {
        if call.route.is_unknown {
            return answer::closing(answer::unavailable(), version);
        }
        if let Some(response) = self.turn_away(call, peer).await {
            return if body.is_end_stream() { response } else { answer::closing(response, version) };
        }
        let place = call.route.place.clone();
        let signature = place.as_ref().and_then(|place| place.input.signature.as_ref());
        let url = signature.map(|_| call.url(self.inner.public_url.as_ref())).unwrap_or_default();
        let verifier = signature.map(Verifier::new);
        let verifier = verifier.as_ref().map(|made| made.as_ref().ok());
        let mut watch = verifier
            .flatten()
            .map(|verifier| verifier.watch(&Head { request: &call.webhook, url: &url, now: call.now }));
        let watched = body.map_frame(|frame| {
            if let (Some(watch), Some(data)) = (&mut watch, frame.data_ref()) {
                watch.update(data);
            }
            frame
        });
        let mut share = self.inner.budget.share_of(peer.ip());
        let (target, event) = (call.route.target, call.event);
        let append = |index, piece| self.append_piece(target, event, index, piece);
        let reading = spans::body(&call.span);
        let whole = match body::read(watched, length, self.bytes_max(&call.route), &mut share, append).await {
            Ok(whole) => whole,
            Err(failure) => {
                debug!(%event, error = &failure as &(dyn std::error::Error + 'static), "a body was not read");
                trace::failed(&reading);
                return answer::unread(&failure, version);
            }
        };
        drop(reading);
        call.fill(whole);
        call.verdict = match verifier {
            None => Verdict::None,
            Some(_) => watch.map_or(Verdict::Failed(Reason::Unusable), Watch::finish),
        };
        let policy = signature.map_or(SignaturePolicy::Mark, |signature| signature.policy);
        let course = judgement::course(verifier.flatten(), policy, call.verdict, &call.webhook, &url, call.now);
        self.follow(call, &course).await
    }

    /// What is known before the body comes.
    fn call(&self, captured: Captured, route: Route, peer: SocketAddr, tls: bool) -> Call {
        let path = captured.endpoint.path.clone();
        let webhook = captured.into_request(route.extra_path.clone(), peer, tls);
        let now = UnixMs::from(SystemTime::now());
        let event = self.next_id();
        let span = spans::root(event, route.target, &webhook);
        Call { event, route, path, now, webhook, verdict: Verdict::None, span }
    }

    /// The answer to a caller whose webhook is not wanted, whatever its body is.
    async fn turn_away(&self, call: &Call, peer: SocketAddr) -> Option<Response<Full<Bytes>>> {
        let bucket = &call.route.place.as_ref()?.bucket;
        match self.inner.callers.admit(bucket, &call.webhook, peer.ip()).await {
            Admission::Admitted => {}
            Admission::Busy => return Some(answer::unavailable()),
            Admission::Refused => {
                let refused = answer::unauthorized(&bucket.auth);
                return Some(self.note(call, Verdict::Failed(Reason::Unauthenticated), refused).await);
            }
        }
        let limits = self.inner.store.directory().pick_outputs_of(bucket.id, depths::limit);
        self.inner.depths.is_full(self.inner.store.presence(), &limits).then(answer::too_many)
    }

    /// The largest body that an input takes.
    fn bytes_max(&self, route: &Route) -> usize {
        match &route.place {
            Some(place) if place.bucket.large_webhooks => BODY_BYTES_MAX,
            Some(_) | None => self.inner.config.body_bytes_max(),
        }
    }

    async fn follow(&self, call: &Call, course: &Course) -> Response<Full<Bytes>> {
        match course {
            Course::Deliver => self.deliver(call).await,
            Course::Handshake(answer) => self.note(call, call.verdict, answer::shaken(answer)).await,
            Course::Refuse => self.note(call, call.verdict, answer::unauthorized(&CallerAuth::None)).await,
            Course::Drop => self.note(call, call.verdict, answer::accepted(&Answer::default())).await,
        }
    }

    async fn deliver(&self, call: &Call) -> Response<Full<Bytes>> {
        let input = call.route.place.as_ref().map(|place| &place.input);
        let mut meta = self.meta(call);
        // Before the event is there for others: its answer may be quicker than its acknowledgement.
        let wait = input.and_then(|input| input.wait.as_ref());
        let place = wait.and_then(|wait| self.inner.waiting.place(call.event, wait));
        let place = place.map(|(place, subject)| {
            meta.answer_to = Some(subject);
            place
        });
        match self.append(call, meta, call.delivery().as_deref()).await {
            true => match input {
                None => answer::accepted(&Answer::default()),
                Some(input) => answered(input, place).await,
            },
            false => answer::unavailable(),
        }
    }

    /// Keeps a webhook that goes nowhere, for its owner to see, while its input has a place for it.
    async fn note(&self, call: &Call, verdict: Verdict, response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
        if !self.inner.noted.take(call.route.id, Instant::now()) {
            return response;
        }
        let meta = Meta { withheld: true, outputs: Some(Vec::new()), verdict: verdict.code(), ..self.meta(call) };
        if self.append(call, meta, None).await { response } else { answer::unavailable() }
    }

    /// Whether the log has acknowledged it.
    async fn append(&self, call: &Call, meta: Meta, delivery: Option<&str>) -> bool {
        let span = spans::publish(&call.span);
        let meta = Meta { trace: TraceParent::of(&span), ..meta };
        let (target, event, id) = (call.route.target, call.event, call.route.id);
        let events = self.inner.store.events();
        let appended = match delivery {
            None => events.append(target, event, id, &meta, &call.webhook).await,
            Some(delivery) => events.append_once(target, event, id, &meta, delivery, &call.webhook).await,
        };
        match appended {
            Ok(()) => true,
            Err(error) => {
                debug!(%event, error = &error as &(dyn std::error::Error + 'static), "an event was not stored");
                trace::failed(&span);
                false
            }
        }
    }

    /// What stands beside the webhook in clear.
    fn meta(&self, call: &Call) -> Meta {
        let meta = Meta { body_bytes: call.webhook.body_bytes, verdict: call.verdict.code(), ..Meta::default() };
        let Some(place) = &call.route.place else { return meta };
        let outputs = self.inner.store.directory().due_outputs_of(place.bucket.id);
        let method = if place.bucket.ephemeral { String::new() } else { call.webhook.method.clone() };
        Meta { method, outputs: Some(outputs), keep_seconds: place.bucket.retention_seconds, ..meta }
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
