//! Memory ends with time and has a bound.

use crypto::Secret;
use crypto::fingerprint::Fingerprinter;

use super::*;

const LIFETIME: Duration = Duration::from_secs(60);

fn fingerprints() -> impl Fn(usize) -> Fingerprint {
    let fingerprinter = Fingerprinter::new().unwrap();
    move |n| fingerprinter.fingerprint("key", &Secret::from(n.to_string())).unwrap()
}

#[test]
fn a_value_counts_for_its_lifetime() {
    let (of, now) = (fingerprints(), Instant::now());
    let remembered = Remembered::new(16, LIFETIME);
    remembered.put(of(1), 'a', now);
    assert_eq!(remembered.get(&of(1), now + LIFETIME - Duration::from_millis(1)), Some('a'));
    assert_eq!(remembered.get(&of(1), now + LIFETIME), None);
    assert_eq!(remembered.get(&of(2), now), None);
}

#[test]
fn the_last_value_counts_wherever_the_one_before_lies() {
    let (of, now) = (fingerprints(), Instant::now());
    let remembered = Remembered::new(4, LIFETIME);
    remembered.put(of(1), 'a', now);
    remembered.put(of(2), 'b', now);
    remembered.put(of(3), 'c', now);
    remembered.put(of(1), 'd', now);
    assert_eq!(remembered.get(&of(1), now), Some('d'));
    assert_eq!(remembered.get(&of(2), now), Some('b'));
}

#[test]
fn a_flood_stays_within_the_bound_and_leaves_the_newest() {
    let (of, now) = (fingerprints(), Instant::now());
    let remembered = Remembered::new(100, LIFETIME);
    for n in 0..1000 {
        remembered.put(of(n), n, now);
    }
    let kept = (0..1000).filter(|n| remembered.get(&of(*n), now).is_some()).count();
    assert!((50..=100).contains(&kept), "{kept}");
    assert_eq!(remembered.get(&of(999), now), Some(999));
}
