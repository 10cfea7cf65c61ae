//! `relay output` and `relay input`: names looked up, parts merged, rules by their own route.

use crate::server::{Server, fails, run, stdout};

const BUCKETS: &str = r#"[{"id":"b-1","name":"demo","inputs":[{"id":"i-1","name":"in"}],
    "outputs":[{"id":"o-1","name":"out"}]}]"#;

fn server() -> Server {
    Server::start(|call| match call.starts_with("GET") {
        true => (200, BUCKETS),
        false => (200, r#"{"id":"x","name":"done"}"#),
    })
}

#[test]
fn policies_and_rules_go_where_they_belong() {
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules.yml");
    let tree = "match:\n  type: value\n  value: push\n  parameter:\n    source: header\n    name: X-Event\n";
    std::fs::write(&rules, tree).unwrap();
    let rules = rules.to_string_lossy();
    let json = r#"{"match":{"parameter":{"name":"X-Event","source":"header"},"type":"value","value":"push"}}"#;
    let args =
        ["output", "create", "new", "-b", "demo", "-d", "http://a", "--rules", &rules, "--order-key", "header:K"];
    assert_eq!(stdout(&run(&server, &args)), "done\n");
    let expected = format!(
        r#"POST /v1/buckets/b-1/outputs {{"destination":"http://a","internal":true,"name":"new","order":{{"key":{{"header":"K"}}}},"rules":{json}}}"#
    );
    assert_eq!(server.calls()[1], expected);
    run(&server, &["output", "update", "out", "--throttle-queue", "9", "--rules", &rules]);
    let throttle = r#"{"throttle":{"max_queue_depth":9}}"#;
    let expected = [
        format!("PUT /v1/buckets/b-1/outputs/o-1 {throttle}"),
        format!("PUT /v1/buckets/b-1/outputs/o-1/rules {json}"),
    ];
    assert_eq!(server.calls()[1..], expected);
    assert_eq!(stdout(&run(&server, &["output", "update", "out", "--no-rules"])), "out\n");
    assert_eq!(server.calls()[1], "DELETE /v1/buckets/b-1/outputs/o-1/rules ");
    run(&server, &["output", "update", "out", "--resume"]);
    assert_eq!(server.calls()[1], r#"PUT /v1/buckets/b-1/outputs/o-1 {"paused":null}"#);
    fails(&run(&server, &["output", "update", "out"]), 2, "nothing to change");
    std::fs::write(folder.path().join("rules.yml"), "match: {}").unwrap();
    fails(&run(&server, &["output", "update", "out", "--rules", &rules]), 2, "rules.match.type: is missing");
}

#[test]
fn an_input_names_the_output_whose_answer_callers_get() {
    let server = server();
    run(&server, &["input", "update", "in", "--response-from-output", "out", "--provider", "github", "--secret", "s"]);
    let expected = r#"PUT /v1/buckets/b-1/inputs/i-1 {"response_from_output":"o-1","signature":{"provider":"github","secrets":["s"]}}"#;
    assert_eq!(server.calls()[1], expected);
    fails(&run(&server, &["input", "update", "in", "--response-from-output", "nope"]), 4, "no output named 'nope'");
}
