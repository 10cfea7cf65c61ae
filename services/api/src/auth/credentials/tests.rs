//! What is taken for credentials.

use http::HeaderValue;

use super::*;

const KEY: &str = "0199b2c8-7a6e-4d1e-9a53-3f1d2b9c0a11";

fn read(values: &[&str]) -> Option<Credentials> {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(header::AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    Credentials::read(&headers)
}

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

#[test]
fn a_key_and_its_secret() {
    for scheme in ["Basic", "basic", "BASIC"] {
        let value = format!("{scheme} {}", STANDARD.encode(format!("{KEY}:a:b")));
        let Some(Credentials::Basic { key, secret }) = read(&[&value]) else { panic!("{scheme}") };
        assert_eq!((key.to_string().as_str(), secret.expose()), (KEY, "a:b"));
    }
}

#[test]
fn a_session_token() {
    let read = read(&["Bearer v4.public.x"]);
    assert!(!format!("{read:?}").contains("v4.public"), "{read:?}");
    let Some(Credentials::Session(token)) = read else { panic!() };
    assert_eq!(token.expose(), "v4.public.x");
}

#[test]
fn an_api_key_alone_or_as_a_secret() {
    let api_key = "sk-0199b2c87a6e4d1e9a533f1d2b9c0a11a:b";
    for value in [format!("Bearer {api_key}"), basic(&format!("whr:{api_key}"))] {
        let Some(Credentials::Basic { key, secret }) = read(&[&value]) else { panic!("{value}") };
        assert_eq!((key.to_string().as_str(), secret.expose()), (KEY, "a:b"));
    }
    assert!(read(&["Bearer sk-0199b2c87a6e4d1e9a533f1d2b9c0a11"]).is_none(), "it has no secret");
    assert!(read(&[&basic("whr:secret")]).is_none());
}

#[test]
fn anything_else_is_none() {
    assert!(read(&[]).is_none());
    let (good, no_colon, no_key) = (basic(&format!("{KEY}:s")), basic(KEY), basic("admin:s"));
    assert!(read(&[&good]).is_some());
    assert!(read(&[&good, &good]).is_none(), "which of two is meant is not guessed");
    for bad in ["", "Basic", "Basic !", "Digest x", "v4.public.x", &no_colon, &no_key, "Basic \u{e9}"] {
        assert!(read(&[bad]).is_none(), "{bad}");
    }
    assert!(read(&[&basic("\u{0}:\u{0}")]).is_none());
}

#[test]
fn secrets_that_no_token_has_are_not_asked_about() {
    let of = |bytes: usize| read(&[&basic(&format!("{KEY}:{}", "s".repeat(bytes)))]);
    assert!(of(0).is_none());
    assert!(of(SECRET_BYTES_MAX).is_some());
    assert!(of(SECRET_BYTES_MAX + 1).is_none());
}
