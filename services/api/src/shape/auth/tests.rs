//! What is said about the authentication of callers, and what is kept of it.

use crypto::token::verify;
use serde_json::json;

use super::*;

fn fields(auth: serde_json::Value) -> Fields {
    Fields::parse(json!({ "auth": auth }).to_string().as_bytes()).unwrap()
}

async fn after(before: &CallerAuth, auth: serde_json::Value) -> Result<CallerAuth, Error> {
    let mut changed = before.clone();
    Said::read(&fields(auth))?.hashed(&Semaphore::new(1)).await?.apply(&mut changed)?;
    Ok(changed)
}

#[tokio::test]
async fn secrets_are_kept_as_hashes_and_never_shown() {
    let basic = after(&CallerAuth::None, json!({ "type": "basic", "username": "u", "password": "p" })).await.unwrap();
    let CallerAuth::Basic { username, password_hash } = &basic else { panic!("{basic:?}") };
    assert_eq!(username, "u");
    assert!(verify(&Secret::from("p".to_owned()), password_hash).unwrap());
    let shown = serde_json::to_value(Auth::new(&basic)).unwrap();
    let expected = json!({
        "id": "", "type": "basic", "username": "u", "password": "", "token": "", "created_at": 0, "updated_at": 0,
    });
    assert_eq!(shown, expected);
    assert_eq!(after(&basic, shown).await.unwrap(), basic, "what was read can be sent back");

    let token = after(&basic, json!({ "type": "token", "token": "t" })).await.unwrap();
    let CallerAuth::Bearer { token_hash } = &token else { panic!("{token:?}") };
    assert!(verify(&Secret::from("t".to_owned()), token_hash).unwrap());
    assert_eq!(after(&token, serde_json::to_value(Auth::new(&token)).unwrap()).await.unwrap(), token);
    assert_eq!(after(&token, json!({ "type": "none" })).await.unwrap(), CallerAuth::None);
}

#[tokio::test]
async fn only_what_is_said_changes() {
    let before = CallerAuth::Basic { username: "u".to_owned(), password_hash: "h".to_owned() };
    assert_eq!(after(&before, json!(null)).await.unwrap(), before);
    assert_eq!(after(&before, json!({})).await.unwrap(), before);
    let named = after(&before, json!({ "username": "v" })).await.unwrap();
    assert_eq!(named, CallerAuth::Basic { username: "v".to_owned(), password_hash: "h".to_owned() });
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_named() {
    for (auth, why) in [
        (json!({ "type": "basic", "password": "p" }), "auth.username: is missing"),
        (json!({ "type": "basic", "username": "u" }), "auth.password: is missing"),
        (json!({ "type": "token" }), "auth.token: is missing"),
        (json!({ "username": "u" }), "auth.type: is missing"),
        (json!({ "type": 1 }), "auth.type: must be a text"),
        (json!({ "type": "jwt" }), "auth.type: must be one of none, basic, token"),
        (json!({ "type": "basic", "username": "a:b" }), "auth.username: has a colon or control character"),
        (json!(1), "auth: must be an object"),
    ] {
        assert_eq!(after(&CallerAuth::None, auth).await.unwrap_err().to_string(), why);
    }
}

#[tokio::test]
async fn a_secret_that_bcrypt_would_cut_is_refused() {
    let of =
        async |bytes: usize| after(&CallerAuth::None, json!({ "type": "token", "token": "t".repeat(bytes) })).await;
    assert!(of(SECRET_BYTES_MAX).await.is_ok());
    assert_eq!(of(SECRET_BYTES_MAX + 1).await.unwrap_err().to_string(), "auth.token: has more than 71 bytes");
}
