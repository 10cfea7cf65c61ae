//! Whatever order the log has facts in, and however often: the fold says the same.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::fact::Outcome;

/// The facts of one delivery: so many attempts, the last of which may have ended it.
fn history(event: u128) -> impl Strategy<Value = Vec<Fact>> {
    (0..5u32, any::<bool>()).prop_map(move |(attempts, has_ended)| {
        let fact = |attempt| {
            let is_last = has_ended && attempt == attempts;
            let next = match is_last {
                true => Next::End(Ending::Sent),
                false => Next::RetryAt(UnixMs(u64::from(attempt) * 1000)),
            };
            Fact::AttemptFinished {
                event: EventId(Uuid::from_u128(event)),
                at: UnixMs(u64::from(attempt)),
                attempt,
                outcome: Outcome::Answered(if is_last { 200 } else { 500 }),
                duration_ms: 1,
                next,
                reason: None,
                place: Some(7),
                answer: None,
            }
        };
        (1..=attempts).map(fact).collect()
    })
}

fn fold<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Vec<State> {
    let mut progress = Progress::default();
    facts.into_iter().for_each(|fact| progress.apply(fact));
    (0..3).map(|event| progress.of(EventId(Uuid::from_u128(event)))).collect()
}

proptest! {
    #[test]
    fn order_and_repetition_change_nothing(
        (facts, other) in (history(0), history(1), history(2)).prop_flat_map(|(a, b, c)| {
            let all = [a, b, c].concat();
            let again = prop::collection::vec(prop::sample::select(vec![true, false]), all.len());
            (Just(all), again).prop_flat_map(|(all, again)| {
                let twice = all.iter().zip(again).filter(|(_, again)| *again).map(|(fact, _)| *fact);
                let other: Vec<Fact> = all.iter().copied().chain(twice).collect();
                (Just(all), Just(other).prop_shuffle())
            })
        }),
    ) {
        prop_assert_eq!(fold(&facts), fold(&other));
    }
}
