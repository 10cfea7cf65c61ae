//! Tests of sessions against a dispatcher that says what it is told to say.

mod dispatcher;
mod web_socket;

use model::fact::Outcome;
use outbound::tls::Tls;
use outbound::{Client, Resolver};
use proto::v1::to_agent::Message;
use recorder::{Answer, Recorder, ok, status};
use tonic::{Code, Status};

use self::dispatcher::{Dispatcher, delivery};
use super::*;
use crate::allow::Allow;
use crate::server::Trust;
use crate::worker::Relayer;

/// An agent at work.
struct Agent {
    stop: Stop,
    health: Health,
    running: JoinHandle<Result<(), Error>>,
}

impl Agent {
    fn start(address: &str, buckets: &[&str]) -> Self {
        Self::with_room(address, buckets, ROOM_BYTES)
    }

    fn with_room(address: &str, buckets: &[&str], room_bytes: usize) -> Self {
        Self::with(address, Choice::Either, buckets, room_bytes)
    }

    fn with(address: &str, choice: Choice, buckets: &[&str], room_bytes: usize) -> Self {
        let server = Server::new(address, Trust::default()).unwrap();
        let credentials = Credentials::new("key".into(), "hush".to_owned().into());
        let buckets = buckets.iter().map(|name| (*name).to_owned()).collect();
        let subscription = Subscription { buckets, group: "blue".into(), credits: 4 };
        let client = Client::new(Tls::new(b"http/1.1", Vec::new()), Resolver::system());
        let worker = Worker::new(Relayer::Http(Box::new(client), Allow::default()));
        let (stop, health) = (Stop::new(), Health::default());
        let mut keeper = Keeper::new(server, choice, credentials, subscription, worker.clone(), health.clone());
        keeper.with.room = Arc::new(Semaphore::new(room_bytes));
        let running = tokio::spawn({
            let stop = stop.clone();
            async move {
                let finish = async {
                    stop.given().await;
                    worker.finish(Duration::from_secs(10)).await;
                };
                let sessions = async {
                    let result = keeper.run(&stop).await;
                    stop.give();
                    result
                };
                tokio::join!(sessions, finish).0
            }
        });
        Self { stop, health, running }
    }

    async fn stop(self) {
        self.stop.give();
        self.running.await.unwrap().unwrap();
    }

    async fn failure(self) -> Error {
        self.running.await.unwrap().unwrap_err()
    }
}

const BASIC: &str = "Basic a2V5Omh1c2g=";

#[tokio::test]
async fn a_webhook_goes_the_whole_way_and_its_outcome_comes_back() {
    let mut to = Recorder::start(|_| status(201)).await;
    let mut dispatcher = Dispatcher::start().await;
    let agent = Agent::start(&dispatcher.url(), &["orders"]);
    let mut session = dispatcher.accept().await;
    assert_eq!(session.authorization, BASIC);
    let hello = session.hello().await;
    assert_eq!(
        (hello.mode(), &hello.buckets[..], &*hello.group),
        (v1::Mode::Forward, &["orders".to_owned()][..], "blue")
    );
    assert_eq!((hello.credits, &*hello.agent_version), (4, env!("CARGO_PKG_VERSION")));
    assert!(!agent.health.is_open());
    session.welcome("token-1").await;
    session.say(Message::Delivery(delivery(1, &to.url(), b"hello"))).await;
    assert_eq!(session.outcome().await, (1, Outcome::Answered(201)));
    assert_eq!(to.next().await.body, b"hello");
    assert!(agent.health.is_open());
    let stopping = tokio::spawn(agent.stop());
    assert!(session.is_over().await);
    drop(session);
    stopping.await.unwrap();
}

#[tokio::test]
async fn a_body_in_pieces_arrives_whole_and_a_broken_one_never_does() {
    let mut to = Recorder::start(|_| ok()).await;
    let mut dispatcher = Dispatcher::start().await;
    let agent = Agent::start(&dispatcher.url(), &[]);
    let mut session = dispatcher.open("t").await;
    let whole: Vec<u8> = (0..3_000_000u32).map(|n| n.to_be_bytes()[3]).collect();
    let mut asked = delivery(1, &to.url(), &whole[..1_000_000]);
    asked.request.as_mut().unwrap().body_bytes = whole.len() as u64;
    session.say(Message::Delivery(asked.clone())).await;
    for piece in whole[1_000_000..].chunks(768 * 1024) {
        session.chunk(1, piece, false).await;
    }
    assert_eq!(session.outcome().await, (1, Outcome::Answered(200)));
    assert!(to.next().await.body == whole);
    let asked = v1::Delivery { number: 2, event_id: vec![2; 16].into(), ..asked };
    session.say(Message::Delivery(asked)).await;
    session.chunk(2, &whole[..10], false).await;
    session.chunk(2, b"", true).await;
    assert_eq!(session.outcome().await, (2, Outcome::Broken));
    assert!(to.is_quiet());
    drop(session);
    agent.stop().await;
}

#[tokio::test]
async fn the_session_token_opens_the_next_session_and_the_secret_the_one_after() {
    let mut dispatcher = Dispatcher::start().await;
    let agent = Agent::start(&dispatcher.url(), &[]);
    let session = dispatcher.open("token-1").await;
    session.say(Message::SessionToken(dispatcher::token("token-2"))).await;
    session.end(Status::unavailable("restarting")).await;
    let session = dispatcher.accept().await;
    assert_eq!(session.authorization, "Bearer token-2");
    session.end(Status::unauthenticated("expired")).await;
    let mut session = dispatcher.accept().await;
    assert_eq!(session.authorization, BASIC, "a refused token is not the end");
    session.hello().await;
    session.welcome("token-3").await;
    session.end(Status::unauthenticated("revoked")).await;
    let session = dispatcher.accept().await;
    assert_eq!(session.authorization, BASIC, "nor is a session that is ended so");
    session.end(Status::unauthenticated("revoked")).await;
    assert!(matches!(agent.failure().await, Error::Refused));
}

#[tokio::test]
async fn a_bucket_that_never_was_ends_the_agent_and_one_that_went_does_not() {
    let mut dispatcher = Dispatcher::start().await;
    let agent = Agent::start(&dispatcher.url(), &["nope"]);
    dispatcher.accept().await.end(Status::not_found("no bucket named nope")).await;
    let failure = agent.failure().await;
    assert!(matches!(&failure, Error::NotFound(text) if text == "no bucket named nope"), "{failure:?}");

    let agent = Agent::start(&dispatcher.url(), &["gone"]);
    dispatcher.open("t").await.end(Status::unavailable("restarting")).await;
    dispatcher.accept().await.end(Status::not_found("no bucket named gone")).await;
    drop(dispatcher.open("t").await);
    agent.stop().await;
}

#[tokio::test]
async fn anything_but_an_http_request_closes_the_session() {
    let mut dispatcher = Dispatcher::start().await;
    let agent = Agent::start(&dispatcher.url(), &[]);
    let mut session = dispatcher.open("t").await;
    session.say_unknown().await;
    assert!(session.is_over().await);
    let mut session = dispatcher.open("t").await;
    session.say(Message::Delivery(delivery(0, "http://127.0.0.1:1/", b""))).await;
    assert!(session.is_over().await, "nor is a delivery without a number");
    drop(dispatcher.open("t").await);
    agent.stop().await;
}

#[tokio::test]
async fn both_sides_show_that_they_live() {
    let mut dispatcher = Dispatcher::start().await;
    let agent = Agent::start(&dispatcher.url(), &[]);
    let mut session = dispatcher.open_lively().await;
    session.heartbeat().await;
    session.say(Message::Heartbeat(v1::Heartbeat {})).await;
    session.heartbeat().await;
    // Silence of two periods brings a new session.
    let mut next = dispatcher.open_lively().await;
    assert!(session.is_over().await);
    next.heartbeat().await;
    drop(next);
    agent.stop().await;
}

#[tokio::test]
async fn a_drained_session_is_finished_beside_its_successor() {
    let (release, held) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let to = slow_destination(release.clone(), held.clone()).await;
    let mut dispatcher = Dispatcher::start().await;
    let agent = Agent::start(&dispatcher.url(), &[]);
    let mut old = dispatcher.open("t").await;
    old.say(Message::Delivery(delivery(1, &to, b""))).await;
    held.acquire().await.unwrap().forget();
    old.say(Message::Drain(v1::Drain {})).await;
    let mut new = dispatcher.open("t").await;
    new.say(Message::Delivery(v1::Delivery { attempt: 2, ..delivery(1, &to, b"") })).await;
    held.acquire().await.unwrap().forget();
    release.add_permits(2);
    assert_eq!(old.outcome().await, (1, Outcome::Answered(200)));
    drop(old);
    assert_eq!(new.outcome().await, (1, Outcome::Answered(200)));
    drop(new);
    agent.stop().await;
}

#[tokio::test]
async fn stopping_reports_what_is_under_way_first() {
    let (release, held) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let to = slow_destination(release.clone(), held.clone()).await;
    let mut dispatcher = Dispatcher::start().await;
    let agent = Agent::start(&dispatcher.url(), &[]);
    let mut session = dispatcher.open("t").await;
    session.say(Message::Delivery(delivery(1, &to, b""))).await;
    held.acquire().await.unwrap().forget();
    let stopping = tokio::spawn(agent.stop());
    release.add_permits(1);
    assert_eq!(session.outcome().await, (1, Outcome::Answered(200)));
    assert!(session.is_over().await);
    drop(session);
    stopping.await.unwrap();
}

#[tokio::test]
async fn an_agent_that_stops_says_so_and_gives_back_what_it_has_not_begun() {
    let (release, held) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let to = slow_destination(release.clone(), held.clone()).await;
    let mut dispatcher = Dispatcher::start().await;
    let agent = Agent::with_room(&dispatcher.url(), &[], 1000);
    let mut session = dispatcher.accept().await;
    session.hello().await;
    session.welcome_to_leave().await;
    session.say(Message::Delivery(delivery(1, &to, &[0; 600]))).await;
    held.acquire().await.unwrap().forget();
    let of = |number: u8| v1::Delivery { event_id: vec![number; 16].into(), ..delivery(number.into(), &to, &[0; 600]) };
    // There is no room to begin it.
    session.say(Message::Delivery(of(2))).await;
    let stopping = tokio::spawn(agent.stop());
    // It may have come to the agent after the end.
    while session.given_back().await != [2] {}
    release.add_permits(1);
    assert_eq!(session.outcome().await, (1, Outcome::Answered(200)));
    assert!(session.is_over().await);
    drop(session);
    stopping.await.unwrap();
}

#[tokio::test]
async fn what_comes_to_an_agent_that_stops_is_given_back_at_once() {
    let (release, held) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let to = slow_destination(release.clone(), held.clone()).await;
    let mut dispatcher = Dispatcher::start().await;
    let agent = Agent::start(&dispatcher.url(), &[]);
    let mut session = dispatcher.accept().await;
    session.hello().await;
    session.welcome_to_leave().await;
    session.say(Message::Delivery(delivery(1, &to, b""))).await;
    held.acquire().await.unwrap().forget();
    let stopping = tokio::spawn(agent.stop());
    assert_eq!(session.given_back().await, Vec::<u64>::new(), "it takes no more");
    session.say(Message::Delivery(delivery(2, &to, b""))).await;
    assert_eq!(session.given_back().await, [2], "while the first is under way");
    release.add_permits(1);
    assert_eq!(session.outcome().await, (1, Outcome::Answered(200)));
    assert!(session.is_over().await);
    drop(session);
    stopping.await.unwrap();
}

#[tokio::test]
async fn what_a_lost_session_had_made_is_not_made_again() {
    let (release, held) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let slow = slow_destination(release.clone(), held.clone()).await;
    let mut quick = Recorder::start(|_| ok()).await;
    let mut dispatcher = Dispatcher::start().await;
    let agent = Agent::start(&dispatcher.url(), &[]);
    let mut session = dispatcher.open("t").await;
    let to_quick = v1::Delivery { event_id: vec![7; 16].into(), ..delivery(1, &quick.url(), b"") };
    let to_slow = v1::Delivery { number: 2, output_id: vec![8; 16].into(), ..delivery(1, &slow, b"") };
    session.say(Message::Delivery(to_quick.clone())).await;
    assert_eq!(session.outcome().await, (1, Outcome::Answered(200)));
    quick.next().await;
    session.say(Message::Delivery(to_slow.clone())).await;
    held.acquire().await.unwrap().forget();
    session.end(Status::unavailable("killed")).await;

    let mut session = dispatcher.open("t").await;
    // Deliveries are taken in turn: when the last is answered, the one before was taken.
    session.say(Message::Delivery(to_slow)).await;
    session.say(Message::Delivery(to_quick)).await;
    assert_eq!(session.outcome().await, (1, Outcome::Answered(200)), "answered from memory");
    release.add_permits(1);
    assert_eq!(session.outcome().await, (2, Outcome::Answered(200)), "joined");
    assert!(quick.is_quiet());
    assert_eq!(held.available_permits(), 0);
    drop(session);
    agent.stop().await;
}

#[tokio::test]
async fn what_a_drained_session_had_made_is_not_made_again_when_its_dispatcher_died_over_it() {
    let mut to = Recorder::start(|_| ok()).await;
    let mut dispatcher = Dispatcher::start().await;
    let agent = Agent::start(&dispatcher.url(), &[]);
    let mut old = dispatcher.open("t").await;
    let made = delivery(1, &to.url(), b"");
    old.say(Message::Delivery(made.clone())).await;
    assert_eq!(old.outcome().await, (1, Outcome::Answered(200)));
    to.next().await;
    old.say(Message::Drain(v1::Drain {})).await;
    let mut new = dispatcher.accept().await;
    old.end(Status::unavailable("killed")).await;
    // The new one is not open yet, so this says that the old one is over.
    while agent.health.is_open() {
        tokio::task::yield_now().await;
    }
    new.hello().await;
    new.welcome("t").await;
    new.say(Message::Delivery(made)).await;
    assert_eq!(new.outcome().await, (1, Outcome::Answered(200)), "answered from memory");
    assert!(to.is_quiet());
    drop(new);
    agent.stop().await;
}

#[tokio::test]
async fn an_agent_without_room_listens_no_further_and_lives() {
    let (release, held) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let slow = slow_destination(release.clone(), held.clone()).await;
    let mut quick = Recorder::start(|_| ok()).await;
    let mut dispatcher = Dispatcher::start().await;
    let agent = Agent::with_room(&dispatcher.url(), &[], 1000);
    let mut session = dispatcher.open_lively().await;
    session.say(Message::Delivery(delivery(1, &slow, &[0; 600]))).await;
    held.acquire().await.unwrap().forget();
    let behind = v1::Delivery {
        output_id: vec![8; 16].into(),
        event_id: vec![8; 16].into(),
        ..delivery(2, &quick.url(), &[0; 600])
    };
    session.say(Message::Delivery(behind)).await;
    // Longer than a silent dispatcher would be taken for alive.
    for _ in 0..3 {
        session.heartbeat().await;
    }
    assert!(quick.is_quiet());
    release.add_permits(1);
    let outcomes = [session.outcome().await, session.outcome().await];
    assert_eq!(outcomes, [(1, Outcome::Answered(200)), (2, Outcome::Answered(200))]);
    drop(session);
    agent.stop().await;
}

#[tokio::test]
async fn the_agent_waits_for_a_server_that_is_not_there_yet() {
    let address = Dispatcher::unused_address().await;
    let agent = Agent::start(&format!("http://{address}"), &[]);
    let mut dispatcher = Dispatcher::start_at(address).await;
    drop(dispatcher.open("t").await);
    agent.stop().await;
    let unsafe_agent = Agent::start("http://192.0.2.1:1", &[]);
    assert!(matches!(unsafe_agent.failure().await, Error::Unsafe(_)));
}

#[test]
fn codes_that_end_the_agent_are_few() {
    for code in [Code::Unavailable, Code::Internal, Code::PermissionDenied, Code::Unimplemented, Code::InvalidArgument]
    {
        assert!(matches!(OpenError::from(Status::new(code, "")), OpenError::Status(_)), "{code:?}");
    }
}

/// Says through `held` that a request has come, and answers it when `release` lets it.
async fn slow_destination(release: Arc<Semaphore>, held: Arc<Semaphore>) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let Answer::Bytes(answer) = ok() else { unreachable!() };
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (release, held, answer) = (release.clone(), held.clone(), answer.clone());
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                held.add_permits(1);
                release.acquire().await.unwrap().forget();
                stream.write_all(&answer).await.unwrap();
                // Closing before all was read would take the answer back.
                let _ = stream.read_to_end(&mut Vec::new()).await;
            });
        }
    });
    url
}
