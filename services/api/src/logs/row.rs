//! A delivery as it stands, and what a fact makes of it.

use model::fact::{AnswerRef, Ending, Fact, Next, Outcome};
use model::{BucketId, DeliveryId, EventId, InputId, OutputId, UnixMs};
use verify::Verdict;

use super::status::{Endings, Status};

/// A delivery: an event on its way to an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: DeliveryId,
    pub(crate) bucket: BucketId,
    pub(crate) event: EventId,
    pub(crate) output: OutputId,
    pub(crate) input: InputId,
    /// The event's sequence in its stream.
    pub(crate) place: u64,
    pub(crate) ephemeral: bool,
    /// The method; empty for an event of an ephemeral bucket.
    pub(crate) method: String,
    pub(crate) body_bytes: u64,
    pub(crate) origin: Option<EventId>,
    /// What came of verifying the event's signature.
    pub(crate) verdict: Verdict,
    pub(crate) status: Status,
    pub(crate) course: Course,
}

/// How it went so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Course {
    pub(crate) endings: Endings,
    /// The highest number of an attempt.
    pub(crate) attempts: u32,
    /// What the destination answered; 0 when it did not.
    pub(crate) status_code: u16,
    /// The code of a [`model::reason::Reason`]; 0 for none.
    pub(crate) reason: u32,
    pub(crate) duration_ms: u32,
    pub(crate) answer: Option<AnswerRef>,
    /// When something last happened.
    pub(crate) updated_at: UnixMs,
}

/// Whether the group of a fact has a further attempt before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Yes,
    No,
}

impl Course {
    /// Takes a fact in. What happens elsewhere after it was sent changes nothing of what is shown.
    pub(crate) fn apply(&mut self, fact: &Fact) -> Due {
        let was_sent = self.endings.is_sent();
        let ending = fact.ending();
        self.endings = self.endings.with(fact);
        self.updated_at = self.updated_at.max(fact.at());
        if let Fact::AttemptFinished { attempt, .. } = fact {
            self.attempts = self.attempts.max(*attempt);
        }
        if !was_sent || ending == Some(Ending::Sent) {
            self.show(fact);
        }
        match ending {
            Some(_) => Due::No,
            None => Due::Yes,
        }
    }

    fn show(&mut self, fact: &Fact) {
        match *fact {
            Fact::AttemptFinished { outcome, duration_ms, reason, answer, next, .. } => {
                self.status_code = match outcome {
                    Outcome::Answered(status) => status,
                    Outcome::Refused
                    | Outcome::NotConnected
                    | Outcome::TimedOut
                    | Outcome::Broken
                    | Outcome::NotAllowed => 0,
                };
                self.duration_ms = duration_ms;
                self.reason = reason.map_or(0, model::reason::Reason::code);
                self.answer = answer.or(match next {
                    Next::RetryAt(_) => None,
                    Next::End(_) => self.answer,
                });
            }
            Fact::DeliveryEnded { reason, .. } => self.reason = reason.map_or(0, model::reason::Reason::code),
            Fact::Reported { status, duration_ms, answer, .. } => {
                self.status_code = if status == 0 { self.status_code } else { status };
                self.duration_ms = duration_ms;
                self.answer = answer.or(self.answer);
            }
        }
    }
}

impl Row {
    /// When the event was received.
    pub(crate) fn received_at(&self) -> UnixMs {
        self.event.received_at()
    }
}

#[cfg(test)]
mod tests {
    use model::reason::Reason;
    use uuid::Uuid;

    use super::*;

    fn attempt(attempt: u32, outcome: Outcome, next: Next) -> Fact {
        Fact::AttemptFinished {
            event: EventId(Uuid::nil()),
            at: UnixMs(u64::from(attempt)),
            attempt,
            outcome,
            duration_ms: attempt,
            next,
            reason: None,
            place: None,
            answer: None,
        }
    }

    #[test]
    fn facts_add_up_and_twice_is_once() {
        let mut course = Course::default();
        let refused = attempt(1, Outcome::Refused, Next::RetryAt(UnixMs(5)));
        assert_eq!(course.apply(&refused), Due::Yes);
        assert_eq!((course.endings.status(1), course.status_code), (Status::Stalled, 0));
        let sent = attempt(2, Outcome::Answered(204), Next::End(Ending::Sent));
        assert_eq!(course.apply(&sent), Due::No);
        let once = course;
        course.apply(&sent);
        assert_eq!(course, once);
        assert_eq!((course.attempts, course.status_code, course.duration_ms), (2, 204, 2));
    }

    #[test]
    fn what_another_group_fails_at_does_not_hide_that_it_was_sent() {
        let mut course = Course::default();
        course.apply(&attempt(1, Outcome::Answered(200), Next::End(Ending::Sent)));
        course.apply(&attempt(3, Outcome::Answered(500), Next::End(Ending::Failed)));
        assert_eq!((course.endings.status(0), course.status_code, course.attempts), (Status::Sent, 200, 3));
    }

    #[test]
    fn an_ending_without_an_attempt_says_why() {
        let mut course = Course::default();
        let (event, at) = (EventId(Uuid::nil()), UnixMs(1));
        course.apply(&Fact::DeliveryEnded { event, at, ending: Ending::Rejected, reason: Some(Reason::Rules) });
        assert_eq!((course.endings.status(0), course.reason), (Status::Rejected, Reason::Rules.code()));
    }
}
