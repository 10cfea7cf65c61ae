//! Which fault comes next: every one in turn, in an order that the seed decides anew for each round.

use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crate::fault::Fault;

/// An endless row of faults. The same seed gives the same row, with the same choices within each.
pub(crate) struct Schedule<'a> {
    faults: Vec<&'a Fault>,
    /// What is left of the round, last first.
    round: Vec<&'a Fault>,
    dice: SmallRng,
}

impl<'a> Schedule<'a> {
    /// A row of these faults.
    pub(crate) fn new(faults: Vec<&'a Fault>, seed: u64) -> Self {
        Self { faults, round: Vec::new(), dice: SmallRng::seed_from_u64(seed) }
    }
}

impl<'a> Iterator for Schedule<'a> {
    type Item = (&'a Fault, SmallRng);

    fn next(&mut self) -> Option<Self::Item> {
        if self.round.is_empty() {
            self.round.clone_from(&self.faults);
            self.round.shuffle(&mut self.dice);
        }
        // Dice of its own: how often one throws them changes nothing for those that follow.
        Some((self.round.pop()?, SmallRng::seed_from_u64(self.dice.random())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault;

    #[test]
    fn the_seed_decides_the_row_and_every_round_has_each_once() {
        let faults = fault::all();
        let row = |seed| -> Vec<_> {
            let schedule = Schedule::new(faults.iter().collect(), seed);
            schedule.take(2 * faults.len()).map(|(fault, mut dice)| (fault.name, dice.random::<u64>())).collect()
        };
        assert_eq!(row(1), row(1));
        assert_ne!(row(1), row(2));
        for round in row(3).chunks(faults.len()) {
            let mut names: Vec<_> = round.iter().map(|(name, _)| *name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), faults.len());
        }
    }
}
