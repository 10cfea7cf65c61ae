//! What was accepted, held against what arrived.

use std::collections::BTreeSet;
use std::fmt;

use crate::Arrival;

/// The callers' side of the account: webhooks are told apart by the number in their body.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    accepted: BTreeSet<u64>,
    not_accepted: usize,
}

/// How an account closes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Webhooks that were answered 200.
    pub accepted: usize,
    /// Webhooks that were answered otherwise or not at all. They may have been taken or not.
    pub not_accepted: usize,
    /// Different webhooks that arrived.
    pub arrived: usize,
    /// The numbers of those that were accepted and did not arrive.
    pub lost: Vec<u64>,
    /// Arrivals of an event that had arrived before.
    pub duplicates: usize,
    /// First arrivals of a webhook after that of one with a higher number: that number, and its own.
    /// They mean something where one sender sent the numbers in order.
    pub inversions: Vec<(u64, u64)>,
}

impl Ledger {
    /// Notes how a caller was answered for this number.
    pub fn note(&mut self, number: u64, status: Option<u16>) {
        match status {
            Some(200) => drop(self.accepted.insert(number)),
            Some(_) | None => self.not_accepted += 1,
        }
    }

    /// How many were accepted.
    pub fn accepted(&self) -> usize {
        self.accepted.len()
    }

    /// How many were not.
    pub fn not_accepted(&self) -> usize {
        self.not_accepted
    }

    /// Adds another caller's notes.
    pub fn merge(&mut self, other: Self) {
        self.accepted.extend(other.accepted);
        self.not_accepted += other.not_accepted;
    }

    /// Whether everything that was accepted is among these arrivals.
    pub fn is_covered_by(&self, arrivals: &[Arrival]) -> bool {
        let arrived: BTreeSet<u64> = arrivals.iter().filter_map(Arrival::number).collect();
        self.accepted.is_subset(&arrived)
    }

    /// Closes the account with what arrived at one destination.
    pub fn close(&self, arrivals: &[Arrival]) -> Balance {
        let (mut numbers, mut events) = (BTreeSet::new(), BTreeSet::new());
        let (mut highest, mut inversions, mut duplicates) = (0, Vec::new(), 0);
        for arrival in arrivals {
            // A caller that was not answered sends the number again, as another event.
            if arrival.event().is_some_and(|event| !events.insert(event)) {
                duplicates += 1;
            }
            let Some(number) = arrival.number() else { continue };
            if numbers.insert(number) && number < highest {
                inversions.push((highest, number));
            }
            highest = highest.max(number);
        }
        Balance {
            accepted: self.accepted.len(),
            not_accepted: self.not_accepted,
            arrived: numbers.len(),
            lost: self.accepted.difference(&numbers).copied().collect(),
            duplicates,
            inversions,
        }
    }
}

impl Balance {
    /// Fails unless everything arrived once.
    pub fn assert_once(&self) {
        assert!(self.lost.is_empty(), "lost {:?}: {self}", self.lost);
        assert!(self.duplicates == 0, "{self}");
    }

    /// Fails unless everything arrived once and in order.
    pub fn assert_once_and_in_order(&self) {
        self.assert_once();
        assert!(self.inversions.is_empty(), "after which came which: {:?}: {self}", self.inversions);
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "accepted {}, not accepted {}, arrived {}, lost {}, duplicates {}, inversions {}",
            self.accepted,
            self.not_accepted,
            self.arrived,
            self.lost.len(),
            self.duplicates,
            self.inversions.len()
        )
    }
}
