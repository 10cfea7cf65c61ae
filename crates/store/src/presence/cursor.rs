//! How cursors stand, as the dispatchers say.

use std::collections::HashMap;

use model::{AccountId, BucketId, GroupId, OutputId, UnixMs};
use serde::{Deserialize, Serialize};

/// Which cursor: of a group, on an output, in a bucket. The bucket says which, where it has no output.
pub type Place = (BucketId, OutputId, GroupId);

/// How a cursor stands, as one dispatcher sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CursorSeen {
    /// Whose it is.
    pub account: AccountId,
    /// The bucket.
    pub bucket: BucketId,
    /// The output.
    pub output: OutputId,
    /// The group.
    pub group: GroupId,
    /// How many sessions take part here; none when nobody works with the cursor.
    #[serde(default)]
    pub sessions: u32,
    /// How many deliveries wait, in the stream and at hand.
    pub waiting: u64,
    /// How many of those are at hand: another dispatcher that works with the cursor has others.
    #[serde(default)]
    pub at_hand: u64,
    /// When the oldest of those that are known one by one was received.
    pub oldest_at: Option<UnixMs>,
    /// When the last delivery ended as sent, as far as is known.
    pub last_sent_at: Option<UnixMs>,
    /// How many attempts in a row have failed.
    pub failures: u32,
    /// Whether its circuit is open.
    pub is_open: bool,
}

impl CursorSeen {
    /// Which cursor it is.
    pub fn place(&self) -> Place {
        (self.bucket, self.output, self.group)
    }

    /// The same with what another dispatcher says of the cursor. Who works with it knows better than
    /// who only looked at it.
    fn and(self, other: &Self) -> Self {
        match (self.sessions, other.sessions) {
            (0, 1..) => return other.clone(),
            (1.., 0) => return self,
            (0, 0) | (1.., 1..) => {}
        }
        let in_stream =
            (self.waiting - self.at_hand.min(self.waiting)).max(other.waiting.saturating_sub(other.at_hand));
        let at_hand = self.at_hand + other.at_hand;
        Self {
            sessions: self.sessions + other.sessions,
            waiting: in_stream + at_hand,
            at_hand,
            oldest_at: [self.oldest_at, other.oldest_at].into_iter().flatten().min(),
            last_sent_at: self.last_sent_at.max(other.last_sent_at),
            failures: self.failures.max(other.failures),
            is_open: self.is_open || other.is_open,
            ..self
        }
    }
}

/// Brings what several dispatchers say together.
pub(super) fn together<'a>(all: impl Iterator<Item = &'a CursorSeen>) -> HashMap<Place, CursorSeen> {
    let mut cursors = HashMap::new();
    for seen in all {
        let seen = match cursors.remove(&seen.place()) {
            Some(before) => CursorSeen::and(before, seen),
            None => seen.clone(),
        };
        cursors.insert(seen.place(), seen);
    }
    cursors
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn seen(sessions: u32, in_stream: u64, at_hand: u64) -> CursorSeen {
        CursorSeen {
            account: AccountId(Uuid::from_u128(1)),
            bucket: BucketId(Uuid::from_u128(2)),
            output: OutputId(Uuid::from_u128(3)),
            group: GroupId(Uuid::from_u128(4)),
            sessions,
            waiting: in_stream + at_hand,
            at_hand,
            oldest_at: None,
            last_sent_at: None,
            failures: 0,
            is_open: false,
        }
    }

    fn both(one: CursorSeen, other: CursorSeen) -> CursorSeen {
        let mut cursors = together([&one, &other].into_iter());
        assert_eq!(cursors.len(), 1);
        cursors.remove(&one.place()).unwrap()
    }

    #[test]
    fn what_two_dispatchers_have_at_hand_is_added_and_what_the_stream_has_is_not() {
        let one = CursorSeen { oldest_at: Some(UnixMs(5)), last_sent_at: Some(UnixMs(3)), ..seen(1, 100, 7) };
        let other = CursorSeen { last_sent_at: Some(UnixMs(4)), failures: 2, is_open: true, ..seen(2, 90, 5) };
        let expected = CursorSeen {
            oldest_at: Some(UnixMs(5)),
            last_sent_at: Some(UnixMs(4)),
            failures: 2,
            is_open: true,
            ..seen(3, 100, 12)
        };
        assert_eq!(both(one.clone(), other.clone()), expected);
        assert_eq!(both(other, one), expected);
    }

    #[test]
    fn who_works_with_a_cursor_knows_better_than_who_looked_at_it() {
        let (works, looked) = (seen(1, 0, 2), seen(0, 50, 0));
        assert_eq!(both(works.clone(), looked.clone()), works);
        assert_eq!(both(looked, works.clone()), works);
    }

    #[test]
    fn buckets_without_outputs_have_cursors_of_their_own() {
        let one = CursorSeen { output: OutputId::NONE, ..seen(1, 1, 0) };
        let other = CursorSeen { bucket: BucketId(Uuid::from_u128(9)), ..one.clone() };
        assert_eq!(together([&one, &other].into_iter()).len(), 2);
    }

    #[test]
    fn what_an_earlier_version_said_is_read() {
        let mut json = serde_json::to_value(seen(0, 4, 0)).unwrap();
        let fields = json.as_object_mut().unwrap();
        fields.remove("sessions");
        fields.remove("at_hand");
        assert_eq!(serde_json::from_value::<CursorSeen>(json).unwrap(), seen(0, 4, 0));
    }
}
