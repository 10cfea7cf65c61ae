//! Tests of what may be said in a session.

use super::*;

fn to_agent(message: Message) -> v1::ToAgent {
    v1::ToAgent { message: Some(message) }
}

fn welcome() -> v1::ToAgent {
    to_agent(Message::Welcome(v1::Welcome { heartbeat_ms: 15_000, ..Default::default() }))
}

fn delivery(number: u64, body: &'static [u8], body_bytes: u64) -> v1::Delivery {
    v1::Delivery {
        answer_bytes_max: 0,
        traceparent: String::new(),
        number,
        event_id: Bytes::from_static(&[1; 16]),
        output_id: Bytes::from_static(&[2; 16]),
        attempt: 1,
        request: Some(v1::Request { body: Bytes::from_static(body), body_bytes, ..Default::default() }),
        destination: Some(v1::Destination::default()),
    }
}

fn deliver(number: u64) -> v1::ToAgent {
    to_agent(Message::Delivery(delivery(number, b"", 0)))
}

fn chunk(number: u64, data: &'static [u8], broken: bool) -> v1::ToAgent {
    to_agent(Message::BodyChunk(v1::BodyChunk { number, data: Bytes::from_static(data), broken }))
}

struct Session(State);

impl Session {
    fn open(credits: u32) -> Self {
        let mut session = Self(State::new(credits, Instant::now()));
        assert!(matches!(session.say(welcome()), Ok(Step::Opened(_))));
        session
    }

    fn say(&mut self, message: v1::ToAgent) -> Result<Step, Violation> {
        self.0.receive(message, Instant::now())
    }

    fn refuses(&mut self, message: v1::ToAgent, expected: Violation) {
        assert_eq!(self.say(message).unwrap_err(), expected);
    }
}

#[test]
fn welcome_comes_first_and_once() {
    for message in [deliver(1), chunk(1, b"", false), to_agent(Message::Drain(v1::Drain {}))] {
        let mut session = Session(State::new(1, Instant::now()));
        session.refuses(message, Violation::NoWelcome);
    }
    Session::open(1).refuses(welcome(), Violation::SecondWelcome);
}

#[test]
fn a_message_of_an_unknown_kind_is_no_http_request() {
    Session::open(1).refuses(v1::ToAgent { message: None }, Violation::UnknownMessage);
    // A kind that a later protocol might have: field 100, an empty message.
    let unknown = <v1::ToAgent as prost::Message>::decode(&[0xa2, 0x06, 0x00][..]).unwrap();
    Session::open(1).refuses(unknown, Violation::UnknownMessage);
}

#[test]
fn credits_bound_what_is_under_way_and_outcomes_give_them_back() {
    let mut session = Session::open(2);
    assert!(matches!(session.say(deliver(1)), Ok(Step::Deliver(_))));
    assert!(matches!(session.say(deliver(2)), Ok(Step::Deliver(_))));
    assert!(!session.0.is_idle());
    assert!(session.0.finished(1));
    assert!(!session.0.finished(1), "an outcome is reported once");
    assert!(matches!(session.say(deliver(3)), Ok(Step::Deliver(_))));
    session.refuses(deliver(4), Violation::Credits);
}

#[test]
fn every_delivery_under_way_has_a_number_of_its_own() {
    Session::open(9).refuses(deliver(0), Violation::Number);
    let mut session = Session::open(9);
    for number in [3, 1, 2] {
        session.say(deliver(number)).unwrap();
    }
    session.refuses(deliver(1), Violation::Number);
}

#[test]
fn a_delivery_has_all_its_parts() {
    let whole = delivery(1, b"abc", 3);
    for broken in [
        v1::Delivery { event_id: Bytes::from_static(b"short"), ..whole.clone() },
        v1::Delivery { output_id: Bytes::new(), ..whole.clone() },
        v1::Delivery { attempt: 0, ..whole.clone() },
        v1::Delivery { request: None, ..whole.clone() },
        v1::Delivery { destination: None, ..whole.clone() },
        delivery(1, b"abc", 2),
    ] {
        Session::open(1).refuses(to_agent(Message::Delivery(broken)), Violation::Delivery);
    }
    assert!(matches!(Session::open(1).say(to_agent(Message::Delivery(whole))), Ok(Step::Deliver(_))));
}

#[test]
fn pieces_fill_exactly_what_was_announced() {
    let mut session = Session::open(1);
    session.say(to_agent(Message::Delivery(delivery(1, b"a", 4)))).unwrap();
    assert!(matches!(session.say(chunk(1, b"bc", false)), Ok(Step::Piece { number: 1, is_last: false, .. })));
    assert!(matches!(session.say(chunk(1, b"d", false)), Ok(Step::Piece { number: 1, is_last: true, .. })));
    session.refuses(chunk(1, b"e", false), Violation::Piece);
    session.refuses(chunk(2, b"", false), Violation::Piece);
    session.refuses(chunk(0, b"", false), Violation::Piece);
}

#[test]
fn pieces_of_an_attempt_that_has_ended_are_ignored() {
    let mut session = Session::open(1);
    session.say(to_agent(Message::Delivery(delivery(1, b"a", 4)))).unwrap();
    assert!(matches!(session.say(chunk(1, b"", true)), Ok(Step::GiveUp { number: 1 })));
    session.0.finished(1);
    assert!(matches!(session.say(chunk(1, b"bcd", false)), Ok(Step::Nothing)));
    assert!(matches!(session.say(chunk(1, b"", true)), Ok(Step::Nothing)));
}

#[test]
fn a_dispatcher_that_is_silent_for_two_periods_is_dead() {
    let start = Instant::now();
    let mut state = State::new(1, start);
    assert_eq!((state.heartbeat(), state.dead_at()), (None, None));
    state.receive(welcome(), start).unwrap();
    assert_eq!(state.dead_at(), Some(start + Duration::from_secs(30)));
    let later = start + Duration::from_secs(20);
    let step = state.receive(to_agent(Message::Heartbeat(v1::Heartbeat {})), later);
    assert!(matches!(step, Ok(Step::Nothing)));
    assert_eq!(state.dead_at(), Some(later + Duration::from_secs(30)));
}

#[test]
fn absurd_periods_are_bounded() {
    for (said, taken) in [(0, HEARTBEAT_MIN), (u32::MAX, HEARTBEAT_MAX)] {
        let mut state = State::new(1, Instant::now());
        let welcome = v1::Welcome { heartbeat_ms: said, ..Default::default() };
        state.receive(to_agent(Message::Welcome(welcome)), Instant::now()).unwrap();
        assert_eq!(state.heartbeat(), Some(taken));
    }
}
