//! Tests of API keys.

use super::*;

fn token() -> TokenId {
    TokenId(Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff))
}

#[test]
fn what_is_written_is_read() {
    let written = write(token(), &Secret::from("S".to_owned()));
    assert_eq!(written.expose(), "sk-00112233445566778899aabbccddeeffS");
    let (key, secret) = read(written.expose()).unwrap();
    assert_eq!((key, secret.expose()), (token(), "S"));
    let (key, secret) = pair(USER, written).unwrap();
    assert_eq!((key, secret.expose()), (token(), "S"));
}

#[test]
fn other_texts_are_no_api_keys() {
    for text in ["", "sk-", "sk-none", "00112233445566778899aabbccddeeffS", "sk-0011223344556677-8899aabbccddeeffSS"] {
        assert!(read(text).is_none(), "{text}");
    }
    assert!(read("sk-0011223344556677889é").is_none());
}

#[test]
fn a_key_and_a_secret_stay_what_they_are() {
    let secret = || Secret::from("sk-x".to_owned());
    let (key, kept) = pair(&token().to_string(), secret()).unwrap();
    assert_eq!((key, kept.expose()), (token(), "sk-x"));
    assert!(pair("whr", secret()).is_none());
    assert!(pair("nobody", secret()).is_none());
}
