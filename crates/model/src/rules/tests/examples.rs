//! Conditions and operators, one row each.

use super::*;

const PASS: Verdict = Verdict::Pass;
const NO: Verdict = Verdict::Reject(Reason::NotMatched);
const MISSING: Verdict = Verdict::Reject(Reason::ParameterMissing);

fn check(webhook: &Request, table: Vec<(Value, Verdict)>) {
    for (given, verdict) in table {
        assert_eq!(rules(&given).evaluate(webhook), verdict, "{given}");
    }
}

#[test]
fn parameters_are_found() {
    let webhook = request(PUSH, &[("X-Event", "push"), ("x-event", "second"), ("X-Encoded", "cHVzaA")]);
    let encoded = |name: &str| {
        json!({"match": {"type": "value", "value": "push",
            "parameter": {"source": "header", "name": name, "base64decode": true}}})
    };
    check(
        &webhook,
        vec![
            (value("header", "x-EVENT", "push"), PASS),
            (value("header", "x-event", "second"), NO),
            (value("header", "x-absent", ""), MISSING),
            (encoded("x-encoded"), PASS),
            (encoded("x-event"), NO),
            (value("query", "token", "a b"), PASS),
            (value("url", "token", "a b"), PASS),
            (value("query", "token", "second"), NO),
            (value("query", "empty", ""), PASS),
            (value("query", "absent", ""), MISSING),
            (value("path", "", "/hooks/ci"), PASS),
            (value("ip", "", "192.0.2.7"), PASS),
            (value("body", "", PUSH), PASS),
            (value("raw-request-body", "", PUSH), PASS),
            (value("payload", "ref", "refs/heads/main"), PASS),
            (value("payload", "size", "3"), PASS),
            (value("payload", "ratio", "0.5"), PASS),
            (value("payload", "forced", "false"), PASS),
            (condition("value", "payload", "forced", &json!({"value": false})), PASS),
            (condition("value", "payload", "size", &json!({"value": 3})), PASS),
            (value("payload", "gone", "null"), PASS),
            (value("payload", "commits.0.author.name", "ann"), PASS),
            (value("payload", "commits.1", r#"{"id":"c2"}"#), PASS),
            (value("payload", "commits.2.id", "c3"), MISSING),
            (value("payload", "commits.-1.id", "c2"), MISSING),
            (value("payload", "ref.more", "x"), MISSING),
            (value("payload", "a.b", "dotted"), PASS),
            (value("payload", "a.c", "d"), PASS),
            (value("payload", "a", r#"{"b":"nested","c":"d"}"#), PASS),
        ],
    );
}

#[test]
fn payloads_are_json_or_forms() {
    let form = [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")];
    check(
        &request("name=a+b&name=c&x.y=1&list%5B%5D=2", &form),
        vec![
            (value("payload", "name", "a b"), PASS),
            (value("payload", "x.y", "1"), PASS),
            (value("payload", "list[]", "2"), PASS),
            (value("payload", "absent", ""), MISSING),
        ],
    );
    // What `curl -d` says of JSON, and what nobody says anything of.
    check(&request(r#" {"a":"b"}"#, &form), vec![(value("payload", "a", "b"), PASS)]);
    check(&request(r#"{"a":"b"}"#, &[]), vec![(value("payload", "a", "b"), PASS)]);
    check(
        &request(r#"[{"a":"b"}]"#, &[]),
        vec![(value("payload", "0.a", "b"), PASS), (value("payload", "root.0.a", "b"), PASS)],
    );
    for body in ["", "a=b", "<a>b</a>", "\"a\"", "{\"a\":"] {
        check(&request(body, &[]), vec![(value("payload", "a", "b"), MISSING)]);
    }
}

#[test]
fn conditions_hold_or_do_not() {
    let about = |kind: &str, more: Value| condition(kind, "payload", "ref", &more);
    let range = |range: &str| json!({"match": {"type": "ip-whitelist", "ip-range": range}});
    check(
        &request(PUSH, &[]),
        vec![
            (about("value", json!({"value": "refs/heads/main"})), PASS),
            (about("value", json!({"value": "refs/heads/mai"})), NO),
            (about("value", json!({})), NO),
            (about("contains", json!({"substring": "heads"})), PASS),
            (about("contains", json!({"value": "heads"})), PASS),
            (about("substring", json!({"substring": "tags"})), NO),
            (about("does-not-contain", json!({"substring": "tags"})), PASS),
            (about("does-not-contain", json!({"substring": "heads"})), NO),
            (condition("does-not-contain", "payload", "absent", &json!({"substring": "x"})), MISSING),
            (about("regex", json!({"regex": "^refs/heads/(main|release-.*)$"})), PASS),
            (about("regex", json!({"regex": "eads"})), PASS),
            (about("regex", json!({"regex": "^heads"})), NO),
            (range("192.0.2.0/24"), PASS),
            (range("192.0.2.7"), PASS),
            (range("10.0.0.0/8 192.0.2.7/32"), PASS),
            (range("10.0.0.0/8,2001:db8::/32"), NO),
            (range("192.0.2.8/29"), NO),
        ],
    );
    let mut webhook = request("", &[]);
    webhook.peer = "2001:db8::5".into();
    check(&webhook, vec![(range("2001:db8::/64"), PASS), (range("2001:db8::6"), NO)]);
    webhook.peer = "::ffff:192.0.2.7".into();
    check(&webhook, vec![(range("192.0.2.0/24"), PASS)]);
    webhook.peer = String::new();
    check(&webhook, vec![(range("0.0.0.0/0"), MISSING)]);
}

/// Made with Python: `hmac.new(b"It's a Secret to Everybody", b"Hello, World!", sha256)`, which is
/// the example of GitHub's page "Validating webhook deliveries"; likewise with sha1 and sha512.
#[test]
fn signatures_of_the_body_hold_or_do_not() {
    const SHA256: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let signed = |kind: &str| condition(kind, "header", "X-Sig", &json!({"secret": "It's a Secret to Everybody"}));
    let with = |given: &str| {
        let mut webhook = request("Hello, World!", &[]);
        let value = Bytes::copy_from_slice(given.as_bytes());
        webhook.headers.push(Header { name: Bytes::from_static(b"x-sig"), value });
        webhook
    };
    let sha256 = signed("payload-hash-sha256");
    for given in [
        SHA256.to_owned(),
        format!("sha256={SHA256}"),
        format!("sha256={}", SHA256.to_uppercase()),
        format!("sha256=00, sha256={SHA256}"),
    ] {
        check(&with(&given), vec![(sha256.clone(), PASS), (signed("payload-hmac-sha256"), PASS)]);
    }
    for given in ["", "sha256=", &format!("sha1={SHA256}"), &format!("{SHA256},{SHA256}"), &SHA256.replace('7', "8")] {
        check(&with(given), vec![(sha256.clone(), NO), (json!({ "not": sha256 }), PASS)]);
    }
    check(&request("Hello, World!", &[]), vec![(sha256, MISSING)]);
    let sha1 = "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59";
    check(&with(sha1), vec![(signed("payload-hash-sha1"), PASS)]);
    let sha512 = "sha512=11ed355a617e98134e842012a7944ccf59c10256cb182357bd7e3a42013ff07c376f8c14cf5cc1923da20b51d64256b2fb8ebbf100aa67a61326f61fea8111bc";
    check(&with(sha512), vec![(signed("payload-hash-sha512"), PASS)]);
}

#[test]
fn operators_combine() {
    let yes = value("path", "", "/hooks/ci");
    let no = value("path", "", "/other");
    let missing = value("header", "x-absent", "x");
    check(
        &request("", &[]),
        vec![
            (json!({"and": [yes, yes]}), PASS),
            (json!({"and": [yes, no]}), NO),
            (json!({"and": []}), PASS),
            (json!({"or": [no, yes]}), PASS),
            (json!({"or": [no, no]}), NO),
            (json!({"or": []}), NO),
            (json!({"not": no}), PASS),
            (json!({"not": yes}), NO),
            // A missing parameter: an `or` goes on, an `and` ends, a `not` turns it over.
            (json!({"or": [missing, yes]}), PASS),
            (json!({"or": [missing]}), NO),
            (json!({"and": [yes, missing]}), MISSING),
            (json!({"not": missing}), PASS),
            (json!({"and": [{"not": missing}]}), MISSING),
            (json!({"or": [{"not": missing}]}), PASS),
            (json!({"not": {"not": missing}}), MISSING),
            // The first of and, or, not, match that is there decides.
            (json!({"and": [no], "or": [yes], "match": yes["match"]}), NO),
            (json!({"and": null, "or": [yes], "not": yes}), PASS),
            (json!({"not": yes, "match": yes["match"]}), NO),
        ],
    );
}
