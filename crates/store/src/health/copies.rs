//! Whether every stream has all its copies. What one of several NATS servers lacks, as one whose disk
//! was full, shows nowhere else while the others go on.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::Info;
use tokio::time::Instant;

/// What has lacked a copy for longer than this is not merely catching up, as after a restart.
const LACKS_MAX: Duration = Duration::from_secs(60);

/// The streams that lack a copy, and since when.
#[derive(Clone, Debug, Default)]
pub(super) struct Copies {
    since: BTreeMap<String, Instant>,
}

impl Copies {
    /// What each of these streams is known to lack now; of one about which NATS says nothing, what is
    /// known stays.
    pub(super) async fn looked(mut self, context: &Context, streams: &[String]) -> Self {
        for name in streams {
            // That NATS does not answer shows in the other checks.
            let Ok(stream) = context.get_stream(name).await else { break };
            self.note(name, lacks(stream.cached_info()), Instant::now());
        }
        self
    }

    /// What is wrong, for people.
    pub(super) fn problem(&self, now: Instant) -> Option<String> {
        let lacking = self.since.iter().map(|(name, since)| (name, now.saturating_duration_since(*since)));
        let lacking: Vec<_> = lacking.filter(|(_, lacks)| *lacks > LACKS_MAX).collect();
        let (name, longest) = lacking.iter().max_by_key(|(_, lacks)| *lacks)?;
        let (seconds, count) = (longest.as_secs(), lacking.len());
        Some(format!(
            "streams without all their copies: {count}, {name} for {seconds} s; is a NATS server away, or was its disk full?"
        ))
    }

    fn note(&mut self, name: &str, lacks: bool, now: Instant) {
        if lacks {
            self.since.entry(name.to_owned()).or_insert(now);
        } else {
            self.since.remove(name);
        }
    }
}

/// Whether a copy of the stream is missing, or is not current.
fn lacks(info: &Info) -> bool {
    let copies = info.cluster.as_ref().map(|cluster| &cluster.replicas);
    let current = copies.into_iter().flatten().filter(|copy| copy.current && !copy.offline).count();
    // The leader has one too.
    current + 1 < info.config.num_replicas
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_is_missing_is_told_after_a_minute_until_it_is_back() {
        let (mut copies, start) = (Copies::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        copies.note("EVENT_0", true, at(0));
        copies.note("EVENT_1", true, at(10));
        copies.note("EVENT_2", false, at(10));
        assert_eq!(copies.problem(at(60)), None);
        assert!(copies.problem(at(61)).unwrap().starts_with("streams without all their copies: 1, EVENT_0 for 61 s;"));
        copies.note("EVENT_0", true, at(90));
        assert!(copies.problem(at(90)).unwrap().starts_with("streams without all their copies: 2, EVENT_0 for 90 s;"));
        copies.note("EVENT_0", false, at(91));
        copies.note("EVENT_1", false, at(91));
        assert_eq!(copies.problem(at(500)), None);
    }
}
