//! The policy of an output, said and shown.

use model::record::OrderKey;
use model::{AccountId, BucketId, OutputId, UnixMs};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;

fn output() -> Output {
    let (id, account, bucket) = (OutputId(Uuid::nil()), AccountId(Uuid::nil()), BucketId(Uuid::nil()));
    Output::new(id, account, bucket, "o".to_owned(), "http://x".to_owned(), UnixMs(0))
}

fn after(before: &Output, said: Value) -> Result<Output, Error> {
    let mut output = before.clone();
    Change::read(&Fields::parse(said.to_string().as_bytes())?)?.apply(&mut output)?;
    Ok(output)
}

#[test]
fn what_is_said_is_kept_shown_and_merged() {
    let durability = json!({
        "enabled": true, "schedule": "custom", "custom_delays": [1_000_000_000, 2], "deadline": 3, "handoff_after": 4,
    });
    let throttle = json!({
        "enabled": true, "mode": "concurrency", "rate": 0, "interval": "minute", "max_concurrent": 2,
        "max_queue_depth": 5, "deadline": 6,
    });
    let one = after(&output(), json!({ "durability": durability, "throttle": throttle })).unwrap();
    assert_eq!(serde_json::to_value(Durability::new(&one.durability)).unwrap(), durability);
    assert_eq!(serde_json::to_value(Throttle::new(&one.throttle)).unwrap(), throttle);
    let two = after(&one, json!({ "durability": { "enabled": false }, "throttle": { "max_concurrent": 9 } })).unwrap();
    assert_eq!(two.durability, DurabilityRecord { enabled: false, ..one.durability.clone() });
    assert_eq!(two.throttle, ThrottleRecord { max_concurrent: 9, ..one.throttle.clone() });
    let circuit = after(&one, json!({ "circuit": { "failures": 3, "open_seconds": 4 } })).unwrap().circuit;
    assert_eq!(circuit, Circuit { enabled: true, failures: 3, open_seconds: 4, pause_after_seconds: 0 });
    assert_eq!(after(&one, json!({ "durability": null, "throttle": null, "circuit": null })).unwrap(), one);
}

#[test]
fn orders_are_words_or_keys() {
    let keyed = |key| Order::Key(key);
    for (said, order) in [
        (json!("arrival"), Order::Arrival),
        (json!("strict"), Order::Strict),
        (json!({ "key": { "header": "x-id" } }), keyed(OrderKey::Header("x-id".to_owned()))),
        (json!({ "key": { "pointer": "/a~1b/0" } }), keyed(OrderKey::Pointer("/a~1b/0".to_owned()))),
    ] {
        assert_eq!(after(&output(), json!({ "order": said })).unwrap().order, order);
        assert_eq!(serde_json::to_value(&order).unwrap(), said, "it is shown as it is said");
    }
}

#[test]
fn only_null_sets_a_paused_output_free() {
    let paused = Output { paused: Some(PausedRecord { since: UnixMs(5_999), failures: 2 }), ..output() };
    let shown = serde_json::to_value(Paused::new(paused.paused.unwrap())).unwrap();
    assert_eq!(shown, json!({ "since": 5, "failures": 2 }));
    assert_eq!(after(&paused, json!({ "paused": shown })).unwrap(), paused);
    assert_eq!(after(&paused, json!({})).unwrap(), paused);
    assert_eq!(after(&paused, json!({ "paused": null })).unwrap(), output());
}

#[test]
fn what_cannot_be_is_refused() {
    for (said, why) in [
        (
            json!({ "durability": { "schedule": "days" } }),
            "durability.schedule: must be one of seconds, medium, long, custom",
        ),
        (
            json!({ "durability": { "enabled": true, "schedule": "custom" } }),
            "durability.custom_delays: is missing; the schedule custom needs it",
        ),
        (
            json!({ "durability": { "custom_delays": [-1] } }),
            "durability.custom_delays: must be whole numbers from 0 to 2592000000000000",
        ),
        (json!({ "throttle": { "enabled": true } }), "throttle.rate: must be at least 1"),
        (
            json!({ "throttle": { "enabled": true, "mode": "concurrency" } }),
            "throttle.max_concurrent: must be at least 1",
        ),
        (json!({ "order": "any" }), "order: must be one of arrival, strict"),
        (json!({ "order": {} }), "order.key: is missing"),
        (json!({ "order": { "key": {} } }), "order.key: must have one of header and pointer"),
        (
            json!({ "order": { "key": { "pointer": "a" } } }),
            "order.key.pointer: must be a JSON pointer, such as /data/id",
        ),
    ] {
        assert_eq!(after(&output(), said).unwrap_err().to_string(), why);
    }
}

#[test]
fn lists_and_times_have_limits() {
    let delays = |n: usize| after(&output(), json!({ "durability": { "custom_delays": vec![1; n] } }));
    assert!(delays(DELAYS_MAX).is_ok());
    assert_eq!(delays(DELAYS_MAX + 1).unwrap_err().to_string(), "durability.custom_delays: has more than 64 entries");
    for field in ["deadline", "handoff_after"] {
        let of = |ns: u64| after(&output(), json!({ "durability": { field: ns } }));
        assert!(of(DURATION_NS_MAX).is_ok() && of(DURATION_NS_MAX + 1).is_err());
    }
    let failures = |n: u32| after(&output(), json!({ "circuit": { "failures": n } }));
    assert!(failures(COUNT_MAX).is_ok() && failures(COUNT_MAX + 1).is_err());
}
