//! Tokens as clients of the compatible API read and write them.

use model::{AccountId, UnixMs};
use serde_json::json;
use uuid::Uuid;

use super::*;

fn change(json: serde_json::Value) -> Result<Change, Error> {
    Change::read(&Fields::parse(json.to_string().as_bytes()).unwrap())
}

fn token() -> record::Token {
    record::Token {
        id: TokenId(Uuid::from_u128(3)),
        account: AccountId(Uuid::from_u128(1)),
        description: "d".to_owned(),
        scopes: Scopes { buckets: vec!["demo".to_owned()], tunnels: Vec::new() },
        api_access: ApiAccess::Enabled,
        active: true,
        generation: 4,
        created_at: UnixMs(1_700_000_000_999),
        updated_at: UnixMs(1_700_000_001_000),
    }
}

fn changed(json: serde_json::Value) -> record::Token {
    let mut token = token();
    change(json).unwrap().apply(&mut token);
    token
}

#[track_caller]
fn check_refused(json: serde_json::Value, text: &str) {
    assert_eq!(change(json).unwrap_err().to_string(), text);
}

#[test]
fn a_token_has_every_field_and_no_secret() {
    let expected = json!({
        "id": "00000000-0000-0000-0000-000000000003",
        "created_at": 1_700_000_000,
        "updated_at": 1_700_000_001,
        "active": true,
        "api_access": "enabled",
        "description": "d",
        "last_login": "",
        "scopes": { "buckets": ["demo"], "tunnels": [] },
    });
    assert_eq!(serde_json::to_value(Token::new(&token())).unwrap(), expected);
}

#[test]
fn a_new_token_shows_its_secret_once() {
    let issued = Issued::new(TokenId(Uuid::from_u128(3)), Secret::from("s".to_owned()));
    let expected = json!({
        "key": "00000000-0000-0000-0000-000000000003",
        "secret": "s",
        "api_key": "sk-00000000000000000000000000000003s",
    });
    assert_eq!(serde_json::to_value(issued).unwrap(), expected);
}

#[test]
fn a_new_token_may_do_everything_unless_told_otherwise() {
    assert_eq!(Change::default().into_new(), (String::new(), Scopes::default(), ApiAccess::Enabled));
    let said = json!({ "description": "d", "api_access": "disabled", "scopes": { "buckets": ["a"], "tunnels": null } });
    let scopes = Scopes { buckets: vec!["a".to_owned()], tunnels: Vec::new() };
    assert_eq!(change(said).unwrap().into_new(), ("d".to_owned(), scopes, ApiAccess::Disabled));
}

#[test]
fn a_change_of_what_it_may_do_ends_what_was_granted() {
    for (json, may_do_changes) in [
        (json!({}), false),
        (json!({ "description": "other" }), false),
        (json!({ "active": true, "api_access": "enabled", "scopes": { "buckets": ["demo"] } }), false),
        (json!({ "scopes": null }), false),
        (json!({ "scopes": { "buckets": null, "tunnels": null } }), false),
        (json!({ "api_access": "" }), false),
        (json!({ "api_access": "none" }), false),
        (json!({ "scopes": { "buckets": [] } }), true),
        (json!({ "scopes": { "tunnels": ["t"] } }), true),
        (json!({ "api_access": "disabled" }), true),
        (json!({ "active": false }), true),
    ] {
        let after = changed(json.clone());
        assert_eq!(after.generation, if may_do_changes { 5 } else { 4 }, "{json}");
    }
    assert_eq!(changed(json!({ "scopes": { "tunnels": ["t"] } })).scopes.buckets, ["demo"]);
    assert!(!changed(json!({ "active": false })).active);
}

#[test]
fn a_token_that_a_client_in_go_filled_by_hand_stays_active() {
    let by_hand = json!({ "created_at": -62_135_596_800_i64, "description": "other", "active": false });
    assert_eq!(changed(by_hand), record::Token { description: "other".to_owned(), ..token() });
    let read_first = json!({ "created_at": 1_700_000_000, "active": false });
    assert!(!changed(read_first).active);
}

#[test]
fn values_are_checked() {
    check_refused(json!({ "api_access": 1 }), "api_access: must be a text");
    check_refused(json!({ "api_access": "maybe" }), "api_access: must be enabled or disabled");
    check_refused(json!({ "scopes": [] }), "scopes: must be an object");
    check_refused(json!({ "scopes": { "buckets": "a" } }), "scopes.buckets: must be a list of texts");
    let many = |count: usize| json!({ "scopes": { "buckets": vec!["a"; count] } });
    assert!(change(many(SCOPE_NAMES_MAX)).is_ok());
    check_refused(many(SCOPE_NAMES_MAX + 1), "scopes.buckets: has more than 1000 entries");
}
