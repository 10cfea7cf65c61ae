//! An envelope opens in its own place under its own key, and nowhere else.

use super::*;

const EPOCH: u32 = 7;
const SCOPE: &str = "0e3bd0c4-8a4f-4b2e-9c56-8d7f0a1b2c3d";
const SUBJECT: &[u8] = b"0123456789abcdef";

fn key(fill: u8) -> DataKey {
    DataKey::from_bytes([fill; KEY_BYTES])
}

fn place() -> Context<'static> {
    Context { kind: Kind::Chunk, scope: SCOPE, subject: SUBJECT, index: 3, last: false }
}

fn sealed(plaintext: &[u8]) -> Vec<u8> {
    seal(&key(1), EPOCH, &place(), plaintext).unwrap()
}

fn check_refused(context: &Context<'_>) {
    let refused = open(&key(1), context, sealed(b"body").into());
    assert_eq!(refused, Err(Error::Refused), "{context:?}");
}

#[test]
fn opens_what_it_sealed() {
    for length in [0, 1, 15, 16, 17, 4096] {
        let plaintext = vec![0xa5; length];
        let sealed = sealed(&plaintext);
        assert_eq!(sealed.len(), length + OVERHEAD_BYTES);
        assert_eq!(epoch_of(&sealed), Ok(EPOCH));
        let opened = open(&key(1), &place(), sealed.into()).unwrap();
        assert_eq!(opened, plaintext);
    }
}

#[test]
fn opens_in_place_when_it_holds_the_only_handle() {
    let sealed = Bytes::from(sealed(b"body"));
    let start = sealed.as_ptr() as usize;
    let opened = open(&key(1), &place(), sealed).unwrap();
    assert_eq!(opened.as_ptr() as usize, start + HEADER_BYTES);
}

#[test]
fn leaves_shared_memory_alone() {
    let sealed = Bytes::from(sealed(b"body"));
    let before = sealed.to_vec();
    let opened = open(&key(1), &place(), sealed.clone()).unwrap();
    assert_eq!(opened, b"body".as_slice());
    assert_eq!(sealed, before);
}

#[test]
fn seals_the_same_bytes_differently_each_time() {
    assert_ne!(sealed(b"body"), sealed(b"body"));
}

#[test]
fn holds_no_plaintext() {
    let marker = b"marked plaintext that must not be seen";
    let sealed = sealed(marker);
    assert!(!sealed.windows(8).any(|window| marker.windows(8).any(|m| m == window)));
}

#[test]
fn refuses_another_key() {
    let refused = open(&key(2), &place(), sealed(b"body").into());
    assert_eq!(refused, Err(Error::Refused));
}

#[test]
fn refuses_another_place() {
    check_refused(&Context { kind: Kind::Event, ..place() });
    check_refused(&Context { scope: "0e3bd0c4-8a4f-4b2e-9c56-8d7f0a1b2c3e", ..place() });
    check_refused(&Context { subject: b"0123456789abcdeg", ..place() });
    check_refused(&Context { index: 4, ..place() });
    check_refused(&Context { last: true, ..place() });
}

#[test]
fn refuses_a_byte_moved_between_scope_and_subject() {
    let from = Context::whole(Kind::Record, "ab", b"c");
    let to = Context::whole(Kind::Record, "a", b"bc");
    let sealed = seal(&key(1), EPOCH, &from, b"body").unwrap();
    assert_eq!(open(&key(1), &to, sealed.into()), Err(Error::Refused));
}

#[test]
fn refuses_every_flipped_bit() {
    let sealed = sealed(b"body");
    for bit in 0..sealed.len() * 8 {
        let mut flipped = sealed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let value = flipped[bit / 8];
        let unsupported = |field| Error::Unsupported { field, value };
        let expected = match bit / 8 {
            0 | 1 => Error::NotAnEnvelope,
            2 => unsupported("version"),
            3 => unsupported("suite"),
            4 => unsupported("flags"),
            5 => unsupported("reserved byte"),
            _ => Error::Refused,
        };
        let result = open(&key(1), &place(), flipped.into());
        assert_eq!(result, Err(expected), "bit {bit}");
    }
}

#[test]
fn refuses_every_truncation_and_an_extra_byte() {
    let sealed = sealed(b"body");
    for length in 0..sealed.len() {
        let result = open(&key(1), &place(), sealed[..length].to_vec().into());
        let expected = if length < OVERHEAD_BYTES { Error::NotAnEnvelope } else { Error::Refused };
        assert_eq!(result, Err(expected), "{length} bytes");
    }
    let mut longer = sealed;
    longer.push(0);
    assert_eq!(open(&key(1), &place(), longer.into()), Err(Error::Refused));
}

#[test]
fn names_a_version_and_a_suite_that_it_does_not_know() {
    let mut newer = sealed(b"body");
    newer[2] = 2;
    let version = Error::Unsupported { field: "version", value: 2 };
    assert_eq!(epoch_of(&newer), Err(version.clone()));
    assert_eq!(open(&key(1), &place(), newer.into()), Err(version));

    let mut other = sealed(b"body");
    other[3] = 0;
    let suite = Error::Unsupported { field: "suite", value: 0 };
    assert_eq!(epoch_of(&other), Err(suite.clone()));
    assert_eq!(suite.to_string(), "sealed envelope has unsupported suite 0");
    assert_eq!(open(&key(1), &place(), other.into()), Err(suite));
}

#[test]
fn takes_names_at_their_limits_and_refuses_more() {
    let scope = "s".repeat(SCOPE_BYTES_MAX + 1);
    let subject = [0; SUBJECT_BYTES_MAX + 1];
    let at_limit = Context::whole(Kind::Record, &scope[..SCOPE_BYTES_MAX], &subject[..SUBJECT_BYTES_MAX]);
    let sealed = seal(&key(1), EPOCH, &at_limit, b"body").unwrap();
    assert!(open(&key(1), &at_limit, sealed.clone().into()).is_ok());

    let over_scope = Context { scope: &scope, ..at_limit };
    let over_subject = Context { subject: &subject, ..at_limit };
    for (context, what, bytes_max) in
        [(over_scope, "scope", SCOPE_BYTES_MAX), (over_subject, "subject", SUBJECT_BYTES_MAX)]
    {
        let too_long = Error::TooLong { what, bytes: bytes_max + 1, bytes_max };
        assert_eq!(seal(&key(1), EPOCH, &context, b"body"), Err(too_long.clone()));
        assert_eq!(open(&key(1), &context, sealed.clone().into()), Err(too_long));
    }
}

#[test]
fn takes_a_plaintext_at_its_limit_and_refuses_more() {
    let plaintext = vec![0; PLAINTEXT_BYTES_MAX + 1];
    let at_limit = sealed(&plaintext[..PLAINTEXT_BYTES_MAX]);
    let opened = open(&key(1), &place(), at_limit.into()).unwrap();
    assert_eq!(opened.len(), PLAINTEXT_BYTES_MAX);
    assert_eq!(
        seal(&key(1), EPOCH, &place(), &plaintext),
        Err(Error::TooLong { what: "plaintext", bytes: PLAINTEXT_BYTES_MAX + 1, bytes_max: PLAINTEXT_BYTES_MAX })
    );
}

/// The golden envelope: what version 1 wrote once must open for ever, and version 1 must go on
/// writing it.
#[test]
fn the_golden_envelope_opens() {
    let golden = include_bytes!("../../testdata/envelope-v1.bin");
    let key = DataKey::from_bytes(std::array::from_fn(|i| i as u8));
    let salt = std::array::from_fn(|i| 0x80 + i as u8);
    let plaintext = b"a webhook as it came";

    assert_eq!(epoch_of(golden), Ok(0x0102_0304));
    let opened = open(&key, &place(), Bytes::from_static(golden)).unwrap();
    assert_eq!(opened, plaintext.as_slice());
    let again = seal_with_salt(&key, 0x0102_0304, &place(), plaintext, &salt).unwrap();
    assert_eq!(again, golden);
}
