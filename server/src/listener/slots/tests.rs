//! Limits at the limit.

use super::*;

fn slots() -> Slots {
    Slots::new(&Limits { connections_max: 5, connections_per_address_max: 2, ..Limits::default() })
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn an_address_has_its_slots_and_no_more_until_one_is_given_back() {
    let slots = slots();
    let first = slots.take(address("192.0.2.1"));
    let second = slots.take(address("::ffff:192.0.2.1"));
    assert!(first.is_some() && second.is_some());
    assert!(slots.take(address("192.0.2.1")).is_none(), "the third is over the limit");
    assert!(slots.take(address("192.0.2.2")).is_some(), "another address is not concerned");
    drop(first);
    assert!(slots.take(address("192.0.2.1")).is_some());
}

#[test]
fn a_64_counts_as_one_address() {
    let slots = slots();
    let _held = [slots.take(address("2001:db8::1")), slots.take(address("2001:db8::2"))];
    assert!(slots.take(address("2001:db8::3")).is_none());
    assert!(slots.take(address("2001:db8:0:1::1")).is_some());
}

#[test]
fn loopback_may_use_all_of_them_and_nothing_is_remembered() {
    let slots = slots();
    let held: Vec<_> = (0..5).filter_map(|_| slots.take(address("127.0.0.1"))).collect();
    assert_eq!(held.len(), 5);
    assert!(slots.take(address("127.0.0.1")).is_none());
    drop(held);
    assert!(slots.taken.lock().unwrap().is_empty());
}
