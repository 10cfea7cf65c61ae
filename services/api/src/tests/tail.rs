//! Listeners to the live tail.

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use model::EventId;
use model::fact::{Ending, Next, Outcome};
use model::record::{ApiAccess, Scopes};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::house::{Client, House};
use super::log::{Bench, attempt};
use crate::logs::CHANGES_MAX;

struct Listener {
    body: Body,
    read: String,
}

/// One event of the stream.
#[derive(Debug)]
struct Heard {
    name: String,
    id: String,
    data: Value,
}

impl Listener {
    async fn new(client: &Client, last: Option<&str>) -> Self {
        let mut request = client.request("GET", "/v1/logs/stream?bucket=demo");
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let request: Request<Body> = request.body(Body::empty()).unwrap();
        let response = client.router().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body(), read: String::new() }
    }

    /// The next event; `None` when the stream is over. Comments are passed over.
    async fn next(&mut self) -> Option<Heard> {
        loop {
            while let Some((one, rest)) = self.read.split_once("\n\n") {
                let field = |name: &str| {
                    let mut lines = one.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                    lines.next().unwrap_or_default().to_owned()
                };
                let (name, id, data) = (field("event"), field("id"), field("data"));
                self.read = rest.to_owned();
                if !data.is_empty() {
                    return Some(Heard { name, id, data: serde_json::from_str(&data).unwrap() });
                }
            }
            let data = self.body.frame().await?.unwrap().into_data().unwrap();
            self.read.push_str(std::str::from_utf8(&data).unwrap());
        }
    }
}

#[tokio::test]
async fn a_listener_hears_what_changes_and_goes_on_where_it_was() {
    let house = House::new().await;
    let bench = Bench::new(&house).await;
    let mut listener = Listener::new(&bench.client, None).await;
    let event = bench.receive("1").await;
    let first = listener.next().await.unwrap();
    assert_eq!((&first.data["body"], &first.data["status"]), (&"1".into(), &"received".into()));
    bench.happens(7, attempt(event, 1, Outcome::Answered(200), Next::End(Ending::Sent))).await;
    assert_eq!(listener.next().await.unwrap().data["status"], "sent");
    drop(listener);

    let second = bench.receive("2").await;
    let mut again = Listener::new(&bench.client, Some(&first.id)).await;
    let bodies = [again.next().await.unwrap().data, again.next().await.unwrap().data];
    assert_eq!(bodies.map(|log| log["event_id"].clone()), [event.to_string(), second.to_string()]);
    let third = bench.receive("3").await;
    assert_eq!(again.next().await.unwrap().data["event_id"], third.to_string());
}

#[tokio::test]
async fn a_listener_whose_token_or_bucket_is_gone_hears_nothing_more() {
    let house = House::new().await;
    let bench = Bench::new(&house).await;
    let listen = async || {
        let made = bench.client.post("/v1/tokens", Value::Null).await.json(201);
        let (key, secret) = (made["key"].as_str().unwrap(), made["secret"].as_str().unwrap());
        (format!("/v1/tokens/{key}"), Listener::new(&bench.client.with(key, secret), None).await)
    };
    for change in [
        json!({ "active": false }),
        json!({ "api_access": "disabled" }),
        json!({ "scopes": { "buckets": ["other"], "tunnels": [] } }),
    ] {
        let (token, mut listener) = listen().await;
        bench.client.put(&token, change.clone()).await.json(200);
        bench.receive("after").await;
        assert!(listener.next().await.is_none(), "{change}");
    }
    let (token, mut listener) = listen().await;
    bench.client.delete(&token).await.json(200);
    assert!(listener.next().await.is_none(), "it ends although nothing comes");
    let (_, mut listener) = listen().await;
    bench.client.delete(&format!("/v1/buckets/{}?force=true", bench.bucket)).await.json(200);
    assert!(listener.next().await.is_none());
}

#[tokio::test]
async fn a_listener_is_not_ended_by_what_happens_to_others() {
    let house = House::new().await;
    let bench = Bench::new(&house).await;
    let other = house.further(&bench.client, 2, Scopes::default(), ApiAccess::Enabled).await;
    let other = Bench::of(other, json!({})).await;
    let mut listener = Listener::new(&bench.client, None).await;
    let mut hears = async |event: EventId| {
        let heard = listener.next().await.unwrap();
        assert_eq!((heard.name.as_str(), heard.data["event_id"].as_str()), ("", Some(event.to_string().as_str())));
    };
    let first = bench.receive("first").await;
    other.more(CHANGES_MAX + 1).await;
    hears(first).await;
    let second = bench.receive("second").await;
    hears(second).await;
    other.more(CHANGES_MAX + 1).await;
    let third = bench.receive("third").await;
    hears(third).await;
}

#[tokio::test]
async fn what_a_listener_looked_back_for_is_told_once() {
    let house = House::new().await;
    let bench = Bench::new(&house).await;
    let other = house.further(&bench.client, 2, Scopes::default(), ApiAccess::Enabled).await;
    let other = Bench::of(other, json!({})).await;
    let mut listener = Listener::new(&bench.client, None).await;
    let (first, second) = (bench.receive("first").await, bench.receive("second").await);
    // It has missed the first alone, and could still hear of the second.
    other.more(CHANGES_MAX - 1).await;
    for event in [first, second] {
        assert_eq!(listener.next().await.unwrap().data["event_id"], event.to_string());
    }
    let (heard, third) = tokio::join!(listener.next(), bench.receive("third"));
    assert_eq!(heard.unwrap().data["event_id"], third.to_string());
}

#[tokio::test]
async fn a_listener_that_does_not_read_is_told_so_and_dropped() {
    let house = House::new().await;
    let bench = Bench::new(&house).await;
    let mut listener = Listener::new(&bench.client, None).await;
    bench.more(CHANGES_MAX + 1).await;
    // Once this one is there, the listener was told of those before it.
    bench.receive("after").await;
    let heard = listener.next().await.unwrap();
    assert_eq!((heard.name.as_str(), heard.id.as_str()), ("dropped", ""));
    assert!(listener.next().await.is_none());
}
