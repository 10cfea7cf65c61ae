//! A fingerprint stands for one key and one secret in one process.

use std::collections::HashSet;

use super::*;

fn secret(text: &str) -> Secret {
    Secret::from(text.to_owned())
}

#[test]
fn is_the_same_for_the_same_and_different_for_anything_else() {
    let fingerprinter = Fingerprinter::new().unwrap();
    let of = |key, text| fingerprinter.fingerprint(key, &secret(text)).unwrap();
    let known = HashSet::from([of("key", "secret")]);
    assert!(known.contains(&of("key", "secret")));
    assert!(!known.contains(&of("key", "Secret")));
    assert!(!known.contains(&of("kez", "secret")));
    assert!(!known.contains(&of("keys", "ecret")));
}

#[test]
fn means_nothing_to_another_process() {
    let here = Fingerprinter::new().unwrap();
    let there = Fingerprinter::new().unwrap();
    assert_ne!(here.fingerprint("key", &secret("secret")), there.fingerprint("key", &secret("secret")));
}

#[test]
fn does_not_print() {
    let fingerprinter = Fingerprinter::new().unwrap();
    let fingerprint = fingerprinter.fingerprint("key", &secret("secret")).unwrap();
    assert_eq!(format!("{fingerprinter:?}"), "Fingerprinter(…)");
    assert_eq!(format!("{fingerprint:?}"), "Fingerprint(…)");
}
