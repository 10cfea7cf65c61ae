//! Makes the attempts at public outputs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use model::OutputId;
use model::request::{Chunks, Request};
use outbound::tls::Tls;
use outbound::{Body, BodySink, Client, Finished, Forward, InvalidServers, Keep, Piece, Public, Resolver};
use store::Store;
use store::event::CHUNK_BYTES;
use store::fact::CursorKey;
use telemetry::Stop;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use super::lane::Lane;
use super::room::{ALL_KIB_MAX, Room};
use crate::delivery::{Next, NotHanded};
use crate::session::{Ended, Session};
use crate::{Config, DRAIN_MAX, trace};

/// How many pieces of a large body are in memory for one attempt.
const PIECES_MAX: usize = 2;

/// What makes the attempts at public outputs.
pub(crate) struct Attempts {
    client: Client,
    guard: Public,
    lanes: Mutex<HashMap<OutputId, Arc<Lane>>>,
    room: Arc<Semaphore>,
    tasks: TaskTracker,
    abort: Stop,
}

/// One attempt, with all that it needs.
pub(crate) struct Attempt {
    /// Where pieces of its body are.
    pub(crate) store: Store,
    /// Whom it is reported to.
    pub(crate) session: Arc<Session>,
    /// Its cursor.
    pub(crate) key: CursorKey,
    /// Which it is, and where it goes.
    pub(crate) next: Next,
    /// The event, opened.
    pub(crate) request: Request,
    /// What is kept of the answer.
    pub(crate) keep: Keep,
}

impl Attempts {
    /// What calls public outputs as the operator allows.
    ///
    /// # Errors
    /// When the operator's name servers cannot be used.
    pub(crate) fn new(config: Config) -> Result<Self, InvalidServers> {
        let resolver = match config.dns_servers.as_slice() {
            [] => Resolver::system(),
            servers => Resolver::of_servers(servers)?,
        };
        Ok(Self {
            client: Client::new(Tls::new(b"http/1.1", Vec::new()), resolver),
            guard: Public::new(config.allowed_networks),
            lanes: Mutex::default(),
            room: Arc::new(Semaphore::new(ALL_KIB_MAX)),
            tasks: TaskTracker::new(),
            abort: Stop::new(),
        })
    }

    /// Starts an attempt when its turn has come and there is memory for it. Dropping the future
    /// starts nothing.
    ///
    /// # Errors
    /// [`NotHanded::SessionGone`] once the last attempts are waited for: nobody would hear how this
    /// one ended, and it would be made again elsewhere.
    pub(crate) async fn start(self: &Arc<Self>, attempt: Attempt) -> Result<(), NotHanded> {
        let lane = self.lane(attempt.next.output.id);
        let is_first = attempt.next.due.attempt == 1;
        if is_first {
            lane.turn().await;
        }
        let room = lane.room(&self.room, attempt.memory_bytes()).await;
        // Waited for from here on; or the waiting has begun without it.
        let token = self.tasks.token();
        if self.tasks.is_closed() {
            return Err(NotHanded::SessionGone);
        }
        // Retries are late already, and order nothing.
        let under_way = is_first.then(|| lane.start());
        let this = Arc::clone(self);
        self.tasks.spawn(async move {
            this.run(attempt, room).await;
            drop(under_way);
        });
        drop(token);
        Ok(())
    }

    /// Makes a request that is no attempt, under the same rules.
    pub(crate) async fn send(&self, request: outbound::Request) -> Finished {
        self.client.send(request, &self.guard).await
    }

    /// Closes connections that nobody needs; never returns.
    pub(super) async fn clean(&self) {
        self.client.run().await;
    }

    /// An output is served by somebody else from now on, or by nobody.
    pub(super) fn forget(&self, output: OutputId) {
        self.lanes().remove(&output);
    }

    /// Waits until the attempts under way are over; what takes longer than the grace is given up.
    pub(super) async fn finish(&self) {
        self.tasks.close();
        if timeout(DRAIN_MAX, self.tasks.wait()).await.is_err() {
            self.abort.give();
            self.tasks.wait().await;
        }
    }

    async fn run(&self, attempt: Attempt, _room: Room) {
        let started = Instant::now();
        let span = trace::request(&attempt.next.span);
        let Some(finished) = Box::pin(self.abort.or(self.make(&attempt))).await else { return };
        let duration_ms = u32::try_from(started.elapsed().as_millis()).unwrap_or(u32::MAX);
        log(&attempt, &finished, started.elapsed());
        let Finished { outcome, reason, answer } = finished;
        trace::outcome(&span, outcome);
        drop(span);
        let ended = Ended { outcome, duration_ms, reason, answer: answer.map(Box::new) };
        // A courier that has ended gave the event back; then nobody waits for this.
        let _ = attempt.session.report(attempt.next.number, ended);
    }

    async fn make(&self, attempt: &Attempt) -> Finished {
        let Attempt { request, next: Next { output, due, .. }, keep, .. } = attempt;
        let forward = Forward {
            url: &output.destination,
            lock_path: output.lock_path,
            headers: &output.headers,
            verify: output.tls_verification,
            timeout: output.timeout(),
            keep: *keep,
            event: due.event(),
            attempt: due.attempt,
        };
        let send = async |body| match forward.request(request, body) {
            Ok(request) => self.client.send(request, &self.guard).await,
            Err(not_made) => Finished::not_allowed(not_made.reason()),
        };
        let Some(chunks) = &request.chunks else { return send(Body::whole(request.body.clone())).await };
        let (body, sink) = Body::in_pieces(Bytes::new(), request.body_bytes);
        let feed = async {
            attempt.feed(chunks, &sink).await;
            std::future::pending().await
        };
        tokio::select! {
            // The attempt is over, whether it wanted all pieces or not.
            finished = send(body) => finished,
            // Pieces are brought as long as it lasts.
            never = feed => never,
        }
    }

    fn lane(&self, output: OutputId) -> Arc<Lane> {
        self.lanes().entry(output).or_insert_with(|| Arc::new(Lane::new())).clone()
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<OutputId, Arc<Lane>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt {
    /// Brings the pieces of a large body, a few at a time.
    async fn feed(&self, chunks: &Chunks, sink: &BodySink) {
        let (key, event) = (self.key, self.next.due.event());
        let room = Arc::new(Semaphore::new(PIECES_MAX));
        for index in 0..chunks.sequences.len() {
            let Ok(place) = room.clone().acquire_owned().await else { return };
            let piece = match self.store.events().open_chunk(key.bucket, key.ephemeral, event, chunks, index).await {
                Ok(data) => Piece::Data(data, place),
                Err(error) => {
                    tracing::warn!(%event, %error, "a piece of a body could not be read");
                    Piece::Broken
                }
            };
            let is_broken = matches!(piece, Piece::Broken);
            if !sink.push(piece) || is_broken {
                return;
            }
        }
    }

    /// The memory that it takes up: of its body, and of what is kept of the answer.
    fn memory_bytes(&self) -> usize {
        let body = match self.request.chunks {
            Some(_) => PIECES_MAX * CHUNK_BYTES,
            None => self.request.body.len(),
        };
        let answer = match self.keep {
            Keep::Status => 0,
            Keep::Answer { body_bytes_max } => body_bytes_max,
        };
        body + answer
    }
}

fn log(attempt: &Attempt, finished: &Finished, duration: Duration) {
    tracing::debug!(
        event = %attempt.next.due.event(),
        output = %attempt.next.output.id,
        attempt = attempt.next.due.attempt,
        outcome = ?finished.outcome,
        reason = finished.reason.map(|reason| reason.text()),
        ?duration,
        "an attempt at a public output ended"
    );
}
