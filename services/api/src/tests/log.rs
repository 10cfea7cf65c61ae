//! Logs as they are listed, read, and made anew.

use std::fs;
use std::path::Path;

use model::fact::{Ending, Fact, Next, Outcome};
use model::record::{ApiAccess, Scopes};
use model::request::{Header, Request};
use model::{BucketId, DeliveryId, EventId, GroupId, InputId, OutputId, UnixMs};
use serde_json::{Value, json};
use store::event::{Meta, Target};
use store::fact::CursorKey;
use uuid::Uuid;

use super::house::{Client, House, Seen, eventually};
use crate::limits::OUTPUTS_PER_BUCKET_MAX;

/// A bucket with one input and one output, and what a relay would do with its webhooks.
pub(super) struct Bench {
    pub(super) client: Client,
    pub(super) bucket: BucketId,
    pub(super) input: InputId,
    pub(super) output: OutputId,
}

impl Bench {
    pub(super) async fn new(house: &House) -> Self {
        Self::with(house, json!({})).await
    }

    pub(super) async fn with(house: &House, more: Value) -> Self {
        Self::of(house.client(1).await, more).await
    }

    pub(super) async fn of(client: Client, more: Value) -> Self {
        let mut bucket = json!({ "name": "demo" });
        bucket.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let made = client.post("/v1/buckets", bucket).await.json(201);
        let path = format!("/v1/buckets/{}/outputs", id(&made));
        let output = json!({ "name": "there", "destination": "http://localhost/there", "internal": true });
        let output = client.post(&path, output).await.json(201);
        Self {
            bucket: id(&made).parse().unwrap(),
            input: id(&made["inputs"][0]).parse().unwrap(),
            output: id(&output).parse().unwrap(),
            client,
        }
    }

    /// Appends a webhook with this body, and waits until there is a log of it.
    pub(super) async fn receive(&self, body: &str) -> EventId {
        self.receive_with(body, Meta::default(), Some(vec![self.output])).await
    }

    pub(super) async fn receive_with(&self, body: &str, meta: Meta, outputs: Option<Vec<OutputId>>) -> EventId {
        let ephemeral = self.client.store.directory().bucket(self.bucket).unwrap().record.ephemeral;
        let event = EventId(Uuid::now_v7());
        let method = if ephemeral { String::new() } else { "POST".to_owned() };
        let first = outputs.as_ref().and_then(|all| all.first().copied()).unwrap_or(OutputId::NONE);
        let meta = Meta { method, body_bytes: body.len() as u64, outputs, ..meta };
        let request = Request {
            method: "POST".to_owned(),
            headers: vec![Header { name: "X-One".into(), value: "1".into() }],
            query: Some("a=b".into()),
            extra_path: "/extra".into(),
            body: body.to_owned().into(),
            body_bytes: body.len() as u64,
            peer: "192.0.2.1".to_owned(),
            ..Request::default()
        };
        let to = Target::Bucket { bucket: self.bucket, ephemeral };
        self.client.store.events().append(to, event, self.input, &meta, &request).await.unwrap();
        let path = format!("/v1/logs/{}", DeliveryId::of(event, first));
        eventually("there is a log", async || self.client.get(&path).await.status == 200).await;
        event
    }

    /// Appends a fact of a group.
    pub(super) async fn happens(&self, group: u128, fact: Fact) {
        let group = GroupId(Uuid::from_u128(group));
        let key = CursorKey { bucket: self.bucket, output: self.output, group, ephemeral: false };
        self.client.store.facts().append(&key, &[fact]).await.unwrap();
    }

    /// Has this many further deliveries appear.
    pub(super) async fn more(&self, mut count: usize) {
        let before = self.list("").await.json(200)["total"].as_u64().unwrap();
        let total = before + count as u64;
        while count > 0 {
            let some = count.min(OUTPUTS_PER_BUCKET_MAX);
            let outputs = (0..some).map(|_| OutputId(Uuid::new_v4())).collect();
            let meta = Meta { outputs: Some(outputs), ..Meta::default() };
            let (event, to) = (EventId(Uuid::now_v7()), Target::Bucket { bucket: self.bucket, ephemeral: false });
            self.client.store.events().append(to, event, self.input, &meta, &Request::default()).await.unwrap();
            count -= some;
        }
        eventually("all are there", async || self.list("&limit=1").await.json(200)["total"] == total).await;
    }

    pub(super) async fn log(&self, event: EventId) -> Value {
        self.client.get(&self.path(event)).await.json(200)
    }

    pub(super) fn path(&self, event: EventId) -> String {
        format!("/v1/logs/{}", DeliveryId::of(event, self.output))
    }

    pub(super) async fn list(&self, query: &str) -> Seen {
        self.client.get(&format!("/v1/logs?bucket=demo{query}")).await
    }

    /// Waits until a log has this status.
    pub(super) async fn until(&self, event: EventId, status: &str) {
        eventually(status, async || self.log(event).await["status"] == status).await;
    }
}

pub(super) fn attempt(event: EventId, attempt: u32, outcome: Outcome, next: Next) -> Fact {
    let at = UnixMs::from(std::time::SystemTime::now());
    let (reason, place, answer) = (None, None, None);
    Fact::AttemptFinished { event, at, attempt, outcome, duration_ms: 12, next, reason, place, answer }
}

fn id(of: &Value) -> &str {
    of["id"].as_str().unwrap()
}

fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|log| log["event_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_log_shows_what_came_and_what_became_of_it() {
    let house = House::new().await;
    let bench = Bench::new(&house).await;
    let event = bench.receive("hello").await;
    let log = bench.log(event).await;
    for (field, value) in [
        ("status", json!("received")),
        ("ending", json!("pending")),
        ("method", json!("POST")),
        ("headers", json!({ "X-One": ["1"] })),
        ("raw_query", json!("a=b")),
        ("extra_path", json!("/extra")),
        ("body", json!("hello")),
        ("ip_address", json!("192.0.2.1")),
        ("internal", json!(true)),
        ("output_id", json!(bench.output)),
        ("input_id", json!(bench.input)),
        ("account_id", json!(Uuid::from_u128(1))),
        ("created_at", json!(event.received_at().seconds())),
        ("retries", json!(0)),
    ] {
        assert_eq!(log[field], value, "{field}");
    }
    assert!(log.get("body_base64").is_none());

    bench.happens(7, attempt(event, 1, Outcome::Refused, Next::RetryAt(UnixMs(1)))).await;
    bench.until(event, "stalled").await;
    bench.happens(8, attempt(event, 1, Outcome::Answered(500), Next::End(Ending::Failed))).await;
    bench.happens(7, attempt(event, 2, Outcome::Answered(201), Next::End(Ending::Sent))).await;
    bench.until(event, "sent").await;
    let log = bench.log(event).await;
    assert_eq!((&log["status_code"], &log["retries"], &log["duration_ms"]), (&json!(201), &json!(1), &json!(12)));
    let tried = |of: &Value| [&of["number"], &of["outcome"], &of["status_code"], &of["next_at"]].map(Value::clone);
    let tried: Vec<_> = log["attempts"].as_array().unwrap().iter().map(tried).collect();
    let answered = |number: u32, code: u16| [json!(number), json!("answered"), json!(code), json!(null)];
    let refused = [json!(1), json!("refused"), json!(0), json!("1970-01-01T00:00:00.001Z")];
    assert_eq!(tried, [refused, answered(1, 500), answered(2, 201)]);
    assert_eq!(log["attempts"][0]["group"], Uuid::from_u128(7).to_string(), "it has no record here");
    let path = format!("/v1/buckets/{}/logs/{}", bench.bucket, id(&log));
    assert_eq!(bench.client.get(&path).await.json(200), log);
}

#[tokio::test]
async fn pages_go_from_the_newest_to_the_oldest() {
    let house = House::new().await;
    let bench = Bench::new(&house).await;
    let mut events = Vec::new();
    for n in 0..5 {
        events.push(bench.receive(&n.to_string()).await.to_string());
    }
    events.reverse();
    let whole = bench.list("").await.json(200);
    assert_eq!(ids(&whole), events);
    assert_eq!((&whole["total"], &whole["next_cursor"], &whole["limit"]), (&json!(5), &json!(""), &json!(100)));
    eventually("all is read", async || bench.list("").await.json(200)["truncated"] == false).await;

    let first = bench.list("&limit=2").await.json(200);
    assert_eq!((ids(&first), &first["total"]), (events[..2].to_vec(), &json!(5)));
    let next = format!("&limit=2&cursor={}", first["next_cursor"].as_str().unwrap());
    assert_eq!(ids(&bench.list(&next).await.json(200)), events[2..4]);
    assert_eq!(ids(&bench.list("&limit=2&offset=3").await.json(200)), events[3..]);
    bench.list("&cursor=x").await.is(400, "cursor: is none that a page named");
    bench.list("&limit=x").await.is(400, "limit: must be a whole number");
    bench.client.get("/v1/logs").await.is(400, "bucket: is missing");
    bench.client.get("/v1/logs?bucket=other").await.is(404, "bucket not found");
    let other = house.client(2).await;
    other.get(&format!("/v1/logs?bucket={}", bench.bucket)).await.is(404, "bucket not found");
}

#[tokio::test]
async fn filters_leave_out_what_does_not_match() {
    let house = House::new().await;
    let bench = Bench::new(&house).await;
    let (sent, failed, waiting) = (bench.receive("1").await, bench.receive("2").await, bench.receive("3").await);
    bench.happens(7, attempt(sent, 1, Outcome::Answered(204), Next::End(Ending::Sent))).await;
    let ending = Ending::Expired;
    bench.happens(7, Fact::DeliveryEnded { event: failed, at: failed.received_at(), ending, reason: None }).await;
    bench.until(sent, "sent").await;
    bench.until(failed, "failed").await;
    let (moment, output, input) = (waiting.received_at(), bench.output, bench.input);
    let at = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(moment.0) * 1_000_000).unwrap();
    let at = at.format(&time::format_description::well_known::Rfc3339).unwrap();
    let none: &[EventId] = &[];
    for (query, expected) in [
        ("&status=sent".to_owned(), &[sent][..]),
        ("&status=failed".to_owned(), &[failed]),
        ("&status=expired".to_owned(), &[failed]),
        ("&status=received".to_owned(), &[waiting]),
        ("&status=preparing".to_owned(), none),
        ("&status_code=204".to_owned(), &[sent]),
        ("&method=post&limit=1".to_owned(), &[waiting]),
        ("&method=GET".to_owned(), none),
        (format!("&output={output}&input={input}&status=sent"), &[sent]),
        ("&output=there&status=sent".to_owned(), &[sent]),
        ("&from=2100-01-01".to_owned(), none),
        ("&to=2000-01-01".to_owned(), none),
        (format!("&from={at}&to={at}"), &[waiting]),
    ] {
        let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
        assert_eq!(ids(&bench.list(&query).await.json(200)), expected, "{query}");
    }
    bench.list("&status=lost").await.is(400, "status: is none that a log can have");
    bench.list("&output=other").await.is(404, "output not found");
    bench.list("&from=now").await.is(400, "from: must be a day such as 2026-01-31 or a time as in RFC 3339");
}

#[tokio::test]
async fn another_copy_has_the_same_logs_and_a_deleted_bucket_has_none() {
    let house = House::new().await;
    let bench = Bench::new(&house).await;
    let event = bench.receive("1").await;
    bench.happens(7, attempt(event, 1, Outcome::Answered(200), Next::End(Ending::Sent))).await;
    bench.until(event, "sent").await;
    let other = house.client(1).await;
    let path = bench.path(event);
    eventually("the other copy has it", async || {
        let seen = other.get(&path).await;
        seen.status == 200 && seen.json(200) == bench.log(event).await
    })
    .await;
    bench.client.delete(&format!("/v1/buckets/{}?force=true", bench.bucket)).await.json(200);
    bench.client.get(&path).await.is(404, "log not found");
}

#[tokio::test]
async fn a_log_of_an_ephemeral_bucket_shows_how_it_stands_and_nothing_else() {
    let house = House::new().await;
    let bench = Bench::with(&house, json!({ "ephemeral": true })).await;
    let event = bench.receive("secret").await;
    bench.happens(7, attempt(event, 1, Outcome::Answered(200), Next::End(Ending::Sent))).await;
    bench.until(event, "sent").await;
    let log = bench.log(event).await;
    assert_eq!((&log["ephemeral"], &log["body_bytes"], &log["status_code"]), (&json!(true), &json!(6), &json!(200)));
    for (field, empty) in [
        ("method", json!("")),
        ("headers", json!({})),
        ("raw_query", json!("")),
        ("body", json!("")),
        ("ip_address", json!("")),
    ] {
        assert_eq!(log[field], empty, "{field}");
    }
}

#[tokio::test]
async fn rules_are_tried_on_the_last_events() {
    let house = House::new().await;
    let bench = Bench::new(&house).await;
    for body in ["{\"a\": 1}", "{\"a\": 2}", "{\"a\": 1}"] {
        bench.receive(body).await;
    }
    let rules = format!("/v1/buckets/{}/outputs/{}/rules", bench.bucket, bench.output);
    let of = |value: &str| json!({ "match": { "type": "value", "value": value, "parameter": { "source": "payload", "name": "a" } } });
    let judged = bench.client.post(&format!("{rules}/preview"), of("1")).await.json(200);
    assert_eq!((&judged["passed"], &judged["rejected"]), (&json!(2), &json!(1)));
    let passes: Vec<_> = judged["events"].as_array().unwrap().iter().map(|event| event["passes"].clone()).collect();
    assert_eq!(passes, [true, false, true]);
    assert_eq!(judged["events"][1]["reason"], "not_matched");
    bench.client.put(&rules, of("2")).await.json(200);
    let own = bench.client.post(&format!("{rules}/preview?limit=2"), Value::Null).await.json(200);
    assert_eq!((&own["passed"], &own["rejected"]), (&json!(1), &json!(1)), "by the output's own, the last two");
}

#[tokio::test]
async fn a_body_that_is_no_text_is_shown_in_base64_too() {
    let house = House::new().await;
    let bench = Bench::new(&house).await;
    let event = EventId(Uuid::now_v7());
    let body = bytes::Bytes::from_static(&[0xff, 0xfe]);
    let meta = Meta { method: "PUT".to_owned(), body_bytes: 2, outputs: Some(vec![]), ..Meta::default() };
    let request = Request { body, body_bytes: 2, ..Request::default() };
    let to = Target::Bucket { bucket: bench.bucket, ephemeral: false };
    bench.client.store.events().append(to, event, bench.input, &meta, &request).await.unwrap();
    let path = format!("/v1/logs/{}", DeliveryId::of(event, OutputId::NONE));
    eventually("there is a log", async || bench.client.get(&path).await.status == 200).await;
    let log = bench.client.get(&path).await.json(200);
    assert_eq!((&log["body_base64"], &log["output_id"]), (&json!("//4="), &json!("")));
}

#[tokio::test]
async fn a_file_that_is_deleted_under_its_copy_or_damaged_is_made_anew() {
    let house = House::new().await;
    let bench = Bench::new(&house).await;
    bench.more(1500).await;
    let dir = tempfile::tempdir().unwrap();
    let (file, damaged) = (dir.path().join("logs.sqlite"), dir.path().join("damaged.sqlite"));
    let on = async |file: &Path| {
        let copy = house.stranger_with(Some(file.to_owned())).await;
        house.further(&copy, 1, Scopes::default(), ApiAccess::Enabled).await
    };
    let copy = on(&file).await;
    let has = async |copy: &Client, total: u64| {
        let page = copy.get("/v1/logs?bucket=demo&limit=1").await;
        page.status == 200 && page.json(200)["total"] == total
    };
    eventually("all are there", async || has(&copy, 1500).await).await;
    let whole = rusqlite::Connection::open(&file).unwrap();
    whole.execute("VACUUM INTO ?1", [damaged.to_str().unwrap()]).unwrap();
    drop(whole);

    for end in ["", "-wal", "-shm"] {
        // SQLite may have taken what is beside it away itself.
        let _ = fs::remove_file(format!("{}{end}", file.display()));
    }
    bench.receive("more").await;
    eventually("there is a file again", async || file.exists() && has(&copy, 1501).await).await;

    // All but the first page, which says that it is a database, and of which version.
    let mut bytes = fs::read(&damaged).unwrap();
    bytes[4096..].fill(0xa5);
    fs::write(&damaged, bytes).unwrap();
    let other = on(&damaged).await;
    eventually("the other has them all", async || has(&other, 1501).await).await;
}
