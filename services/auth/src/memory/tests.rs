//! What is remembered holds for a minute, for one generation.

use crypto::Secret;
use crypto::fingerprint::Fingerprinter;

use super::*;

const ACTIVE: Standing = Standing::Active(1);

fn secrets() -> (Fingerprint, Fingerprint) {
    let fingerprinter = Fingerprinter::new().unwrap();
    let of = |text: &str| fingerprinter.fingerprint("key", &Secret::from(text.to_owned())).unwrap();
    (of("one"), of("other"))
}

#[test]
fn knows_nothing_of_a_new_secret() {
    let (one, other) = secrets();
    let now = Instant::now();
    let mut memory = Memory::new();
    memory.remember_right(other, 1, now);
    assert_eq!(memory.recall(one, ACTIVE, now), Recollection::Nothing);
}

#[test]
fn a_right_secret_is_right_for_a_minute() {
    let (one, _) = secrets();
    let now = Instant::now();
    let mut memory = Memory::new();
    memory.remember_right(one, 1, now);
    let just_before = now + FRESH - Duration::from_millis(1);
    assert_eq!(memory.recall(one, ACTIVE, just_before), Recollection::Right);
    assert_eq!(memory.recall(one, ACTIVE, now + FRESH), Recollection::WasRight);
}

#[test]
fn a_right_secret_is_not_right_for_another_generation_or_a_revoked_token() {
    let (one, _) = secrets();
    let now = Instant::now();
    let mut memory = Memory::new();
    memory.remember_right(one, 1, now);
    assert_eq!(memory.recall(one, Standing::Active(2), now), Recollection::WasRight);
    assert_eq!(memory.recall(one, Standing::Unusable, now), Recollection::WasRight);
}

#[test]
fn a_wrong_secret_is_wrong_for_a_minute_and_one_generation() {
    let (one, _) = secrets();
    let now = Instant::now();
    let mut memory = Memory::new();
    memory.remember_wrong(one, Standing::Unusable, now);
    assert_eq!(memory.recall(one, Standing::Unusable, now), Recollection::Wrong);
    assert_eq!(memory.recall(one, Standing::Unusable, now + FRESH), Recollection::Nothing);
    // The token was made meanwhile.
    assert_eq!(memory.recall(one, ACTIVE, now), Recollection::Nothing);
}

#[test]
fn the_last_verification_counts() {
    let (one, _) = secrets();
    let now = Instant::now();
    let mut memory = Memory::new();
    memory.remember_right(one, 1, now);
    memory.remember_wrong(one, ACTIVE, now);
    assert_eq!(memory.recall(one, ACTIVE, now), Recollection::Wrong);
    memory.remember_right(one, 1, now);
    assert_eq!(memory.recall(one, ACTIVE, now), Recollection::Right);
}

#[test]
fn a_flood_of_wrong_secrets_does_not_push_out_a_right_one() {
    let fingerprinter = Fingerprinter::new().unwrap();
    let (one, _) = secrets();
    let now = Instant::now();
    let mut memory = Memory::new();
    memory.remember_right(one, 1, now);
    for n in 0..3 * WRONG_MAX {
        let invented = Secret::from(n.to_string());
        let invented = fingerprinter.fingerprint("key", &invented).unwrap();
        memory.remember_wrong(invented, Standing::Unusable, now);
    }
    assert_eq!(memory.recall(one, ACTIVE, now), Recollection::Right);
}
