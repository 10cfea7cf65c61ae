//! Logs, what counts them, and what is done to them.

use std::collections::BTreeMap;

use model::answer::Answer;
use model::fact::AnswerRef;
use model::reason::Reason;
use model::request::{Header, Request};
use model::rules::{Reason as NotPassed, Verdict};
use model::{DeliveryId, EventId, GroupId, InputId, OutputId, UnixMs};
use serde_json::Value;

use super::{ACCOUNT, BUCKET, ID, NOW, OUTPUT, record, value};
use crate::logs::attempt::Attempt;
use crate::logs::count::{Balance, Span};
use crate::logs::row::{Course, Row};
use crate::logs::status::Status;
use crate::shape::canary::{Canaries, Canary};
use crate::shape::count::{Day, Histogram, Ledger, Usage};
use crate::shape::log::{Content, Log, Page, Taken, Tried};
use crate::shape::preview::{Judged, Preview};
use crate::shape::replay::Replay;
use crate::shape::report::Done;

pub(super) fn all() -> Vec<(&'static str, Vec<Value>)> {
    let empty = Taken { logs: None, has_more: false, next_cursor: String::new() };
    let taken = Taken { logs: Some(vec![listed(), bare()]), has_more: true, next_cursor: String::new() };
    vec![
        ("Log", vec![value(&listed().with_attempts(attempts())), value(&bare().with_attempts(Vec::new()))]),
        ("Logs", vec![value(&page())]),
        ("Events", vec![value(&taken), value(&empty)]),
        ("LogDone", vec![value(&Done { id: DeliveryId(ID), status: "resent" })]),
        ("Histogram", vec![value(&Histogram::new(&BTreeMap::from([(NOW.0, span())])))]),
        ("LogsStats", vec![value(&Day::new(NOW, &span()))]),
        ("Ledger", vec![value(&ledger())]),
        ("Usage", vec![value(&usage())]),
        ("Preview", vec![value(&preview())]),
        ("Replay", vec![value(&replay())]),
        ("Canaries", vec![value(&canaries()), value(&Canaries::new(60, Vec::new()))]),
    ]
}

fn canaries() -> Canaries {
    let returned = Row { status: Status::Sent, ..row() };
    Canaries::new(60, Canary::new(EventId(ID), NOW, &[returned]).into_iter().collect())
}

/// A log as a list has it.
fn listed() -> Log {
    let headers = vec![Header { name: "X-One".into(), value: "1".into() }];
    let request = Request {
        method: "POST".to_owned(),
        extra_path: "/extra".into(),
        query: Some("a=b".into()),
        headers: headers.clone(),
        peer: "192.0.2.1".to_owned(),
        ..Request::default()
    };
    let answer = Answer { status: 503, headers, body: "busy".into(), body_bytes: 4 };
    // What is no text has its body in Base64 too.
    let body = vec![0xff].into();
    let content = Content { request: Some(request), body, answer: Some(answer), answer_bytes_max: usize::MAX };
    let output = record::outputs().into_iter().next();
    Log::new(&row(), ACCOUNT, output.as_ref(), content)
}

/// A log of which there is little to say.
fn bare() -> Log {
    let row = Row { output: OutputId::NONE, origin: None, course: Course::default(), ..row() };
    Log::new(&row, ACCOUNT, None, Content::default())
}

fn row() -> Row {
    Row {
        id: DeliveryId(ID),
        bucket: BUCKET,
        event: EventId(ID),
        output: OUTPUT,
        input: InputId(ID),
        place: 1,
        ephemeral: false,
        method: "POST".to_owned(),
        body_bytes: 1,
        origin: Some(EventId(ID)),
        verdict: verify::Verdict::Verified,
        status: Status::Stalled,
        course: Course {
            attempts: 2,
            status_code: 503,
            duration_ms: 12,
            answer: Some(AnswerRef { sequence: 1, index: 0, body_bytes: 4 }),
            updated_at: NOW,
            ..Course::default()
        },
    }
}

fn attempts() -> Vec<Tried> {
    let first = Attempt {
        group: GroupId(ID),
        number: 1,
        at: NOW,
        duration_ms: 12,
        outcome: "not_connected".to_owned(),
        status_code: 0,
        reason: Reason::NoAddress.code(),
        next_at: Some(UnixMs(NOW.0 + 1000)),
    };
    let last = Attempt { number: 2, outcome: "answered".to_owned(), status_code: 503, next_at: None, ..first.clone() };
    [first, last].iter().map(|attempt| Tried::new(attempt, "laptop".to_owned())).collect()
}

fn page() -> Page {
    let data = vec![listed(), bare()];
    Page { data, total: 2, limit: 100, offset: 0, next_cursor: String::new(), truncated: false }
}

fn span() -> Span {
    let mut span = Span { retried: 1, retry_count: 2, retries_max: 2, answered_ms: 12, answered: 1, ..Span::default() };
    span.by_status[Status::Sent as usize] = 1;
    span
}

fn ledger() -> Ledger {
    let mut balance = Balance { received: 1, ..Balance::default() };
    balance.by_status[Status::Sent as usize] = 1;
    Ledger::new(BUCKET, &BTreeMap::from([(OUTPUT, balance), (OutputId::NONE, Balance::default())]))
}

fn usage() -> Usage {
    Usage {
        account_id: ACCOUNT,
        agents: 1,
        buckets: 1,
        inputs: 1,
        outputs: 1,
        tokens: 1,
        tunnels: 0,
        webhooks: 1,
        created_at: NOW.seconds(),
    }
}

fn preview() -> Preview {
    let judged = |verdict| Judged::new(EventId(ID), "POST".to_owned(), &verdict);
    Preview::new(vec![judged(Verdict::Pass), judged(Verdict::Reject(NotPassed::NotMatched))])
}

fn replay() -> Replay {
    Replay { id: ID, bucket: BUCKET, status: store::replay::Status::Running, matched: 2, done: 1, failed: 0 }
}
