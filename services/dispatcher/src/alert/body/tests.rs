//! Tests of what is posted.

use model::fact::Outcome;
use model::reason::Reason;
use model::{AccountId, EventId, GroupId, UnixMs};
use serde_json::{Value, json};
use store::fact::CursorKey;
use uuid::Uuid;

use super::*;

fn trouble(output: OutputId, what: What) -> Trouble {
    let key = CursorKey { bucket: BucketId(Uuid::from_u128(1)), output, group: GroupId::PUBLIC, ephemeral: false };
    Trouble { key, at: UnixMs(100_000), what }
}

fn named(output: &str) -> Named {
    Named { account: AccountId(Uuid::nil()), bucket: "deploys".into(), output: output.into(), group: "blue".into() }
}

fn text(what: What) -> String {
    let body = of(Plugin::Slack, &trouble(OutputId(Uuid::from_u128(2)), what), &named("ci"), 0);
    let json: Value = serde_json::from_str(&body).unwrap();
    json["text"].as_str().unwrap().to_owned()
}

#[test]
fn a_webhook_says_what_and_where() {
    let event = EventId(Uuid::from_u128(3));
    let output = OutputId(Uuid::from_u128(2));
    let failed = What::Failed { event, outcome: Some(Outcome::Answered(503)), reason: None, attempts: 3 };
    let body = of(Plugin::Webhook, &trouble(output, failed), &named("ci"), 7);
    let expected = json!({
        "event": "forwarding.delivery.error",
        "message": "A delivery to output \"ci\" of bucket \"deploys\" has failed: the destination answered 503 (3 attempts).",
        "bucket": { "id": Uuid::from_u128(1), "name": "deploys" },
        "output": { "id": output, "name": "ci" },
        "group": "blue",
        "log_id": DeliveryId::of(event, output),
        "attempts": 3,
        "repeated": 7,
        "created_at": 100,
    });
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
}

#[test]
fn a_bucket_without_outputs_is_named_alone() {
    let lag = What::Lag { waiting: 4, oldest_at: UnixMs(40_000), is_served: false };
    let body = of(Plugin::Webhook, &trouble(OutputId::NONE, lag), &named(""), 0);
    let json: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(json["message"], "4 deliveries wait at bucket \"deploys\", the oldest for 60 s. Nobody is connected.");
    assert_eq!((&json["output"], &json["log_id"]), (&Value::Null, &Value::Null));
    assert_eq!((&json["waiting"], &json["oldest_at"]), (&json!(4), &json!(40)));
}

#[test]
fn every_trouble_is_a_line_of_text() {
    let event = EventId(Uuid::from_u128(3));
    let line = text(What::Failed { event, outcome: None, reason: Some(Reason::Private), attempts: 1 });
    assert!(line.ends_with("has failed: the destination is a private address (1 attempt)."), "{line}");
    assert!(text(What::Expired { event, count: 1 }).contains("A delivery to output"));
    assert!(text(What::Expired { event, count: 12 }).contains("12 deliveries to output"));
    assert!(text(What::CircuitOpen { failures: 5 }).starts_with("forwarding.circuit.open: 5 attempts in a row"));
    assert!(text(What::Paused { failures: 50 }).starts_with("forwarding.output.paused: "));
    assert!(!text(What::Lag { waiting: 1, oldest_at: UnixMs(1), is_served: true }).contains("Nobody"));
}

#[test]
fn markup_in_names_is_text_and_what_was_not_told_is_counted() {
    let output = OutputId(Uuid::from_u128(2));
    let body = of(Plugin::Slack, &trouble(output, What::CircuitOpen { failures: 5 }), &named("<!here> & <a|b>"), 3);
    assert!(body.contains("&lt;!here&gt; &amp; &lt;a|b&gt;") && !body.contains('<'), "{body}");
    assert!(body.contains("(and 3 more since the last alert)"), "{body}");
}
