//! Carries out the takeover of what a process had that vanished, and answers one that does.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::Subscriber;
use futures_util::StreamExt;
use tokio::time::Instant;
use tracing::{info, warn};

use super::takeover::{Takeover, Verdict};
use super::{Cursor, consumer, talk};
use crate::Error;
use crate::presence::Silent;

/// Within which time searches begin: one process may share thousands of cursors with the one that vanished.
const BEGIN_WITHIN: Duration = Duration::from_secs(1);

/// A search that is under way.
pub(super) struct Seeking {
    takeover: Takeover,
    /// Where everyone is to answer.
    inbox: String,
    answers: Subscriber,
}

impl Seeking {
    /// When it goes on.
    pub(super) fn until(&self) -> Instant {
        self.takeover.until()
    }

    /// The next answer; for ever when there is none. Dropping the future loses nothing.
    pub(super) async fn answer(seeking: &mut Option<Self>) -> async_nats::Message {
        if let Some(answer) = match seeking {
            Some(seeking) => seeking.answers.next().await,
            None => None,
        } {
            return answer;
        }
        std::future::pending().await
    }
}

impl Cursor {
    /// Whether others have taken over what is in hand here: one of them has just said so, or may have while
    /// this process was cut off. What was not begun is theirs then.
    pub fn is_taken_for_gone(&mut self) -> bool {
        std::mem::take(&mut self.is_taken_for_gone)
    }

    /// Others said that this process has vanished. What came before that was heard is theirs too.
    pub(super) async fn was_taken_for_gone(&mut self) {
        self.is_taken_for_gone = true;
        for _ in 0..self.pulls.forget_ahead() {
            self.position.brought();
        }
        // Who does not hear it lets nothing be taken over from this one.
        let _ = talk::announce(&self.store, &self.name, self.peers().own()).await;
    }

    /// The connection was made again. What others said meanwhile was not heard.
    pub(super) async fn was_cut_off(&mut self) {
        if self.peers().is_shared() && self.store.presence().is_unheard() {
            self.was_taken_for_gone().await;
        }
    }

    /// Begins to look for what those had who fell silent.
    pub(super) async fn hear_silence(&mut self) -> Result<(), Error> {
        let silent = Silent::clone(&self.silent.borrow_and_update());
        let vanished = self.peers().vanished(&silent);
        if vanished.0.is_empty() {
            self.seeking = None;
            return Ok(());
        }
        let inbox = self.store.inner.client.new_inbox();
        let answers = self.store.inner.client.subscribe(inbox.clone()).await;
        let answers = answers.map_err(|e| Error::unavailable("look for what another left", e))?;
        let at = Instant::now() + BEGIN_WITHIN.mul_f32(rand::random());
        self.seeking = Some(Seeking { takeover: Takeover::new(vanished, at), inbox, answers });
        Ok(())
    }

    /// One says what it has in hand.
    pub(super) fn hear_answer(&mut self, answer: &async_nats::Message) {
        if let (Some(seeking), Some((name, places))) = (&mut self.seeking, talk::in_hand(&answer.payload)) {
            self.position.peers_mut().found(Some(name));
            seeking.takeover.says(name, places);
        }
    }

    /// Goes on with the search.
    pub(super) async fn seek(&mut self) -> Result<(), Error> {
        let own = self.in_hand();
        let Some(seeking) = &mut self.seeking else { return Ok(()) };
        match seeking.takeover.next(self.position.peers(), &own, Instant::now()) {
            Verdict::Nothing => {
                info!(output = %self.key.output, "another dispatcher fell silent; nothing is taken over from it");
                self.seeking = None;
            }
            Verdict::Ask => {
                let Some(given) = consumer::given(&self.store, &self.stream, &self.name).await? else { return Ok(()) };
                seeking.takeover.asks(given, Instant::now());
                let (own, inbox) = (self.position.peers().own(), seeking.inbox.clone());
                talk::ask_in_hand(&self.store, &self.name, own, inbox).await?;
            }
            Verdict::Left { vanished, places, delivered } => {
                self.seeking = None;
                warn!(output = %self.key.output, "another dispatcher has vanished; what it had is given out again");
                if !places.is_empty() {
                    self.store.inner.counts.note_takeover();
                }
                for place in places {
                    self.give_back_place(place, delivered).await?;
                }
                for name in vanished {
                    talk::take_leave(&self.store, &self.name, name).await;
                }
            }
        }
        Ok(())
    }

    /// The places of what is in hand here, with what has come and was not heard yet.
    fn in_hand(&mut self) -> BTreeSet<u64> {
        let ahead = self.pulls.look_ahead();
        self.position.in_hand().iter().copied().chain(ahead).collect()
    }

    /// Says what is in hand here.
    pub(super) async fn say_in_hand(&mut self, question: async_nats::Message) {
        let Some(reply) = question.reply else { return };
        let text = talk::say_in_hand(self.peers().own(), self.in_hand().into_iter());
        if let Err(error) = self.store.inner.client.publish(reply, text.into()).await {
            warn!(%error, "another dispatcher could not be told what is in hand here");
        }
    }
}
