//! What is taken from request targets.

use super::*;

const ID: &str = "5f9c7d0e-4f0b-4c7e-9d0a-0e6f1a2b3c4d";

#[track_caller]
fn check(target: &str, known: bool, extra_path: &str, query: Option<&str>) {
    let endpoint = Endpoint::parse(&Bytes::copy_from_slice(target.replace("ID", ID).as_bytes()));
    let expected = Endpoint {
        input: known.then(|| ID.parse().unwrap()),
        extra_path: Bytes::copy_from_slice(extra_path.as_bytes()),
        path: Bytes::new(),
        query: query.map(|q| Bytes::copy_from_slice(q.as_bytes())),
    };
    assert_eq!(Endpoint { path: Bytes::new(), ..endpoint }, expected, "{target}");
}

#[test]
fn the_path_after_the_id_and_the_query_stay_raw() {
    check("/v1/webhooks/ID", true, "", None);
    check("/v1/webhooks/ID/", true, "/", None);
    check("/v1/webhooks/ID?", true, "", Some(""));
    check("/v1/webhooks/ID/a//b/../%2e%2E/%zz?a=b?c&&d=%00", true, "/a//b/../%2e%2E/%zz", Some("a=b?c&&d=%00"));
    check("/v1/webhooks/ID?x=/v1/webhooks/ID", true, "", Some(&format!("x=/v1/webhooks/{ID}")));
    check("/v1/webhooks/ID/\u{e4}", true, "/\u{e4}", None);
}

#[test]
fn an_absolute_target_is_read_like_its_path() {
    check("http://relay.example/v1/webhooks/ID/a?b", true, "/a", Some("b"));
    check("HTTPS://relay.example:8080/v1/webhooks/ID", true, "", None);
    check("http://relay.example?b", false, "", Some("b"));
    check("http://relay.example", false, "", None);
}

#[test]
fn what_is_no_hyphenated_id_is_no_input() {
    check("/v1/webhooks/", false, "", None);
    check("/v1/webhooks/x/y?z", false, "/y", Some("z"));
    check("/v1/webhooks/IDx", false, "", None);
    check("/v1/webhooks/5f9c7d0e4f0b4c7e9d0a0e6f1a2b3c4d/a", false, "/a", None);
    check("/v1/webhooks/{ID}", false, "", None);
    check("/v1/webhooks/urn:uuid:ID", false, "", None);
    check("/v1/webhooks/%35f9c7d0e-4f0b-4c7e-9d0a-0e6f1a2b3c4d", false, "", None);
    check("/v1/webhooks//ID", false, &format!("/{ID}"), None);
    check("/v1/webhooks", false, "/v1/webhooks", None);
    check("*", false, "*", None);
}

#[test]
fn upper_case_digits_name_the_same_input() {
    let target = Bytes::from(format!("/v1/webhooks/{}", ID.to_uppercase()));
    assert_eq!(Endpoint::parse(&target).input, Some(ID.parse().unwrap()));
}

#[test]
fn the_whole_path_is_known_as_well() {
    for (target, path, is_by_id) in [
        ("http://a.example/x/y?z", "/x/y", false),
        ("http://a.example?z", "", false),
        ("/v1/webhooks/x/y", "/v1/webhooks/x/y", true),
        ("/v1/webhooks/", "/v1/webhooks/", true),
        ("/v1/webhooks", "/v1/webhooks", false),
    ] {
        let endpoint = Endpoint::parse(&Bytes::from_static(target.as_bytes()));
        assert_eq!((&endpoint.path[..], endpoint.is_by_id()), (path.as_bytes(), is_by_id), "{target}");
    }
}
