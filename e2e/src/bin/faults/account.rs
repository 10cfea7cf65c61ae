//! Adds up what happened: for each fault, and for the whole run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::ops::AddAssign;
use std::time::{Duration, Instant};

use crate::lane::{Lane, Told, sender_of};

/// What takes longer from its acceptance to its arrival is named beside the logs.
const LATE: Duration = Duration::from_secs(5);

/// A fault that happened.
pub(crate) struct Happened {
    /// Its name.
    pub(crate) name: &'static str,
    /// When it began.
    pub(crate) began: Instant,
    /// From when its cause was gone until webhooks passed in every lane.
    pub(crate) recovery: Duration,
    /// What it remarked.
    pub(crate) remarks: Vec<String>,
}

/// What happened from the beginning of a fault to the beginning of the next, over all lanes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Webhooks that were answered 200.
    pub(crate) accepted: usize,
    /// Tries that were answered otherwise.
    pub(crate) refused: usize,
    /// Tries that nobody listened to.
    pub(crate) unreachable: usize,
    /// Tries without an answer.
    pub(crate) unknown: usize,
    /// Accepted, and not arrived: lost, unless the log says how it ended.
    pub(crate) missing: usize,
    /// Arrivals of an event that had arrived before.
    pub(crate) duplicates: usize,
    /// First arrivals of a number after a higher one of the same sender.
    pub(crate) inversions: usize,
    /// Arrivals where they must never be.
    pub(crate) foreign: usize,
    /// The longest time in which nobody's webhook was accepted in some lane.
    pub(crate) accept_gap: Duration,
    /// The longest time in which nothing arrived in some lane.
    pub(crate) arrival_gap: Duration,
    /// The longest that a webhook took from its acceptance to its first arrival.
    pub(crate) delay: Duration,
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.unreachable += other.unreachable;
        self.unknown += other.unknown;
        self.missing += other.missing;
        self.duplicates += other.duplicates;
        self.inversions += other.inversions;
        self.foreign += other.foreign;
        self.accept_gap = self.accept_gap.max(other.accept_gap);
        self.arrival_gap = self.arrival_gap.max(other.arrival_gap);
        self.delay = self.delay.max(other.delay);
    }
}

/// The figures of each stretch of time that begins at one of `marks` and ends at the next; what was
/// before the first mark counts to it, and `end` closes the last.
pub(crate) fn figures(lanes: &[Lane], marks: &[Instant], end: Instant) -> Vec<Figures> {
    let mut all = vec![Figures::default(); marks.len()];
    for lane in lanes {
        for (sum, of_lane) in all.iter_mut().zip(of_lane(lane, marks, end)) {
            *sum += of_lane;
        }
    }
    all
}

/// As [`figures`], of one lane.
pub(crate) fn of_lane(lane: &Lane, marks: &[Instant], end: Instant) -> Vec<Figures> {
    let mut all = vec![Figures::default(); marks.len()];
    let at = |time: Instant| marks.partition_point(|mark| *mark <= time).saturating_sub(1);
    let notes = lane.notes();
    let mut came = BTreeMap::new();
    for arrival in &notes.arrivals {
        came.entry(arrival.number).or_insert(arrival.at);
    }
    let mut accepts = Vec::new();
    for answer in &notes.answers {
        let figures = &mut all[at(answer.at)];
        match answer.told {
            Told::Accepted => {
                figures.accepted += 1;
                match came.get(&answer.number) {
                    Some(at) => figures.delay = figures.delay.max(at.saturating_duration_since(answer.at)),
                    None => figures.missing += 1,
                }
                accepts.push(answer.at);
            }
            Told::Refused => figures.refused += 1,
            Told::Unreachable => figures.unreachable += 1,
            Told::Unknown => figures.unknown += 1,
        }
    }
    let (mut events, mut numbers, mut highest) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
    for arrival in &notes.arrivals {
        let figures = &mut all[at(arrival.at)];
        figures.foreign += usize::from(!lane.is_own(arrival.number));
        // A caller that was not answered sends the number again, as another event.
        figures.duplicates += usize::from(arrival.event.is_some_and(|event| !events.insert(event)));
        let highest = highest.entry(sender_of(arrival.number)).or_insert(0);
        figures.inversions += usize::from(numbers.insert(arrival.number) && arrival.number < *highest);
        *highest = arrival.number.max(*highest);
    }
    let arrivals: Vec<_> = notes.arrivals.iter().map(|arrival| arrival.at).collect();
    for (number, figures) in all.iter_mut().enumerate() {
        let until = marks.get(number + 1).copied().unwrap_or(end);
        figures.accept_gap = longest_gap(&accepts, marks[number], until);
        figures.arrival_gap = longest_gap(&arrivals, marks[number], until);
    }
    all
}

/// What took longer than [`LATE`] from its acceptance to its first arrival, one a line: its lane and
/// event, and both moments in seconds since `began`.
pub(crate) fn late(lanes: &[Lane], began: Instant) -> String {
    let mut text = String::new();
    for lane in lanes {
        let notes = lane.notes();
        let accepted = notes.answers.iter().filter(|answer| answer.told == Told::Accepted);
        let accepted: BTreeMap<_, _> = accepted.map(|answer| (answer.number, answer.at)).collect();
        let mut came = BTreeSet::new();
        for arrival in notes.arrivals.iter().filter(|arrival| came.insert(arrival.number)) {
            let Some(accepted) = accepted.get(&arrival.number) else { continue };
            if arrival.at.saturating_duration_since(*accepted) > LATE {
                let [from, to] = [*accepted, arrival.at].map(|at| at.saturating_duration_since(began).as_secs_f32());
                let event = arrival.event.map(|event| event.0.to_string()).unwrap_or_default();
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{} {event} accepted {from:.1} arrived {to:.1}", lane.bucket.name);
            }
        }
    }
    text
}

/// The longest time without any of `times`, which are in order, between two moments.
pub(crate) fn longest_gap(times: &[Instant], from: Instant, until: Instant) -> Duration {
    let within = &times[times.partition_point(|time| *time < from)..times.partition_point(|time| *time <= until)];
    let (mut longest, mut before) = (Duration::ZERO, from);
    for time in within.iter().chain([&until]) {
        longest = longest.max(time.saturating_duration_since(before));
        before = *time;
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_gap_counts_the_edges() {
        let zero = Instant::now();
        let at = |seconds: u64| zero + Duration::from_secs(seconds);
        assert_eq!(longest_gap(&[], at(0), at(5)), Duration::from_secs(5));
        assert_eq!(longest_gap(&[at(1), at(2), at(4)], at(0), at(5)), Duration::from_secs(2));
        assert_eq!(longest_gap(&[at(1), at(9)], at(2), at(5)), Duration::from_secs(3));
    }
}
