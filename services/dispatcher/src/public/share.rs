//! Which of the dispatchers that are there serves a public output: rendezvous hashing.
//!
//! Each asks for itself, and all who see the same dispatchers come to the same answer. When one
//! comes or goes, only the outputs that it takes or leaves move.

use model::{DispatcherId, OutputId};
use uuid::Uuid;

/// Whether an output falls to dispatcher `me` among those that are there. That `me` is there needs
/// no saying.
pub(crate) fn falls_to(me: DispatcherId, output: OutputId, there: &[DispatcherId]) -> bool {
    let mine = weight(me, output);
    there.iter().all(|other| *other == me || weight(*other, output) < mine)
}

/// The same for everyone, and different for every pair (UUID version 5, RFC 9562).
fn weight(dispatcher: DispatcherId, output: OutputId) -> Uuid {
    Uuid::new_v5(&dispatcher.0, output.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dispatchers(count: u128) -> Vec<DispatcherId> {
        (1..=count).map(|n| DispatcherId(Uuid::from_u128(n))).collect()
    }

    fn outputs() -> impl Iterator<Item = OutputId> {
        (1..=1000).map(|n| OutputId(Uuid::from_u128(n)))
    }

    /// Who serves an output; exactly one must.
    fn owner(output: OutputId, there: &[DispatcherId]) -> DispatcherId {
        let owners: Vec<_> = there.iter().filter(|me| falls_to(**me, output, there)).collect();
        assert_eq!(owners.len(), 1, "{output} {owners:?}");
        *owners[0]
    }

    #[test]
    fn every_output_falls_to_exactly_one_and_they_share_alike() {
        let there = dispatchers(4);
        for me in &there {
            let share = outputs().filter(|output| owner(*output, &there) == *me).count();
            assert!((200..=300).contains(&share), "{share}");
        }
    }

    #[test]
    fn only_what_was_with_the_one_that_goes_moves() {
        let there = dispatchers(4);
        let (gone, left) = there.split_first().unwrap();
        for output in outputs() {
            let before = owner(output, &there);
            assert!(before == *gone || before == owner(output, left));
        }
    }

    #[test]
    fn one_that_is_not_heard_of_serves_all_the_same() {
        let me = DispatcherId(Uuid::from_u128(9));
        assert!(outputs().all(|output| falls_to(me, output, &[])));
        assert!(outputs().all(|output| falls_to(me, output, &[me])));
    }
}
