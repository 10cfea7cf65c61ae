//! Fuzz targets: what is read here of outsiders' bytes.

use crate::key::{DataKey, KEY_BYTES, MasterKey, MasterKeys, WrappedKey};
use crate::seal::{self, Context, Kind};
use crate::session::{self, Audience, PublicKey};
use crate::{Secret, api_key};

/// A target with its name.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    ("envelope", envelope),
    ("wrapped_key", wrapped_key),
    ("master_keys", master_keys),
    ("api_key", api_key_),
    ("session_token", session_token),
];

fn envelope(input: &[u8]) {
    let key = DataKey::from_bytes([7; KEY_BYTES]);
    let context = Context::whole(Kind::Event, "system", b"subject");
    let _ = seal::epoch_of(input);
    assert!(seal::open(&key, &context, input.to_vec().into()).is_err(), "nobody seals by chance");
}

fn wrapped_key(input: &[u8]) {
    let Ok(wrapped) = serde_json::from_slice::<WrappedKey>(input) else { return };
    let Ok(master) = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".parse::<MasterKey>() else { return };
    assert!(MasterKeys::new(master, Vec::new()).unwrap("system", 1, &wrapped).is_err());
}

/// The file of master keys; the text of the key that verifies session tokens.
fn master_keys(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let _ = text.parse::<MasterKeys>().map(drop);
    let Ok(key) = text.parse::<PublicKey>() else { return };
    assert_eq!(key.to_string().parse::<PublicKey>().ok(), Some(key));
}

fn api_key_(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Some((key, secret)) = api_key::read(text) {
        let again = api_key::read(api_key::write(key, &secret).expose());
        assert!(again.is_some_and(|(k, s)| k == key && s.expose() == secret.expose()));
    }
    api_key::pair(text, Secret::from(text.to_owned()));
}

fn session_token(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let key = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=".parse::<PublicKey>();
    let Ok(key) = key else { return };
    assert!(session::verify(text, &[key], Audience::Api, 0).is_err());
}

#[cfg(test)]
#[test]
fn no_bytes_break_a_target() {
    mutator::shake(TARGETS);
}
