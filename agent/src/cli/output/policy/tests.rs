//! Tests of what flags become on the wire.

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    policy: Policy,
    #[command(flatten)]
    filter: Filter,
}

fn line(line: &str) -> Line {
    Line::try_parse_from(std::iter::once("output").chain(line.split_whitespace())).unwrap()
}

fn check(text: &str, expected: Value) {
    assert_eq!(Value::Object(line(text).policy.fields()), expected, "{text}");
}

#[test]
fn flags_become_the_fields_of_the_api() {
    check("", json!({}));
    check("--durability medium", json!({"durability": {"enabled": true, "schedule": "medium"}}));
    check("--durability off", json!({"durability": {"enabled": false}}));
    check(
        "--durability-delays 1s,2m --durability-deadline 1h --durability-handoff-after 15m",
        json!({"durability": {"enabled": true, "schedule": "custom", "custom_delays": [1_000_000_000_u64, 120_000_000_000_u64],
            "deadline": 3_600_000_000_000_u64, "handoff_after": 900_000_000_000_u64}}),
    );
    check(
        "--throttle 10/m --throttle-queue 5 --throttle-deadline 1s",
        json!({"throttle": {"enabled": true, "mode": "rate", "rate": 10, "interval": "minute", "max_queue_depth": 5,
            "deadline": 1_000_000_000}}),
    );
    check("--throttle off", json!({"throttle": {"enabled": false}}));
    check(
        "--throttle-concurrency 1",
        json!({"throttle": {"enabled": true, "mode": "concurrency", "max_concurrent": 1}}),
    );
    check("--order strict", json!({"order": "strict"}));
    check("--order-key pointer:/data/id", json!({"order": {"key": {"pointer": "/data/id"}}}));
    check("--order-key header:X-Key", json!({"order": {"key": {"header": "X-Key"}}}));
    check(
        "--circuit-failures 5 --circuit-open 1m --pause-after 1d",
        json!({"circuit": {"failures": 5, "open_seconds": 60, "pause_after_seconds": 86_400}}),
    );
}

#[test]
fn what_is_no_rate_or_key_is_refused() {
    for text in ["10", "0/second", "x/second", "1/day", "/", "1/"] {
        assert!(rate(text).is_err(), "{text}");
    }
    for text in ["header:", "pointer:a", "body", "x:y"] {
        assert!(order_key(text).is_err(), "{text}");
    }
}

#[test]
fn rules_are_read_from_json_and_yaml_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules");
    let tree = |text: &str| {
        std::fs::write(&path, text).unwrap();
        line(&format!("--rules {}", path.display())).filter.tree()
    };
    let match_push = json!({"match": {"type": "value", "value": "push", "parameter": {"source": "header", "name": "X-GitHub-Event"}}});
    assert_eq!(tree(&match_push.to_string()).unwrap(), Some(match_push.clone()));
    let yaml = "match:\n  type: value\n  value: push\n  parameter: {source: header, name: X-GitHub-Event}\n";
    assert_eq!(tree(yaml).unwrap(), Some(match_push));
    let err = tree(r#"{"and": [{"match": {"type": "nope"}}]}"#).unwrap_err();
    assert!(err.to_string().contains("rules.and[0].match.type: unknown type \"nope\""), "{err}");
    assert_eq!(err.code(), 2);
    assert_eq!(line("").filter.tree().unwrap(), None);
}
