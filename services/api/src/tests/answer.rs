//! Answers that show bodies, and readers who do not take them.

use axum::body::Body;
use axum::response::Response;
use http_body_util::BodyExt;
use model::record::{ApiAccess, Scopes};
use serde_json::json;
use tower::ServiceExt;

use super::house::{Client, House};
use super::log::Bench;
use crate::answer::ROOM_PER_ACCOUNT_BYTES;

/// Asks for a log and reads nothing of the answer's body.
async fn unread(client: &Client, path: &str) -> Response {
    let request = client.request("GET", path).body(Body::empty()).unwrap();
    client.router().oneshot(request).await.unwrap()
}

#[tokio::test]
async fn answers_that_nobody_reads_take_a_bounded_room_and_small_ones_go_on() {
    let house = House::new().await;
    let bench = Bench::new(&house).await;
    // Six bytes for each as JSON.
    let large = bench.receive(&"\u{1}".repeat(1_000_000)).await;
    let small = bench.receive("small").await;
    let mut held = Vec::new();
    let refused = loop {
        let response = unread(&bench.client, &bench.path(large)).await;
        if response.status() != 200 {
            break response;
        }
        held.push(response.into_body());
        assert!(held.len() * 6_000_000 <= ROOM_PER_ACCOUNT_BYTES, "more is held than there is room");
    };
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    assert_eq!(bench.client.get("/v1/events?bucket=demo").await.status, 503, "before anything is taken");
    assert_eq!(bench.log(small).await["body"], "small");
    let other = house.further(&bench.client, 2, Scopes::default(), ApiAccess::Enabled).await;
    let other = Bench::of(other, json!({})).await;
    let others = other.receive(&"\u{1}".repeat(1_000_000)).await;
    assert_eq!(other.log(others).await["body_bytes"], 1_000_000, "another account has its own part");

    let piece = held.pop().unwrap().frame().await.unwrap().unwrap();
    assert_eq!(bench.client.get(&bench.path(large)).await.status, 503, "a piece waits to be written");
    drop((piece, held));
    assert_eq!(bench.log(large).await["body_bytes"], 1_000_000);
    let polled = bench.client.get("/v1/events?bucket=demo").await.json(200);
    assert_eq!(polled["logs"].as_array().unwrap().len(), 2);
}
