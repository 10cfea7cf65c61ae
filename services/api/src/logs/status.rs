//! How a delivery stands.

use model::fact::{Ending, Fact};

/// How a delivery stands, over all groups that get it. The numbers lie in SQLite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Status {
    /// Accepted, and not attempted yet.
    Received = 0,
    /// Attempted without success; a further attempt is due.
    Stalled = 1,
    /// The destination took it.
    Sent = 2,
    /// No further attempt is due.
    Failed = 3,
    /// A rule or a function kept it back.
    Rejected = 4,
    /// Its window passed undelivered.
    Expired = 5,
}

impl Status {
    /// Every status.
    pub(crate) const ALL: [Self; 6] =
        [Self::Received, Self::Stalled, Self::Sent, Self::Failed, Self::Rejected, Self::Expired];

    /// The status of that number; what is unknown has only been received.
    pub(crate) fn of(number: u8) -> Self {
        Self::ALL.into_iter().find(|status| *status as u8 == number).unwrap_or(Self::Received)
    }

    /// What the REST API calls it. It knows no word for what expired but that it failed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Stalled => "stalled",
            Self::Sent => "sent",
            Self::Failed | Self::Expired => "failed",
            Self::Rejected => "rejected",
        }
    }

    /// How it ended; `pending` while it has not.
    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::Received | Self::Stalled => "pending",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }

    /// Those that a filter's word stands for; `None` for a word that is none.
    pub(crate) fn named(word: &str) -> Option<Vec<Self>> {
        if word == "preparing" {
            // Between received and sent there is nothing here.
            return Some(Vec::new());
        }
        let named: Vec<_> = Self::ALL.into_iter().filter(|s| s.name() == word || s.ending() == word).collect();
        (!named.is_empty()).then_some(named)
    }
}

/// The endings that groups have come to, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Endings(pub(crate) u8);

/// A client has received it, and perhaps said nothing of how it went on.
const RECEIVED: u8 = 16;
/// A client has said that it did not end well.
const NOT_SENT: u8 = 32;

impl Endings {
    /// These and the one of a fact, if it has one.
    pub(crate) fn with(self, fact: &Fact) -> Self {
        let more = match fact {
            Fact::DeliveryEnded { ending: Ending::Sent, .. } => RECEIVED,
            Fact::Reported { ending: Ending::Sent, .. } => bit(Ending::Sent),
            Fact::Reported { ending, .. } => bit(*ending) | NOT_SENT,
            Fact::AttemptFinished { .. } | Fact::DeliveryEnded { .. } => fact.ending().map_or(0, bit),
        };
        Self(self.0 | more)
    }

    /// Whether a destination, or a client for it, has taken it. That a client has received it is less.
    pub(crate) fn is_sent(self) -> bool {
        self.0 & bit(Ending::Sent) != 0
    }

    fn has(self, ending: Ending) -> bool {
        self.0 & bit(ending) != 0
    }

    /// How a delivery stands that came to these while `due` groups have a further attempt before
    /// them: sent to any is sent, and what may still be sent is not over. What a client has received
    /// is sent, unless it says otherwise.
    pub(crate) fn status(self, due: u32) -> Status {
        if self.is_sent() || self.0 & (RECEIVED | NOT_SENT) == RECEIVED {
            Status::Sent
        } else if due > 0 {
            Status::Stalled
        } else if self.has(Ending::Failed) {
            Status::Failed
        } else if self.has(Ending::Expired) {
            Status::Expired
        } else if self.has(Ending::Rejected) {
            Status::Rejected
        } else {
            Status::Received
        }
    }
}

fn bit(ending: Ending) -> u8 {
    match ending {
        Ending::Sent => 1,
        Ending::Failed => 2,
        Ending::Expired => 4,
        Ending::Rejected => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sent_wins_then_what_is_due_then_the_worst_that_was_tried() {
        let of = |endings: &[Ending]| Endings(endings.iter().map(|ending| bit(*ending)).sum());
        for (endings, due, status) in [
            (&[][..], 0, Status::Received),
            (&[], 1, Status::Stalled),
            (&[Ending::Failed, Ending::Sent], 1, Status::Sent),
            (&[Ending::Failed], 1, Status::Stalled),
            (&[Ending::Rejected, Ending::Expired, Ending::Failed], 0, Status::Failed),
            (&[Ending::Rejected, Ending::Expired], 0, Status::Expired),
            (&[Ending::Rejected], 0, Status::Rejected),
        ] {
            assert_eq!(of(endings).status(due), status, "{endings:?} {due}");
        }
    }

    #[test]
    fn what_a_client_says_counts_more_than_that_it_has_received_it() {
        let (event, at) = (model::EventId(uuid::Uuid::nil()), model::UnixMs(1));
        let received = Fact::DeliveryEnded { event, at, ending: Ending::Sent, reason: None };
        let said = |ending| Fact::Reported { event, at, ending, status: 0, duration_ms: 0, answer: None };
        let (failed, sent) = (said(Ending::Failed), said(Ending::Sent));
        let of = |facts: &[Fact]| facts.iter().fold(Endings::default(), |all, fact| all.with(fact)).status(0);
        for (facts, status) in [
            (&[received][..], Status::Sent),
            (&[received, failed], Status::Failed),
            (&[failed, received], Status::Failed),
            (&[received, said(Ending::Rejected)], Status::Rejected),
            (&[failed, received, sent], Status::Sent),
            (&[sent, failed], Status::Sent),
        ] {
            assert_eq!(of(facts), status, "{facts:?}");
        }
    }

    #[test]
    fn words_stand_for_statuses() {
        for status in Status::ALL {
            assert_eq!(Status::of(status as u8), status);
            assert!(Status::named(status.name()).unwrap().contains(&status));
        }
        assert_eq!(Status::named("failed").unwrap(), [Status::Failed, Status::Expired]);
        assert_eq!(Status::named("expired").unwrap(), [Status::Expired]);
        assert_eq!(Status::named("pending").unwrap(), [Status::Received, Status::Stalled]);
        assert_eq!(Status::named("preparing").unwrap(), []);
        assert_eq!(Status::named("lost"), None);
        assert_eq!(Status::of(200), Status::Received);
    }
}
