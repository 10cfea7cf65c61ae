//! Outcomes that were reported so shortly before a session ended that they may be lost with it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::worker::Ended;

/// How shortly: longer than it takes until a silent session counts as dead, two heartbeats of ten
/// seconds, since a connection may be cut without a word.
const UNSURE_TIME: Duration = Duration::from_secs(60);
/// How many of them are kept.
const UNSURE_MAX: usize = 4096;

/// What a session reported last.
#[derive(Debug, Default)]
pub struct Unsure {
    reported: VecDeque<(Ended, Instant)>,
}

impl Unsure {
    /// Takes in what was reported.
    pub fn add(&mut self, ended: Ended, now: Instant) {
        while self.reported.front().is_some_and(|(_, at)| is_sure(*at, now)) || self.reported.len() >= UNSURE_MAX {
            self.reported.pop_front();
        }
        self.reported.push_back((ended.without_answer(), now));
    }

    /// The session has ended: what the dispatcher may not have got.
    pub fn into_lost(self, now: Instant) -> impl Iterator<Item = Ended> {
        self.reported.into_iter().filter(move |(_, at)| !is_sure(*at, now)).map(|(ended, _)| ended)
    }
}

fn is_sure(at: Instant, now: Instant) -> bool {
    now.duration_since(at) >= UNSURE_TIME
}
