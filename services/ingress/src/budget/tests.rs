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
