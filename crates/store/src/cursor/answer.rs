//! What JetStream is told of an event that it gave out.

use async_nats::Subject;
use bytes::Bytes;

use super::{Cursor, Receipt};
use crate::Error;

impl Cursor {
    /// Tells JetStream that the event has ended: it is never given out again.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; then it may come again.
    pub async fn acknowledge(&mut self, receipt: &Receipt) -> Result<(), Error> {
        self.let_go(receipt);
        self.answer(receipt.0.clone(), Bytes::from_static(b"+ACK")).await
    }

    /// Gives an event back, to come again at once.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; then it comes again after [`ACK_WAIT`](super::ACK_WAIT).
    pub async fn give_back(&mut self, receipt: &Receipt) -> Result<(), Error> {
        self.let_go(receipt);
        self.answer(receipt.0.clone(), Bytes::from_static(b"-NAK")).await
    }

    /// Tells JetStream that the event is still being worked on.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; then it may be given out again.
    pub async fn in_progress(&self, receipt: &Receipt) -> Result<(), Error> {
        self.answer(receipt.0.clone(), Bytes::from_static(b"+WPI")).await
    }

    /// Gives back what another process had at a place. JetStream goes by the place, and passes over what
    /// is acknowledged; `delivered` is a number of a handing-out that was not before that one.
    pub(super) async fn give_back_place(&self, place: u64, delivered: u64) -> Result<(), Error> {
        let subject = format!("$JS.ACK.{}.{}.1.{place}.{delivered}.0.0", self.stream, self.name);
        self.answer(subject.into(), Bytes::from_static(b"-NAK")).await
    }

    /// Nobody sees to the event here any more.
    pub fn let_go(&mut self, receipt: &Receipt) {
        if let Some(place) = receipt.place() {
            self.position.let_go(place);
        }
    }

    async fn answer(&self, subject: Subject, payload: Bytes) -> Result<(), Error> {
        let published = self.store.inner.client.publish(subject, payload).await;
        published.map_err(|e| Error::unavailable("answer for an event", e))
    }
}
