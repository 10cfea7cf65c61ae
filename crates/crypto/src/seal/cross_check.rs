//! The envelope written a second time from its description, with another library (ring), and each
//! checked against the other.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;

use super::{Bytes, Context, DataKey, Kind, open, seal};

const DATA_KEY: [u8; 32] = [0x42; 32];
const EPOCH: u32 = 0xfedc_ba98;
const PLAINTEXT: &[u8] = b"the same bytes by two ways";

fn place() -> Context<'static> {
    Context { kind: Kind::Event, scope: "system", subject: b"account.1", index: 0x0a0b_0c0d, last: true }
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, message).as_ref().to_vec()
}

/// HKDF-SHA256 (RFC 5869) to 64 bytes, from HMAC alone.
fn hkdf_64(salt: &[u8], ikm: &[u8], info: &[u8]) -> Vec<u8> {
    let prk = hmac_sha256(salt, ikm);
    let first = hmac_sha256(&prk, &[info, &[1]].concat());
    let second = hmac_sha256(&prk, &[&first, info, &[2]].concat());
    [first, second].concat()
}

fn scope_and_subject() -> Vec<u8> {
    [b"\0\0\0\x06system".as_slice(), b"\0\0\0\x09account.1"].concat()
}

/// Returns key, commitment and associated data for `salt`.
fn by_the_book(salt: &[u8]) -> (LessSafeKey, Vec<u8>, Vec<u8>) {
    let info = [b"relay-seal-1\0\x01".as_slice(), &scope_and_subject()].concat();
    let output = hkdf_64(salt, &DATA_KEY, &info);
    let (key, commitment) = output.split_at(32);
    let header = [b"WR\x01\x01\0\0\0\x01\xfe\xdc\xba\x98".as_slice(), salt, commitment].concat();
    let aad = [header.as_slice(), &scope_and_subject(), b"\x0a\x0b\x0c\x0d\x01"].concat();
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap());
    (key, header, aad)
}

#[test]
fn ring_opens_what_we_seal() {
    let data_key = DataKey::from_bytes(DATA_KEY);
    let sealed = seal(&data_key, EPOCH, &place(), PLAINTEXT).unwrap();
    let (key, header, aad) = by_the_book(&sealed[12..44]);
    assert_eq!(sealed[..76], header);
    let mut body = sealed[76..].to_vec();
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    let opened = key.open_in_place(nonce, Aad::from(aad), &mut body).unwrap();
    assert_eq!(opened, PLAINTEXT);
}

#[test]
fn we_open_what_ring_seals() {
    let (key, header, aad) = by_the_book(&[0x17; 32]);
    let mut body = PLAINTEXT.to_vec();
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut body).unwrap();
    let sealed = Bytes::from([header, body].concat());
    let opened = open(&DataKey::from_bytes(DATA_KEY), &place(), sealed).unwrap();
    assert_eq!(opened, PLAINTEXT);
}

/// A valid tag does not help an envelope that commits to another key.
#[test]
fn we_refuse_a_wrong_commitment_under_a_valid_tag() {
    let (key, mut header, mut aad) = by_the_book(&[0x17; 32]);
    header[75] ^= 1;
    aad[75] ^= 1;
    let mut body = PLAINTEXT.to_vec();
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut body).unwrap();
    let sealed = Bytes::from([header, body].concat());
    let refused = open(&DataKey::from_bytes(DATA_KEY), &place(), sealed);
    assert_eq!(refused, Err(super::Error::Refused));
}
