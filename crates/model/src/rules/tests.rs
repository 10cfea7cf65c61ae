//! Tests of rules: examples, what is refused and where, limits, and what holds for all trees.

mod examples;

mod properties;

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::request::{Chunks, Header};

/// A push as a forge sends it, less what no test looks at.
const PUSH: &str = r#"{"ref":"refs/heads/main","size":3,"ratio":0.5,"forced":false,"gone":null,
    "commits":[{"id":"c1","author":{"name":"ann"}},{"id":"c2"}],"a.b":"dotted","a":{"b":"nested","c":"d"}}"#;

fn request(body: &'static str, headers: &[(&'static str, &'static str)]) -> Request {
    let header = |(name, value): &(&'static str, &'static str)| Header {
        name: Bytes::from_static(name.as_bytes()),
        value: Bytes::from_static(value.as_bytes()),
    };
    Request {
        method: "POST".into(),
        extra_path: Bytes::from_static(b"/hooks/ci"),
        query: Some(Bytes::from_static(b"token=a%20b&token=second&empty=")),
        headers: headers.iter().map(header).collect(),
        body: Bytes::from_static(body.as_bytes()),
        body_bytes: body.len() as u64,
        peer: "192.0.2.7".into(),
        ..Request::default()
    }
}

fn rules(given: &Value) -> Rules {
    Rules::parse(given).unwrap()
}

/// A condition on a parameter with these fields besides.
fn condition(kind: &str, source: &str, name: &str, more: &Value) -> Value {
    let mut fields = json!({"type": kind, "parameter": {"source": source, "name": name}});
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "match": fields })
}

fn value(source: &str, name: &str, value: &str) -> Value {
    condition("value", source, name, &json!({ "value": value }))
}

fn error(given: &Value) -> String {
    Rules::parse(given).unwrap_err().to_string()
}

#[test]
fn no_rules_let_everything_pass() {
    for given in [json!(null), json!({}), json!({"and": null, "match": null})] {
        let rules = rules(&given);
        assert!(rules.is_empty(), "{given}");
        assert_eq!(rules.evaluate(&request("", &[])), Verdict::Pass);
        assert_eq!(serde_json::to_value(&rules).unwrap(), given);
    }
    assert!(Rules::default().is_empty());
}

#[test]
fn what_was_given_comes_back_with_every_tag() {
    let given = json!({"or": [
        {"match": {"type": "ip-whitelist", "ip-range": "192.0.2.0/24"}},
        {"match": {"type": "value", "value": "x", "secret": "",
                   "parameter": {"source": "header", "name": "X-A", "base64decode": false, "envname": "A"}}},
    ], "note": "kept"});
    let text = serde_json::to_string(&rules(&given)).unwrap();
    let again: Rules = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), given);
    assert_eq!(again, rules(&given));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let table = [
        (json!([]), "rules: must be an object"),
        (json!({"nott": {}}), "rules: must have one of and, or, not, match"),
        (json!({"and": {}}), "rules.and: must be a list"),
        (json!({"and": [{}]}), "rules.and[0]: must have one of and, or, not, match"),
        (json!({"not": {"or": [3]}}), "rules.not.or[0]: must be an object"),
        (json!({"match": {}}), "rules.match.type: is missing"),
        (json!({"match": {"type": "value", "value": "x"}}), "rules.match.parameter: is missing"),
        (condition("value", "", "n", &json!({})), "rules.match.parameter.source: is missing"),
        (condition("value", "header", "", &json!({})), "rules.match.parameter.name: is missing"),
        (condition("value", "header", "n", &json!({"value": []})), "rules.match.value: must be a text"),
        (condition("contains", "header", "n", &json!({})), "rules.match.substring: is missing"),
        (condition("regex", "header", "n", &json!({})), "rules.match.regex: is missing"),
        (condition("payload-hash-sha1", "header", "n", &json!({"secret": ""})), "rules.match.secret: is missing"),
        (json!({"match": {"type": "ip-whitelist"}}), "rules.match.ip-range: is missing"),
        (json!({"match": {"type": "ip-whitelist", "ip-range": " , "}}), "rules.match.ip-range: is missing"),
        (
            json!({"match": {"type": "ip-whitelist", "ip-range": "10.0.0.0/33"}}),
            "rules.match.ip-range: \"10.0.0.0/33\" is no address and no range such as 192.0.2.0/24",
        ),
        (
            json!({"and": [{"match": {"type": "regex", "regex": "(", "parameter": {"source": "body"}}}]}),
            "rules.and[0].match.regex: invalid regular expression: unclosed group",
        ),
        (
            json!({"match": {"type": "value", "parameter": {"source": "body", "base64decode": "no"}}}),
            "rules.match.parameter.base64decode: must be true or false",
        ),
        (
            condition("value", "cookie", "n", &json!({})),
            "rules.match.parameter.source: unknown source \"cookie\"; there are header, payload, query, body, path, ip",
        ),
    ];
    for (given, text) in table {
        assert_eq!(error(&given), text, "{given}");
    }
    assert!(error(&condition("equals", "header", "n", &json!({}))).starts_with("rules.match.type: unknown type"));
}

#[test]
fn rules_may_be_so_deep_and_no_deeper() {
    let nested = |depth| (1..depth).fold(value("path", "-", "x"), |inner, _| json!({ "not": inner }));
    assert!(Rules::parse(&nested(DEPTH_MAX)).is_ok());
    assert_eq!(Rules::parse(&nested(DEPTH_MAX + 1)).unwrap_err().problem, Problem::TooDeep);
}

#[test]
fn rules_may_have_so_many_nodes_and_no_more() {
    let one = json!({"match": {"type": "value", "parameter": {"source": "ip"}}});
    let with = |nodes: usize| json!({ "or": vec![one.clone(); nodes - 1] });
    assert!(Rules::parse(&with(NODES_MAX)).is_ok());
    assert_eq!(Rules::parse(&with(NODES_MAX + 1)).unwrap_err().problem, Problem::TooMany);
}

#[test]
fn rules_may_be_so_large_and_no_larger() {
    let empty = value("path", "-", "").to_string().len();
    let with = |bytes: usize| value("path", "-", &"x".repeat(bytes - empty));
    assert!(Rules::parse(&with(RULES_BYTES_MAX)).is_ok());
    assert_eq!(Rules::parse(&with(RULES_BYTES_MAX + 1)).unwrap_err().problem, Problem::TooLarge);
}

#[test]
fn a_regular_expression_may_compile_to_so_much_and_no_more() {
    let with = |regex: &str| Rules::parse(&condition("regex", "path", "-", &json!({ "regex": regex })));
    assert!(with("a{1000}").is_ok());
    let problem = with("(a{1000}){1000}").unwrap_err().problem;
    assert!(matches!(&problem, Problem::Regex(text) if text.contains("size limit")), "{problem}");
}

#[test]
fn the_regular_expressions_of_a_tree_may_compile_to_so_much_together() {
    let one = condition("regex", "body", "-", &json!({ "regex": "(?s-u)[a-c].{3000}[^a-z]" }));
    let tree = |count| Rules::parse(&json!({ "or": vec![one.clone(); count] }));
    assert!(tree(2).is_ok());
    let error = tree(250).unwrap_err();
    assert_eq!(error.problem, Problem::RegexesTooLarge);
    assert!(error.place.starts_with("rules.or["), "{}", error.place);
    let ordinary = condition("regex", "payload", "ref", &json!({ "regex": r"^refs/heads/(main|release-\d+)$" }));
    assert!(Rules::parse(&json!({ "or": vec![ordinary; 100] })).is_ok());
}

#[test]
fn a_regular_expression_that_takes_too_long_lets_nothing_pass() {
    let hard = condition("regex", "body", "-", &json!({ "regex": "(?s-u)[ab].{3000}[^a-z]" }));
    let mut state = 1u32;
    let mut letter = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b'a' + (state >> 24) as u8 % 4
    };
    let body: Vec<u8> = (0..BODY_BYTES_MAX).map(|_| letter()).collect();
    let request = Request { body: body.into(), ..Request::default() };
    for rules in [hard.clone(), json!({ "not": hard })] {
        let verdict = Rules::parse(&rules).unwrap().evaluate(&request);
        assert_eq!(verdict, Verdict::Reject(Reason::BodyTooLarge), "{rules}");
    }
}

#[test]
fn conditions_that_take_too_long_together_let_nothing_pass() {
    let large = format!("{{\"a\":[{}1]}}", "1,".repeat(512 * 1024 - 8));
    let signed = condition("payload-hash-sha512", "body", "-", &json!({"secret": "s"}));
    for hard in [value("payload", "a", "x"), signed] {
        let request = Request { body: Bytes::from(large.clone()), ..Request::default() };
        let verdict = |count| Rules::parse(&json!({ "or": vec![&hard; count] })).unwrap().evaluate(&request);
        assert_eq!(verdict(4), Verdict::Reject(Reason::NotMatched), "{hard}");
        assert_eq!(verdict(32), Verdict::Reject(Reason::BodyTooLarge), "{hard}");
    }
}

#[test]
fn a_body_is_looked_at_up_to_its_limit() {
    let mut webhook = request("", &[]);
    let about_body = rules(&condition("does-not-contain", "body", "-", &json!({"substring": "x"})));
    let about_path = value("path", "-", "/hooks/ci");
    webhook.body = vec![b'y'; BODY_BYTES_MAX as usize].into();
    assert_eq!(about_body.evaluate(&webhook), Verdict::Pass);
    webhook.body = vec![b'y'; BODY_BYTES_MAX as usize + 1].into();
    assert_eq!(about_body.evaluate(&webhook), Verdict::Reject(Reason::BodyTooLarge));

    // In pieces: nothing about the body holds, nor does its contrary; the rest is as ever.
    webhook.body = Bytes::new();
    webhook.chunks = Some(Chunks { sequences: vec![1] });
    let too_large = Verdict::Reject(Reason::BodyTooLarge);
    let signed = condition("payload-hash-sha256", "header", "x-sig", &json!({"secret": "s"}));
    for given in [about_body.given().clone(), value("payload", "ref", "x"), signed] {
        assert_eq!(rules(&given).evaluate(&webhook), too_large, "{given}");
        assert_eq!(rules(&json!({ "not": given })).evaluate(&webhook), too_large, "{given}");
        assert_eq!(rules(&json!({"or": [given, about_path]})).evaluate(&webhook), Verdict::Pass);
        assert_eq!(rules(&json!({"or": [given]})).evaluate(&webhook), too_large);
        assert_eq!(rules(&json!({"and": [about_path, given]})).evaluate(&webhook), too_large);
    }
    assert_eq!(Reason::BodyTooLarge.to_string(), "body too large to look at");
}

#[test]
fn rules_do_not_print() {
    let rules = rules(&condition("payload-hash-sha1", "header", "n", &json!({"secret": "hush"})));
    assert_eq!(format!("{rules:?}"), "Rules(…)");
}
