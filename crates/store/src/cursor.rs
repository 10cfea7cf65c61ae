//! The position of a group on an output: a JetStream consumer, and a cache.
//!
//! The cast: `pull` asks NATS for events and reads what it says. `consumer` creates a cursor's
//! consumer. Several processes may work with a cursor: `talk` is what they say to each other, `entry`
//! how one comes among them, `leave` how it goes, and `peers` what it knows of them; `takeover` finds out what one
//! had that vanished, and `seek` carries it out. `answer` is what NATS is told of an event. A [`Cursor`] asks for
//! events and gives them out, less those that the facts say have ended; what it knows and decides stands in its
//! [`Position`]. When its consumer is lost (NATS restarted, nobody pulled for long), it makes a new one that begins early
//! enough, and folds the facts again: the facts decide what was sent.
//!
//! Not needed for correctness: the consumer's own position. It saves reading the window again.

mod answer;
mod consumer;
mod entry;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod hold;
mod leave;
mod peers;
mod position;
mod pull;
mod pulled;
mod queue;
mod seek;
mod takeover;
mod talk;

use std::time::Duration;

use async_nats::Subscriber;
use futures_util::StreamExt;
use model::fact::Fact;
use model::progress::{Again, Progress};
use model::{EventId, UnixMs};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::info;

pub use hold::Hold;
pub use peers::Peers;
pub use position::{Position, Reading, Sorted};
pub use pull::Message;
use pull::{Pulls, Signal};
pub use pulled::{Pulled, Receipt};
pub use queue::Queue;
use seek::Seeking;
pub use takeover::{Given, SAY_WAIT, Takeover, Verdict};
use talk::Held;

use crate::fact::{CursorKey, From};
use crate::presence::Silent;
use crate::unreadable::What as Unread;
use crate::{Error, Store};

/// How many events of one cursor may be handed out and not yet acknowledged: a destination that
/// is dead holds up so many events of its own, and nobody else's.
pub const UNACKED_MAX: usize = 256;
/// How long JetStream waits for an acknowledgement or a sign of progress before it gives the event
/// out again.
pub const ACK_WAIT: Duration = Duration::from_secs(60);
/// How often an event in hand should be reported as in progress.
pub const PROGRESS_EVERY: Duration = Duration::from_secs(20);
/// How long a pull request stands.
const PULL_EXPIRES: Duration = Duration::from_secs(60);
/// How long it stands where there are several NATS servers. Nothing says that the one that had the
/// consumer is gone, but that the next request finds nobody.
const PULL_EXPIRES_CLUSTER: Duration = Duration::from_secs(10);
/// How long there if the cursor is in use: one that leaves has to outlast it. Of cursors that are idle it
/// would be most of what NATS has to do.
const PULL_EXPIRES_USED: Duration = Duration::from_secs(2);
/// For so long after its last event a cursor is in use.
const USED_SPAN: Duration = Duration::from_secs(60);
/// A pull request that said nothing for so long after its end is taken for lost.
const PULL_GRACE: Duration = Duration::from_secs(5);
/// The same where the next one may find another server: longer than a busy server is late.
const PULL_GRACE_CLUSTER: Duration = Duration::from_secs(2);
/// The bytes that one pull request may bring: a few of the largest messages.
const PULL_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The wait before a pull that NATS refused is tried again.
const REFUSED_WAIT: Duration = Duration::from_millis(250);

/// A cursor that this process pulls from.
pub struct Cursor {
    store: Store,
    key: CursorKey,
    name: String,
    stream: String,
    /// Answers other processes that ask whether someone works with this cursor.
    held: Subscriber,
    pulls: Pulls,
    /// Changes each time the connection to NATS was made again: standing requests are gone then.
    connected: watch::Receiver<u64>,
    /// Which dispatchers are silent, and the search for what one of them had.
    silent: watch::Receiver<Silent>,
    seeking: Option<Seeking>,
    is_taken_for_gone: bool,
    position: Position,
    /// What was given out and is not sorted yet, because facts that matter could not be read.
    unsorted: Option<Unsorted>,
    /// What is left for others when this process leaves.
    left: Vec<Receipt>,
}

struct Unsorted {
    message: Box<Message>,
    reading: Reading,
    /// When it is tried again.
    again_at: Instant,
}

/// Something happened; hand it to [`Cursor::take`].
pub struct Happened(What);

enum What {
    /// What could not be sorted may be tried again.
    Unsorted,
    Signal(Option<Signal>),
    Reconnected,
    Asked(Option<async_nats::Message>),
    Silence,
    Answer(async_nats::Message),
    Seek,
    Overdue,
    MayAsk,
}

impl Cursor {
    /// Attaches to the cursor: makes its consumer unless there is one, takes over what a vanished
    /// process left unacknowledged, and folds the facts of the window.
    ///
    /// `since` is when the group first attached.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; the caller tries again.
    pub async fn attach(
        store: &Store,
        key: CursorKey,
        window: Duration,
        since: UnixMs,
        now: UnixMs,
    ) -> Result<Self, Error> {
        let name = consumer::name(&key);
        let own = peers::new_name(store.presence().own());
        let pulls = Pulls::new(store.inner.client.clone()).await?;
        let (held, by) = entry::enter(store, &name, own).await?;
        let is_held = matches!(by, Held::By(_));
        let mut peers = Peers::new(own, is_held);
        if let Held::By(Some(other)) = by {
            peers.found(Some(other));
        }
        talk::announce(store, &name, own).await?;
        let mut cursor = Self {
            stream: store.inner.layout.event_stream(key.bucket, key.ephemeral),
            store: store.clone(),
            key,
            name,
            held,
            pulls,
            connected: store.inner.connected(),
            silent: store.presence().silent(),
            seeking: None,
            is_taken_for_gone: false,
            position: Position::new(key.output, window, peers, now, Instant::now()),
            unsorted: None,
            left: Vec::new(),
        };
        let set_up = cursor.set_up(is_held, since, now).await;
        if set_up.is_err() {
            // Others have heard the name, and would wait for its answer.
            talk::take_leave(store, &cursor.name, own).await;
        }
        set_up.map(|()| cursor)
    }

    async fn set_up(&mut self, is_held: bool, since: UnixMs, now: UnixMs) -> Result<(), Error> {
        let existed = self.ensure_consumer(since, now).await?;
        if existed && !is_held {
            consumer::reset(&self.store, &self.stream, &self.name).await?;
        }
        self.fold(now).await
    }

    /// Whether a process works with the cursor; when in doubt, yes.
    pub async fn is_held(store: &Store, key: &CursorKey) -> bool {
        talk::is_held(store, &consumer::name(key), talk::ASKS).await
    }

    /// Whose cursor it is.
    pub fn key(&self) -> &CursorKey {
        &self.key
    }

    /// Asks for events so that up to `wanted` more may come. Asking again while enough were asked
    /// for does nothing.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn ask(&mut self, wanted: usize) -> Result<(), Error> {
        let now = Instant::now();
        let Some(batch) = self.position.to_ask(wanted, now) else { return Ok(()) };
        let (expires, grace) = match self.store.inner.replicas {
            ..=1 => (PULL_EXPIRES, PULL_GRACE),
            2.. if self.position.has_come_within(USED_SPAN, now) => (PULL_EXPIRES_USED, PULL_GRACE_CLUSTER),
            2.. => (PULL_EXPIRES_CLUSTER, PULL_GRACE_CLUSTER),
        };
        self.pulls.request(&self.stream, &self.name, batch, Some(expires)).await?;
        self.position.asked(batch, now + expires + grace);
        Ok(())
    }

    /// Asks for up to `wanted` of the events that are there now. When it is over, [`Cursor::is_idle`].
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn ask_now(&mut self, wanted: usize) -> Result<(), Error> {
        self.pulls.request(&self.stream, &self.name, wanted, None).await?;
        self.position.asked(wanted, Instant::now() + PULL_GRACE);
        Ok(())
    }

    /// Whether no request stands.
    pub fn is_idle(&self) -> bool {
        self.position.over_at().is_none()
    }

    /// Waits until something happens. Dropping the future loses nothing.
    pub async fn happens(&mut self) -> Happened {
        if let Some(unsorted) = &self.unsorted {
            tokio::time::sleep_until(unsorted.again_at).await;
            return Happened(What::Unsorted);
        }
        let over_at = self.position.over_at();
        let refused_until = self.position.refused_until(Instant::now());
        let seek_at = self.seeking.as_ref().map(Seeking::until);
        Happened(tokio::select! {
            biased;
            Ok(()) = self.connected.changed() => What::Reconnected,
            message = self.held.next() => What::Asked(message),
            answer = Seeking::answer(&mut self.seeking) => What::Answer(answer),
            Ok(()) = self.silent.changed() => What::Silence,
            () = reached(seek_at) => What::Seek,
            () = reached(refused_until) => What::MayAsk,
            signal = self.pulls.next() => What::Signal(signal),
            // Only if nothing has come: what has may have waited for us.
            () = reached(over_at) => What::Overdue,
        })
    }

    /// Takes in what happened; returns an event if one is due by it.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: then the cursor [is lost](Cursor::is_lost), or the event comes again later.
    pub async fn take(&mut self, happened: Happened, now: UnixMs) -> Result<Option<Pulled>, Error> {
        match happened.0 {
            What::Signal(Some(Signal::Message(message))) => {
                if message.times > 1 {
                    self.store.inner.counts.note_redelivered();
                }
                let again_at = Instant::now();
                let reading = self.position.came(&message, again_at);
                self.unsorted = Some(Unsorted { message, reading, again_at });
                return self.sort(now).await;
            }
            What::Unsorted => return self.sort(now).await,
            What::Signal(Some(Signal::Over { left })) => self.position.over(left),
            What::Signal(Some(Signal::NoConsumer)) => self.lose("nobody has it"),
            What::Signal(Some(Signal::Refused)) => self.position.refused(Instant::now()),
            What::Signal(Some(Signal::Stranger(receipt))) => {
                self.position.over(1);
                self.store.inner.unreadable.note(Unread::Stranger);
                // Given out again and again it would take the place of an event.
                self.acknowledge(&receipt).await?;
            }
            What::Signal(Some(Signal::Nothing)) => {}
            What::Asked(Some(message)) => self.asked(message).await,
            What::Silence => self.hear_silence().await?,
            What::Answer(answer) => self.hear_answer(&answer),
            What::Seek => self.seek().await?,
            What::Overdue => self.lose("it says nothing"),
            What::Asked(None) | What::Signal(None) => self.lose("the connection was given up"),
            What::Reconnected => {
                self.was_cut_off().await;
                self.pulls.renew();
                self.position.none_stands();
            }
            What::MayAsk => {}
        }
        Ok(None)
    }

    /// Takes in a fact of this process that is in the log.
    pub fn note(&mut self, fact: &Fact) {
        self.position.note(fact);
    }

    /// Who else works with the cursor.
    pub fn peers(&self) -> &Peers {
        self.position.peers()
    }

    /// What is to be tried again, as far as the facts were read.
    pub fn again(&self) -> impl Iterator<Item = (EventId, Again)> {
        self.position.again()
    }

    /// Whether a delivery has ended, as far as the facts were read.
    pub fn has_ended(&self, event: EventId) -> bool {
        self.position.has_ended(event)
    }

    /// Reads the facts that came since they were last read.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn look_again(&mut self, now: UnixMs) -> Result<(), Error> {
        self.refresh(now).await
    }

    /// Whether the consumer is gone; [`Cursor::rebuild`] makes another.
    pub fn is_lost(&self) -> bool {
        self.position.is_lost()
    }

    /// Makes the consumer again, for a window that may have changed, and folds the facts again.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; the caller tries again.
    pub async fn rebuild(&mut self, window: Duration, since: UnixMs, now: UnixMs) -> Result<(), Error> {
        self.position.set_window(window);
        self.pulls.renew();
        let existed = self.ensure_consumer(since, now).await?;
        if existed && self.is_alone().await? {
            // What it gave out when nothing reached us would come after the acknowledgement wait.
            consumer::reset(&self.store, &self.stream, &self.name).await?;
        }
        self.fold(now).await?;
        self.position.made_again();
        Ok(())
    }

    fn lose(&mut self, why: &'static str) {
        info!(output = %self.key.output, why, "the consumer of a cursor is lost");
        self.position.lose();
    }

    /// Sorts what was given out. Until that succeeds nothing else is taken in.
    async fn sort(&mut self, now: UnixMs) -> Result<Option<Pulled>, Error> {
        let Some(unsorted) = &self.unsorted else { return Ok(None) };
        let read = match unsorted.reading {
            Reading::None => Ok(()),
            Reading::New => self.refresh(now).await,
            Reading::All => self.fold(now).await,
        };
        let Some(mut unsorted) = self.unsorted.take() else { return Ok(None) };
        if let Err(error) = read {
            unsorted.again_at = Instant::now() + REFUSED_WAIT;
            self.unsorted = Some(unsorted);
            return Err(error);
        }
        match self.position.sort(*unsorted.message) {
            Sorted::Due(pulled) => Ok(Some(*pulled)),
            Sorted::Over(receipt) => self.acknowledge(&receipt).await.map(|()| None),
        }
    }

    async fn ensure_consumer(&mut self, since: UnixMs, now: UnixMs) -> Result<bool, Error> {
        let last = self.store.facts().last(&self.key).await?.map(|(_, at)| at);
        let from = self.position.begins_at(last, since, now);
        let (stream, name, window) = (&self.stream, &self.name, self.position.window());
        let existed = consumer::ensure(&self.store, &self.key, stream, name, window, from).await?;
        self.position.reaches(from);
        Ok(existed)
    }

    async fn fold(&mut self, now: UnixMs) -> Result<(), Error> {
        let from = self.position.horizon(now);
        let mut progress = Progress::default();
        let last = self.store.facts().fold(&self.key, From::Time(from), &mut progress).await?;
        if progress.last_sent_at().is_none() {
            progress.note_sent(self.store.facts().last_sent(&self.key).await?);
        }
        self.position.folded_all(progress, last);
        Ok(())
    }

    async fn refresh(&mut self, now: UnixMs) -> Result<(), Error> {
        let (folded, progress) = self.position.to_fold();
        let last = self.store.facts().fold(&self.key, From::After(folded), progress).await?;
        self.position.folded_new(last, now);
        Ok(())
    }
}

/// Waits for a moment; for ever when there is none.
async fn reached(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
