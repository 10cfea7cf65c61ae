//! What the simulator does not play: clocks that are wrong.

use model::fact::Ending;
use model::{InputId, OutputId};
use uuid::{Timestamp, Uuid};

use super::*;
use crate::event::Meta;

const WINDOW: Duration = Duration::from_secs(600);

fn given_out(event: EventId, delivered: u64, times: i64) -> Message {
    Message {
        event,
        input: InputId(Uuid::nil()),
        meta: Meta::default(),
        payload: bytes::Bytes::new(),
        receipt: Receipt::from_subject("x".into()),
        delivered,
        times,
        place: 1,
        stored_at: UnixMs(0),
        pending: 0,
    }
}

#[test]
fn an_event_of_an_ingress_whose_clock_is_behind_is_not_sent_again() {
    let (now, instant) = (UnixMs(1_700_000_000_000), Instant::now());
    let an_hour_ago = Timestamp::from_unix(uuid::NoContext, now.seconds() - 3600, 0);
    let event = EventId(Uuid::new_v7(an_hour_ago));
    let peers = Peers::new(Uuid::nil(), false);
    let mut position = Position::new(OutputId(Uuid::from_u128(1)), WINDOW, peers, now, instant);
    let first = position.begins_at(None, now, now);
    position.reaches(first);
    position.came(&given_out(event, 1, 1), instant);
    assert!(matches!(position.sort(given_out(event, 1, 1)), Sorted::Due(_)));

    // Sent, and its acknowledgement was lost.
    let sent = Fact::DeliveryEnded { event, at: now, ending: Ending::Sent, reason: None };
    let now = now.plus(Duration::from_secs(60));
    assert_eq!(position.came(&given_out(event, 2, 2), instant), Reading::New);
    position.to_fold().1.apply(&sent);
    position.folded_new(1, now);
    assert!(matches!(position.sort(given_out(event, 2, 2)), Sorted::Over(_)));

    // It is not known for ever.
    position.folded_new(1, now.plus(WINDOW * 10));
    assert!(position.has_ended(event), "the consumer may have begun then");
    position.reaches(now.plus(WINDOW * 9));
    position.folded_new(1, now.plus(WINDOW * 10));
    assert!(position.progress().is_empty());
}
