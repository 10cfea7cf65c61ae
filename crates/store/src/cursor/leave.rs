//! How a process leaves a cursor: it stops asking, sees to what still comes, and gives back what has not ended.

use futures_util::StreamExt;
use tokio::time::Instant;

use super::pull::Signal;
use super::{Cursor, Receipt, USED_SPAN, consumer, reached, talk};

impl Cursor {
    /// Stops asking. What was asked for before may still bring something; [`Cursor::wind_down`] sees to it.
    pub async fn stop_asking(&mut self) {
        let is_used = self.position.has_come_within(USED_SPAN, Instant::now());
        if self.store.inner.replicas > 1 && is_used {
            // The consumer may be on another NATS server. That goes on giving out until it hears that nobody
            // listens here, and what is on its way by then is lost. So the requests are outlasted.
            return;
        }
        self.pulls.stop().await;
        // Whatever the consumer says, it says it after what it has given out; and what it gives out
        // from now on finds nobody, and is kept.
        consumer::is_reachable(&self.store, &self.stream, &self.name).await;
        self.position.none_stands();
    }

    /// Does what comes next between [`Cursor::stop_asking`] and [`Cursor::release`]: answers other processes
    /// that ask, and gives them what still comes. It must be waited for as long as anything is in hand:
    /// whoever finds the cursor free takes over what is not acknowledged.
    pub async fn wind_down(&mut self) {
        let over_at = self.position.over_at();
        tokio::select! {
            biased;
            Some(message) = self.held.next() => self.asked(message).await,
            Some(signal) = self.pulls.next(), if over_at.is_some() => self.leave_behind(signal),
            () = reached(over_at) => self.position.none_stands(),
        }
        if self.peers().is_shared() {
            // With nobody else there it would only come here again.
            self.give_back_left().await;
        }
    }

    /// Gives back what has not ended, in this order, so that another process gets it at once, and
    /// detaches. [`Cursor::stop_asking`] goes before.
    pub async fn release(mut self, receipts: impl IntoIterator<Item = Receipt>) {
        let unsorted = self.unsorted.take().map(|unsorted| unsorted.message.receipt);
        let later = std::mem::take(&mut self.left);
        self.left = receipts.into_iter().chain(unsorted).chain(later).collect();
        self.give_back_left().await;
        while self.position.over_at().is_some() {
            self.wind_down().await;
        }
        let unheard = self.pulls.close().await;
        self.left.extend(unheard);
        self.give_back_left().await;
        let _ = self.held.unsubscribe().await;
        talk::take_leave(&self.store, &self.name, self.peers().own()).await;
    }

    /// Takes in what comes when nothing is wanted any more.
    fn leave_behind(&mut self, signal: Signal) {
        match signal {
            Signal::Message(message) => {
                self.position.brought();
                self.position.hold(message.place);
                self.left.push(message.receipt);
            }
            Signal::Stranger(receipt) => {
                self.position.brought();
                self.left.push(receipt);
            }
            Signal::Over { left } => self.position.over(left),
            Signal::NoConsumer | Signal::Refused => self.position.none_stands(),
            Signal::Nothing => {}
        }
    }

    async fn give_back_left(&mut self) {
        for receipt in std::mem::take(&mut self.left) {
            // What cannot be given back now comes again after the acknowledgement wait.
            let _ = self.give_back(&receipt).await;
        }
    }
}
