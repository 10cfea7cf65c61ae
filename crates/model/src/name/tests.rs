//! Tests of names, at their limits.

use super::*;

#[test]
fn the_form_is_checked() {
    for good in ["ab", "a-b", "A~_.-9", "0x"] {
        assert_eq!(good.parse::<Name>().unwrap().as_str(), good);
    }
    for (bad, why) in [
        ("", InvalidName::TooShort),
        ("a", InvalidName::TooShort),
        ("-a", InvalidName::Character),
        ("a b", InvalidName::Character),
        ("a/b", InvalidName::Character),
        ("añ", InvalidName::Character),
    ] {
        assert_eq!(bad.parse::<Name>().unwrap_err(), why, "{bad:?}");
    }
}

#[test]
fn the_length_is_limited() {
    assert!("a".repeat(NAME_BYTES_MAX).parse::<Name>().is_ok());
    assert_eq!("a".repeat(NAME_BYTES_MAX + 1).parse::<Name>(), Err(InvalidName::TooLong));
}
