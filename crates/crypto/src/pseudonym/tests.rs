//! Tests of pseudonyms.

use super::*;

fn name(key: u8, parts: &[&[u8]]) -> String {
    of(&DataKey::from_bytes([key; KEY_BYTES]), parts).unwrap()
}

#[test]
fn the_same_has_the_same_name_under_the_same_key_alone() {
    assert_eq!(name(1, &[b"a", b"b"]), name(1, &[b"a", b"b"]));
    assert_ne!(name(1, &[b"a", b"b"]), name(2, &[b"a", b"b"]));
}

#[test]
fn where_a_part_ends_matters() {
    let names = [name(1, &[b"ab", b"c"]), name(1, &[b"a", b"bc"]), name(1, &[b"abc"]), name(1, &[b"abc", b""])];
    for (at, one) in names.iter().enumerate() {
        assert_eq!(one.len(), 32);
        assert!(names[at + 1..].iter().all(|other| other != one));
    }
}
