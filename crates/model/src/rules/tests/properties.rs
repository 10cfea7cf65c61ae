//! What holds for all trees and all requests.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

const KINDS: &[&str] = &["value", "contains", "does-not-contain", "regex", "payload-hash-sha256", "ip-whitelist"];
const SOURCES: &[&str] = &["header", "payload", "query", "body", "path", "ip"];
const NAMES: &[&str] = &["x-a", "a", "a.b", "a.0", "token"];
const TEXTS: &[&str] = &["a", "b", "1", "/hooks", "192.0.2.7"];
const KEYS: &[&str] =
    &["and", "or", "not", "match", "type", "parameter", "source", "name", "value", "regex", "ip-range", "x"];

/// Conditions of every type: their parameters are sometimes there.
fn conditions() -> impl Strategy<Value = Value> {
    (select(KINDS), select(SOURCES))
        .prop_flat_map(move |(kind, source)| (Just(kind), Just(source), select(NAMES), select(TEXTS)))
        .prop_map(|(kind, source, name, text)| {
            let more =
                json!({"value": text, "substring": text, "regex": text, "secret": text, "ip-range": "192.0.2.7"});
            condition(kind, source, name, &more)
        })
}

fn trees() -> impl Strategy<Value = Value> {
    conditions().prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|nodes| json!({ "and": nodes })),
            vec(inner.clone(), 0..4).prop_map(|nodes| json!({ "or": nodes })),
            inner.prop_map(|node| json!({ "not": node })),
        ]
    })
}

/// JSON of any shape, with the words of the language among its keys.
fn json_values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z(\\[{*./0-9]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 4, |inner| {
        let field = (select(KEYS), inner.clone());
        prop_oneof![
            vec(inner, 0..4).prop_map(Value::from),
            vec(field, 0..4)
                .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

fn requests() -> impl Strategy<Value = Request> {
    let bodies = prop_oneof![
        vec(any::<u8>(), 0..64),
        json_values().prop_map(|value| value.to_string().into_bytes()),
        Just(br#"{"a":{"b":1,"0":"a"},"token":"b"}"#.to_vec()),
        Just(b"a=1&a.b=a".to_vec()),
    ];
    let headers = vec((select(&["X-A", "a", "Content-Type"][..]), "[ab1=/x-]{0,8}"), 0..4);
    (bodies, headers, proptest::option::of(vec(any::<u8>(), 0..16)), any::<bool>()).prop_map(
        |(body, headers, query, is_in_pieces)| {
            let mut webhook = request("", &[]);
            let header =
                |(name, value): (&str, String)| Header { name: name.as_bytes().to_vec().into(), value: value.into() };
            webhook.headers = headers.into_iter().map(header).collect();
            webhook.query = query.map(Bytes::from);
            if is_in_pieces {
                webhook.chunks = Some(Chunks { sequences: vec![1] });
            } else {
                webhook.body = body.into();
            }
            webhook
        },
    )
}

proptest! {
    #[test]
    fn any_json_is_read_or_refused_and_comes_back_as_given(given in json_values()) {
        if let Ok(rules) = Rules::parse(&given) {
            prop_assert_eq!(serde_json::to_value(&rules).unwrap(), given.clone());
            let again: Rules = serde_json::from_value(given).unwrap();
            prop_assert_eq!(again, rules);
        }
    }

    #[test]
    fn a_tree_always_has_an_answer_and_twice_the_same(given in trees(), webhook in requests()) {
        let rules = rules(&given);
        prop_assert_eq!(rules.evaluate(&webhook), rules.evaluate(&webhook));
    }

    #[test]
    fn two_negations_are_none(given in trees(), webhook in requests()) {
        let twice = json!({"not": {"not": given}});
        prop_assert_eq!(rules(&twice).evaluate(&webhook), rules(&given).evaluate(&webhook));
    }

    #[test]
    fn what_nobody_looked_at_does_not_pass(given in trees(), webhook in requests()) {
        let verdict = rules(&given).evaluate(&webhook);
        if verdict == Verdict::Reject(Reason::BodyTooLarge) {
            prop_assert_eq!(rules(&json!({ "not": given })).evaluate(&webhook), verdict);
        }
    }

    #[test]
    fn an_or_passes_with_one_that_passes(mut given in vec(trees(), 0..4), webhook in requests()) {
        let passes = |node: &Value| rules(node).evaluate(&webhook) == Verdict::Pass;
        let any = given.iter().any(passes);
        prop_assert_eq!(passes(&json!({ "or": given })), any);
        given.reverse();
        prop_assert_eq!(passes(&json!({ "or": given })), any);
    }

    #[test]
    fn an_and_passes_only_if_all_pass(given in vec(trees(), 0..4), webhook in requests()) {
        let passes = |node: &Value| rules(node).evaluate(&webhook) == Verdict::Pass;
        if passes(&json!({ "and": given })) {
            prop_assert!(given.iter().all(passes));
        }
    }

    #[test]
    fn a_value_is_found_wherever_it_lies(path in vec("[a-z]{1,4}|[0-2]", 1..6), text in "\\PC{0,12}") {
        let wrap = |inner: Value, step: &String| match step.parse::<usize>() {
            Ok(at) => Value::from([vec![Value::Null; at], vec![inner]].concat()),
            Err(_) => json!({ step: inner }),
        };
        let body = path.iter().rev().fold(Value::from(text.clone()), wrap).to_string();
        let mut webhook = request("", &[]);
        webhook.body = body.into();
        let path = path.join(".");
        prop_assert_eq!(rules(&value("payload", &path, &text)).evaluate(&webhook), Verdict::Pass);
        let other = format!("{text}.");
        prop_assert_eq!(
            rules(&value("payload", &path, &other)).evaluate(&webhook),
            Verdict::Reject(Reason::NotMatched)
        );
    }
}
