//! Workers that poll, and the counts of what became of everything.

use std::collections::BTreeSet;

use model::UnixMs;
use model::fact::{Ending, Fact, Next, Outcome};
use serde_json::{Value, json};

use super::house::{Client, House, eventually};
use super::log::{Bench, attempt};

/// Polls until there is nothing more.
async fn drain(worker: Client) -> Vec<String> {
    let mut taken = Vec::new();
    loop {
        let answer = worker.get("/v1/events?bucket=demo&limit=2&max_age=1h&cursor=").await.json(200);
        if answer["logs"].is_null() {
            return taken;
        }
        for log in answer["logs"].as_array().unwrap() {
            assert_eq!((&log["status"], &log["reason"]), (&json!("sent"), &json!("taken by polling")));
            taken.push(log["body"].as_str().unwrap().to_owned());
        }
    }
}

#[tokio::test]
async fn two_copies_hand_out_each_delivery_once() {
    let house = House::new().await;
    let bench = Bench::new(&house).await;
    let other = house.client(1).await;
    let mut last = None;
    for n in 0..30 {
        last = Some(bench.receive(&n.to_string()).await);
    }
    let last = bench.path(last.unwrap());
    eventually("the other copy has it", async || other.get(&last).await.status == 200).await;
    let (one, two) = tokio::join!(tokio::spawn(drain(bench.client.clone())), tokio::spawn(drain(other.clone())));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.len() + two.len(), 30);
    let all: BTreeSet<_> = one.iter().chain(&two).collect();
    assert_eq!(all.len(), 30);
    let ledger = bench.client.get("/v1/ledger?bucket=demo").await;
    eventually("all are sent", async || {
        bench.client.get("/v1/ledger?bucket=demo").await.json(200)[0]["outputs"][0]["sent"] == 30
    })
    .await;
    assert_eq!(ledger.status, 200);
}

#[tokio::test]
async fn what_was_sent_or_is_too_old_is_not_handed_out() {
    let house = House::new().await;
    let bench = Bench::new(&house).await;
    let (sent, waiting) = (bench.receive("sent").await, bench.receive("waiting").await);
    bench.happens(7, attempt(sent, 1, Outcome::Answered(200), Next::End(Ending::Sent))).await;
    bench.happens(7, attempt(waiting, 1, Outcome::Refused, Next::RetryAt(UnixMs(1)))).await;
    bench.until(sent, "sent").await;
    bench.until(waiting, "stalled").await;
    let none = json!({ "logs": null, "has_more": false, "next_cursor": "" });
    assert_eq!(bench.client.get("/v1/events?bucket=demo&max_age=0s").await.json(200), none);
    let taken = bench.client.get("/v1/events?bucket=demo&output=there").await.json(200);
    assert_eq!((&taken["logs"][0]["body"], &taken["has_more"]), (&json!("waiting"), &json!(false)));
    assert_eq!(bench.client.get("/v1/events?bucket=demo").await.json(200), none);
    bench
        .client
        .get("/v1/events?bucket=demo&max_age=x")
        .await
        .is(400, "max_age: must be a span of time such as 5m or 24h");
    bench.client.get("/v1/events?bucket=demo&output=x").await.is(404, "output not found");
}

#[tokio::test]
async fn a_delivery_without_an_event_unbalances_the_ledger() {
    let house = House::new().await;
    let bench = Bench::new(&house).await;
    let event = bench.receive("1").await;
    bench.happens(7, attempt(event, 1, Outcome::Answered(200), Next::End(Ending::Sent))).await;
    bench.until(event, "sent").await;
    let line = async || bench.client.get("/v1/ledger?bucket=demo").await.json(200)[0]["outputs"][0].clone();
    assert_eq!(line().await["balanced"], true);
    let never = model::EventId(uuid::Uuid::now_v7());
    bench.happens(7, attempt(never, 1, Outcome::Answered(200), Next::End(Ending::Sent))).await;
    eventually("it shows", async || line().await["sent"] == 2).await;
    let line = line().await;
    assert_eq!((&line["received"], &line["balanced"]), (&json!(1), &json!(false)));
}

#[tokio::test]
async fn counts_say_what_became_of_everything() {
    let house = House::new().await;
    let bench = Bench::new(&house).await;
    let mut events = Vec::new();
    for n in 0..5 {
        events.push(bench.receive(&n.to_string()).await);
    }
    let at = events[0].received_at();
    bench.happens(7, attempt(events[0], 2, Outcome::Answered(200), Next::End(Ending::Sent))).await;
    bench.happens(7, attempt(events[1], 3, Outcome::Answered(500), Next::End(Ending::Failed))).await;
    for (event, ending) in [(events[2], Ending::Rejected), (events[3], Ending::Expired)] {
        bench.happens(7, Fact::DeliveryEnded { event, at, ending, reason: None }).await;
    }
    bench.until(events[3], "failed").await;
    let line = json!({
        "output": bench.output, "received": 5, "sent": 1, "failed": 1, "rejected": 1, "expired": 1, "pending": 1,
        "balanced": true,
    });
    let ledger = bench.client.get("/v1/ledger?bucket=demo").await.json(200);
    assert_eq!(ledger, json!([{ "bucket": bench.bucket, "outputs": [line] }]));

    let days = bench.client.get(&format!("/v1/logs-stats?bucketId={}", bench.bucket)).await.json(200);
    let sum = |field: &str| days.as_array().unwrap().iter().map(|day| day[field].as_u64().unwrap()).sum::<u64>();
    let fields = ["received", "success", "failures", "retried", "retry_count"];
    assert_eq!(fields.map(sum), [5, 1, 2, 2, 3], "{days}");
    let minutes =
        bench.client.get(&format!("/v1/logs/histogram?bucket_id={}&status=failed", bench.bucket)).await.json(200);
    let totals = minutes["buckets"].as_array().unwrap().iter().map(|minute| minute["total"].as_u64().unwrap());
    assert_eq!((totals.sum::<u64>(), &minutes["resolution"]), (2, &json!("1m")), "{minutes}");
    bench
        .client
        .get("/v1/logs/histogram?from=2000-01-01")
        .await
        .is(400, "from: lies more than 11520 minutes or days before the end");

    let usage = bench.client.get("/v1/usage").await.json(200);
    assert_eq!((&usage["webhooks"], &usage["buckets"], &usage["outputs"]), (&json!(5), &json!(1), &json!(1)));
    let path = format!("/v1/usages/{}", usage["account_id"].as_str().unwrap());
    assert_eq!(bench.client.get(&path).await.json(200), usage);
    let other: Value = house.client(2).await.get("/v1/ledger").await.json(200);
    assert_eq!(other, json!([]));
}
