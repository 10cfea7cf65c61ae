//! The budget at its limit.

use super::*;

#[test]
fn shares_take_what_they_hold_and_give_it_back() {
    let budget = Budget::new(3 * STEP_BYTES);
    let (mut one, mut two) = (budget.share(), budget.share());
    assert_eq!(one.hold(1), Ok(()));
    assert_eq!(one.hold(STEP_BYTES), Ok(()), "still the first step");
    assert_eq!(two.hold(STEP_BYTES + 1), Ok(()));
    assert_eq!(one.hold(STEP_BYTES + 1), Err(Exhausted));
    drop(two);
    assert_eq!(one.hold(3 * STEP_BYTES), Ok(()));
    assert_eq!(budget.share().hold(0), Ok(()));
    assert_eq!(budget.share().hold(1), Err(Exhausted));
    drop(one);
    assert_eq!(budget.share().hold(3 * STEP_BYTES), Ok(()));
}

#[test]
fn an_address_takes_its_part_and_leaves_the_rest_to_others() {
    let budget = Budget::new(8 * STEP_BYTES).with_address_max(2 * STEP_BYTES);
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    let hold = |peer: &str, steps: usize| {
        let mut share = budget.share_of(address(peer));
        share.hold(steps * STEP_BYTES).map(|()| share)
    };
    let one = hold("192.0.2.1", 1).unwrap();
    let two = hold("::ffff:192.0.2.1", 1).unwrap();
    assert_eq!(hold("192.0.2.1", 1).err(), Some(Exhausted), "over all requests of the address");
    assert!(hold("192.0.2.2", 2).is_ok(), "another address");
    let of_64 = hold("2001:db8:1:2::3", 2).unwrap();
    assert_eq!(hold("2001:db8:1:2:ffff::4", 1).err(), Some(Exhausted), "the same /64");
    assert!(hold("2001:db8:1:3::3", 2).is_ok(), "another /64");
    assert!(hold("127.0.0.1", 4).is_ok() && hold("::1", 4).is_ok(), "a proxy on this machine");
    drop(one);
    assert!(hold("192.0.2.1", 1).is_ok(), "given back");
    drop((two, of_64));
    assert!(budget.taken.lock().unwrap().is_empty(), "who holds nothing is forgotten");
    assert_eq!(budget.steps.available_permits(), 8);
}
