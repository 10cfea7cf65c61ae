//! Tests of attempts from delivery to report, against a recording destination.

use bytes::Bytes;
use model::request::{Header, Request};
use model::{EventId, OutputId};
use outbound::tls::Tls;
use outbound::{Body, Resolver};
use proto::v1;
use recorder::{Answer, Recorder, ok};
use tokio::sync::{Semaphore, mpsc};
use uuid::Uuid;

use super::*;

struct Harness {
    worker: Arc<Worker>,
    reports: mpsc::UnboundedReceiver<Report>,
    tx: mpsc::UnboundedSender<Report>,
}

impl Harness {
    fn new(allow: &[&str]) -> Self {
        let allow = Allow::new(allow.iter().map(|rule| rule.parse().unwrap()).collect());
        let worker = Worker::new(Relayer::Http(
            Box::new(Client::new(Tls::new(b"http/1.1", Vec::new()), Resolver::system())),
            allow,
        ));
        let (tx, reports) = mpsc::unbounded_channel();
        Self { worker, reports, tx }
    }

    fn take(&self, delivery: Delivery) {
        let body = Body::whole(delivery.request.body.clone());
        let ticket = Ticket::new(delivery.number, self.tx.clone());
        let room = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        self.worker.take(Job { delivery: Box::new(delivery), body, ticket, room });
    }

    async fn report(&mut self) -> (u64, Option<Outcome>) {
        let report = self.reports.recv().await.unwrap();
        (report.number, report.ended.map(|ended| ended.outcome))
    }

    async fn outcome(&mut self, delivery: Delivery) -> Outcome {
        self.take(delivery);
        self.report().await.1.unwrap()
    }
}

fn delivery(number: u64, url: &str) -> Delivery {
    let line = |name: &'static str, value: &'static str| Header { name: name.into(), value: value.into() };
    Delivery {
        number,
        attempt: Attempt { event: EventId(Uuid::from_u128(number.into())), output: OutputId(Uuid::nil()), number: 1 },
        request: Request {
            method: "PUT".into(),
            extra_path: Bytes::from_static(b"/extra"),
            query: Some(Bytes::from_static(b"q=%20")),
            headers: vec![
                line("hoST", "public.example"),
                line("X-oDD", "1"),
                line("Connection", "x-gone"),
                line("X-Gone", "2"),
            ],
            body: Bytes::from_static(b"body"),
            body_bytes: 4,
            has_body: true,
            peer: "192.0.2.9".into(),
            tls: true,
            ..Request::default()
        },
        destination: v1::Destination {
            url: url.into(),
            timeout_ms: 10_000,
            tls_verification: true,
            ..Default::default()
        },
        answer_bytes_max: 0,
        trace: None,
    }
}

#[tokio::test]
async fn the_answer_is_reported_as_far_as_it_is_wanted() {
    let to = Recorder::start(|_| {
        Answer::Bytes(b"HTTP/1.1 201 Made\r\nX-Made: yes\r\nContent-Length: 6\r\n\r\nbanana".to_vec())
    })
    .await;
    let mut harness = Harness::new(&[]);
    for (number, wanted, expected) in [(1, 0, None), (2, 3, Some("ban")), (3, 100, Some("banana"))] {
        harness.take(Delivery { answer_bytes_max: wanted, ..delivery(number, &to.url()) });
        let ended = harness.reports.recv().await.unwrap().ended.unwrap();
        assert_eq!(ended.outcome, Outcome::Answered(201));
        let body = ended.answer.as_ref().map(|answer| answer.body.as_ref());
        assert_eq!(body, expected.map(str::as_bytes), "{wanted} wanted");
        assert!(ended.answer.is_none_or(|answer| answer.status == 201 && answer.body_bytes == 6));
    }
}

#[tokio::test]
async fn a_delivery_becomes_the_request_of_the_caller() {
    let mut to = Recorder::start(|_| ok()).await;
    let mut harness = Harness::new(&[]);
    let mut asked = delivery(7, &format!("{}/base?own=1", to.url()));
    asked.destination.headers = vec![v1::Header { name: "X-New".into(), value: "set".into() }];
    assert_eq!(harness.outcome(asked).await, Outcome::Answered(200));
    let recorded = to.next().await;
    let expected = format!(
        "PUT /base/extra?own=1&q=%20 HTTP/1.1\r\nHost: {}\r\nX-oDD: 1\r\nContent-Length: 4\r\nX-New: set\r\n\
         X-Forwarded-For: 192.0.2.9\r\nX-Forwarded-Host: public.example\r\nX-Forwarded-Proto: https\r\n\
         Relay-Event-Id: 00000000-0000-0000-0000-000000000007\r\nRelay-Attempt: 1\r\n\r\n",
        to.address
    );
    assert_eq!((recorded.head, &recorded.body[..]), (expected, &b"body"[..]));
}

#[tokio::test]
async fn what_the_owner_does_not_allow_is_never_connected_to() {
    let mut to = Recorder::start(|_| ok()).await;
    let mut harness = Harness::new(&["somewhere.else"]);
    assert_eq!(harness.outcome(delivery(1, &to.url())).await, Outcome::NotAllowed);
    let mut harness = Harness::new(&["10.0.0.0/8"]);
    assert_eq!(harness.outcome(delivery(1, &to.url())).await, Outcome::NotAllowed);
    let mut harness = Harness::new(&[]);
    assert_eq!(harness.outcome(delivery(1, "http://169.254.169.254/latest")).await, Outcome::NotAllowed);
    assert!(to.is_quiet());
    let mut harness = Harness::new(&["127.0.0.0/8"]);
    assert_eq!(harness.outcome(delivery(1, &to.url())).await, Outcome::Answered(200));
    to.next().await;
}

#[tokio::test]
async fn what_cannot_be_one_http_request_is_not_made() {
    let mut to = Recorder::start(|_| ok()).await;
    let mut harness = Harness::new(&[]);
    let good = delivery(1, &to.url());
    let mut bad = vec![delivery(1, "ftp://host/"), delivery(1, "not a url")];
    for change in [
        |d: &mut Delivery| d.request.method = "CONNECT".into(),
        |d: &mut Delivery| d.request.extra_path = Bytes::from_static(b"/../.."),
        |d: &mut Delivery| d.request.extra_path = Bytes::from_static(b"/a b"),
        |d: &mut Delivery| d.request.headers[1].value = Bytes::from_static(b"1\r\nX-Injected: 1"),
        |d: &mut Delivery| d.request.has_body = false,
        |d: &mut Delivery| {
            d.destination.headers = vec![v1::Header { name: Bytes::from_static(b"\xff"), value: Bytes::new() }];
        },
    ] {
        let mut delivery = good.clone();
        change(&mut delivery);
        bad.push(delivery);
    }
    for delivery in bad {
        assert_eq!(harness.outcome(delivery.clone()).await, Outcome::NotAllowed, "{delivery:?}");
    }
    assert!(to.is_quiet());
}

#[tokio::test]
async fn first_attempts_come_in_order_and_retries_do_not_wait() {
    let mut to = Recorder::start(|recorded| match recorded.head.contains("Relay-Attempt: 1") {
        true => Answer::Silence,
        false => ok(),
    })
    .await;
    let mut harness = Harness::new(&[]);
    for number in 1..=5 {
        harness.take(delivery(number, &to.url()));
    }
    let mut retry = delivery(6, &to.url());
    retry.attempt.number = 2;
    assert_eq!(harness.outcome(retry).await, Outcome::Answered(200), "while five hang before it");
    let mut firsts = Vec::new();
    while firsts.len() < 5 {
        let recorded = to.next().await;
        if recorded.head.contains("Relay-Attempt: 1") {
            let id = recorded.head.split("Relay-Event-Id: ").nth(1).unwrap();
            firsts.push(id[35..36].parse::<u64>().unwrap());
        }
    }
    assert_eq!(firsts, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn finishing_gives_up_what_waits_and_completes_what_is_under_way() {
    let mut to = Recorder::start(|_| Answer::Silence).await;
    let mut harness = Harness::new(&[]);
    harness.take(delivery(1, &to.url()));
    to.next().await;
    harness.take(delivery(2, &to.url()));
    let finishing = tokio::spawn({
        let worker = harness.worker.clone();
        async move { worker.finish(Duration::from_millis(50)).await }
    });
    assert_eq!(harness.report().await, (2, None), "it had not started");
    assert_eq!(harness.report().await, (1, None), "it took longer than the grace");
    finishing.await.unwrap();
    harness.take(delivery(3, &to.url()));
    assert_eq!(harness.report().await, (3, None), "nothing is taken any more");
    assert!(to.is_quiet());
}

#[tokio::test]
async fn jobs_of_a_lost_session_are_not_started() {
    let mut to = Recorder::start(|_| ok()).await;
    let mut harness = Harness::new(&[]);
    let lost = Harness { worker: harness.worker.clone(), ..Harness::new(&[]) };
    let tx = lost.tx.clone();
    drop(lost);
    let delivery_of_lost = delivery(1, &to.url());
    let room = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    let body = Body::whole(delivery_of_lost.request.body.clone());
    harness.worker.take(Job { delivery: Box::new(delivery_of_lost), body, ticket: Ticket::new(1, tx), room });
    assert_eq!(harness.outcome(delivery(2, &to.url())).await, Outcome::Answered(200));
    assert!(to.next().await.head.contains("000000000002"));
    assert!(to.is_quiet());
}
