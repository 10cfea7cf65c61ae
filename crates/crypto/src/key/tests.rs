//! A wrapped data key opens for its scope and epoch, under a master key that is loaded.

use super::*;

const SCOPE: &str = "0e3bd0c4-8a4f-4b2e-9c56-8d7f0a1b2c3d";
const EPOCH: u32 = 3;

fn master() -> MasterKey {
    MasterKey::generate().unwrap()
}

fn alone(key: MasterKey) -> MasterKeys {
    MasterKeys::new(key, Vec::new())
}

#[test]
fn unwraps_what_it_wrapped() {
    let keys = alone(master());
    let (key, wrapped) = keys.wrap_new(SCOPE, EPOCH).unwrap();
    assert_eq!(wrapped.master_key(), keys.active_id());
    let again = keys.unwrap(SCOPE, EPOCH, &wrapped).unwrap();
    assert_eq!(again.expose(), key.expose());
}

#[test]
fn makes_a_new_key_each_time() {
    let keys = alone(master());
    let (first, _) = keys.wrap_new(SCOPE, EPOCH).unwrap();
    let (second, _) = keys.wrap_new(SCOPE, EPOCH).unwrap();
    assert_ne!(first.expose(), second.expose());
}

#[test]
fn refuses_another_scope_and_epoch() {
    let keys = alone(master());
    let (_, wrapped) = keys.wrap_new(SCOPE, EPOCH).unwrap();
    for (scope, epoch) in [("system", EPOCH), (SCOPE, EPOCH + 1)] {
        let refused = keys.unwrap(scope, epoch, &wrapped);
        assert_eq!(refused.err(), Some(Error::Refused));
    }
}

#[test]
fn names_a_master_key_that_is_not_loaded() {
    let (old, new) = (master(), master());
    let (_, wrapped) = alone(old.clone()).wrap_new(SCOPE, EPOCH).unwrap();
    let keys = alone(new);
    assert!(!keys.holds(old.id()));
    let unknown = keys.unwrap(SCOPE, EPOCH, &wrapped).err();
    assert_eq!(unknown, Some(Error::UnknownMasterKey(old.id())));
}

#[test]
fn refuses_a_key_that_claims_another_master_key() {
    let (old, new) = (master(), master());
    let (_, mut wrapped) = alone(old.clone()).wrap_new(SCOPE, EPOCH).unwrap();
    wrapped.master_key = new.id();
    let keys = MasterKeys::new(new, vec![old]);
    let refused = keys.unwrap(SCOPE, EPOCH, &wrapped).err();
    assert_eq!(refused, Some(Error::Refused));
}

#[test]
fn refuses_every_flipped_bit() {
    let keys = alone(master());
    let (_, wrapped) = keys.wrap_new(SCOPE, EPOCH).unwrap();
    for bit in 0..NONCE_BYTES * 8 {
        let mut flipped = wrapped.clone();
        flipped.nonce[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(keys.unwrap(SCOPE, EPOCH, &flipped).err(), Some(Error::Refused));
    }
    for bit in 0..WRAPPED_BYTES * 8 {
        let mut flipped = wrapped.clone();
        flipped.sealed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(keys.unwrap(SCOPE, EPOCH, &flipped).err(), Some(Error::Refused));
    }
}

#[test]
fn a_rotation_rewraps_and_keeps_the_data_key() {
    let (old, new) = (master(), master());
    let (key, wrapped) = alone(old.clone()).wrap_new(SCOPE, EPOCH).unwrap();
    let both = MasterKeys::new(new.clone(), vec![old]);
    assert!(both.holds(wrapped.master_key()));

    let rewrapped = both.rewrap(SCOPE, EPOCH, &wrapped).unwrap().unwrap();
    assert_eq!(rewrapped.master_key(), new.id());
    assert_eq!(both.rewrap(SCOPE, EPOCH, &rewrapped), Ok(None));

    let after = alone(new).unwrap(SCOPE, EPOCH, &rewrapped).unwrap();
    assert_eq!(after.expose(), key.expose());
}

#[test]
fn takes_a_scope_at_its_limit_and_refuses_more() {
    let keys = alone(master());
    let scope = "s".repeat(SCOPE_BYTES_MAX + 1);
    assert!(keys.wrap_new(&scope[1..], EPOCH).is_ok());
    let too_long = Error::TooLong { what: "scope", bytes: SCOPE_BYTES_MAX + 1, bytes_max: SCOPE_BYTES_MAX };
    assert_eq!(keys.wrap_new(&scope, EPOCH).err(), Some(too_long));
}

#[test]
fn a_master_key_reads_what_it_writes() {
    let key = master();
    let text = key.to_base64();
    let again: MasterKey = format!("{}\n", text.expose()).parse().unwrap();
    assert_eq!(again.id(), key.id());
    assert_eq!(again.to_base64().expose(), text.expose());
}

#[test]
fn refuses_master_keys_of_the_wrong_form() {
    let placeholder = encoding::to_base64(&[7; KEY_BYTES]);
    let short = encoding::to_base64(&[1; KEY_BYTES - 1]);
    let long = encoding::to_base64(&[1; KEY_BYTES + 1]);
    for text in ["", "not base64!", &placeholder, &short, &long] {
        let error = text.parse::<MasterKey>().unwrap_err();
        assert!(matches!(error, Error::InvalidKey { what: "master key", .. }), "{text}");
        assert!(text.is_empty() || !error.to_string().contains(text));
    }
}

#[test]
fn several_master_keys_are_read_and_the_first_wraps() {
    let (one, two, three) = (master(), master(), master());
    let text = [&one, &two, &three].map(|key| key.to_base64().expose().to_owned());
    for between in ["\n", ",", "\r\n", " , "] {
        let keys: MasterKeys = format!("{}\n", text.join(between)).parse().unwrap();
        assert_eq!(keys.active_id(), one.id());
        assert!([&one, &two, &three].into_iter().map(MasterKey::id).eq(keys.ids()));
    }
    let twice = format!("{},{}", text[0], text[0]);
    for wrong in ["", " \n", ",", "short", &twice, &format!("{}\nshort", text[0])] {
        let error = wrong.parse::<MasterKeys>().unwrap_err();
        assert!(matches!(error, Error::InvalidKey { what: "master key", .. }), "{error}");
    }
}

#[test]
fn ids_read_what_they_write_and_nothing_else() {
    let id = master().id();
    assert_eq!(id.to_string().parse(), Ok(id));
    assert_eq!(id.to_string().len(), 16);
    for text in ["", "0123456789abcde", "0123456789abcdeF", "0123456789abcdefa"] {
        assert!(text.parse::<MasterKeyId>().is_err(), "{text}");
    }
}

#[test]
fn keys_do_not_print() {
    let key = master();
    let keys = alone(key.clone());
    let (data, _) = keys.wrap_new(SCOPE, EPOCH).unwrap();
    assert_eq!(format!("{key:?}"), format!("MasterKey({})", key.id()));
    assert!(!format!("{keys:?}").contains(key.to_base64().expose()));
    assert_eq!(format!("{data:?}"), "DataKey(…)");
}

/// The golden record: what was stored once must unwrap for ever.
#[test]
fn the_golden_wrapped_key_unwraps() {
    let text = include_str!("../../testdata/wrapped-key-v1.json");
    let wrapped: WrappedKey = serde_json::from_str(text).unwrap();
    let master: MasterKey = encoding::to_base64(&std::array::from_fn::<u8, 32, _>(|i| i as u8)).parse().unwrap();
    assert_eq!(master.id().to_string(), "203e2c9ce336c3bd");
    let key = alone(master).unwrap(SCOPE, EPOCH, &wrapped).unwrap();
    assert_eq!(key.expose(), &[0x5a; KEY_BYTES]);
    assert_eq!(serde_json::to_string(&wrapped).unwrap(), text.trim_end());
}

#[test]
fn refuses_stored_keys_of_the_wrong_form() {
    let keys = alone(master());
    let (_, wrapped) = keys.wrap_new(SCOPE, EPOCH).unwrap();
    let text = serde_json::to_string(&wrapped).unwrap();
    assert_eq!(serde_json::from_str::<WrappedKey>(&text).unwrap(), wrapped);
    let nonce = encoding::to_base64(&wrapped.nonce);
    for bad in ["", "AAAA", "?"] {
        let changed = text.replace(&nonce, bad);
        assert!(serde_json::from_str::<WrappedKey>(&changed).is_err());
    }
}
