//! Secrets of every length up to the limit have a hash, and only their own.

use super::*;

fn secret(text: impl Into<String>) -> Secret {
    Secret::from(text.into())
}

#[test]
fn generated_secrets_are_letters_and_digits_within_the_limit() {
    let first = generate().unwrap();
    let second = generate().unwrap();
    assert_ne!(first.expose(), second.expose());
    assert_eq!(first.expose().len(), SECRET_CHARS);
    assert!(first.expose().bytes().all(|b| b.is_ascii_alphanumeric()));
    const { assert!(SECRET_CHARS <= SECRET_BYTES_MAX) }
}

/// 62^43 > 2^256, and every character is as likely as the others: over 43,000 characters each of
/// the 62 is expected 694 times with a deviation of 26; eight deviations never happen by chance.
#[test]
fn generated_characters_are_equally_likely() {
    let mut counts = [0_u32; 256];
    for _ in 0..1000 {
        for byte in generate().unwrap().expose().bytes() {
            counts[usize::from(byte)] += 1;
        }
    }
    for character in ALPHABET {
        let count = counts[usize::from(*character)];
        assert!((486..=902).contains(&count), "{character}: {count}");
    }
}

#[test]
fn verifies_its_own_secret_only() {
    let hash = hash(&secret("right")).unwrap();
    assert!(hash.starts_with("$2b$10$"), "{hash}");
    assert_eq!(verify(&secret("right"), &hash), Ok(true));
    assert_eq!(verify(&secret("wrong"), &hash), Ok(false));
    assert_eq!(verify(&secret(""), &hash), Ok(false));
}

#[test]
fn takes_a_secret_at_its_limit_and_reads_all_of_it() {
    let longest = "a".repeat(SECRET_BYTES_MAX);
    let hash = hash(&secret(&longest)).unwrap();
    assert_eq!(verify(&secret(&longest), &hash), Ok(true));
    let last_differs = format!("{}b", &longest[1..]);
    assert_eq!(verify(&secret(last_differs), &hash), Ok(false));
    // Cut to 72 bytes, this one would pass elsewhere.
    assert_eq!(verify(&secret(format!("{longest}a")), &hash), Ok(false));
}

#[test]
fn refuses_secrets_that_bcrypt_would_cut_and_empty_ones() {
    let too_long = hash(&secret("a".repeat(SECRET_BYTES_MAX + 1)));
    assert_eq!(too_long, Err(Error::TooLong { what: "secret", bytes: 72, bytes_max: 71 }));
    assert_eq!(hash(&secret("")), Err(Error::Empty { what: "secret" }));
}

#[test]
fn counts_bytes_and_not_characters() {
    assert!(hash(&secret("ä".repeat(36))).is_err());
}

#[test]
fn names_a_damaged_hash() {
    for damaged in ["", "plain", "$2b$10$short", "$2b$10$äääääääääääääääääääääääääääääääääää"]
    {
        let result = verify(&secret("right"), damaged);
        assert_eq!(result, Err(Error::InvalidHash), "{damaged}");
    }
}

#[test]
fn the_hash_of_nobody_is_a_hash_of_the_same_cost() {
    assert_eq!(verify_nobody(&secret("any")), Ok(()));
    assert_eq!(verify(&secret("any"), NOBODYS_HASH), Ok(false));
    assert!(NOBODYS_HASH.starts_with(&format!("$2b${COST}$")));
}
