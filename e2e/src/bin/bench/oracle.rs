//! Whether the time of an answer tells which inputs exist.
//!
//! Requests to an input that exists and to one that does not are sent in pairs, one after another
//! on one connection, in an order that changes from pair to pair, so that whatever else happens on
//! the machine happens to both.

use std::time::Instant;

use anyhow::ensure;
use e2e::http::Answer;
use e2e::nats::Durability;
use e2e::report::say;
use model::InputId;
use uuid::Uuid;

use crate::args::Args;
use crate::load::{Latencies, latencies, record};
use crate::rig::Rig;

/// Values above this share of all are cut off before times are compared: they tell of the
/// machine's interruptions, and hide everything else.
const CUT_ABOVE: f64 = 0.95;

/// What was measured.
pub(crate) struct Oracle {
    /// How many requests each of the two got.
    pub(crate) count: usize,
    pub(crate) known: Latencies,
    pub(crate) unknown: Latencies,
    /// Welch's t of all times.
    pub(crate) t: f64,
    /// Welch's t without the slowest of each.
    pub(crate) t_cut: f64,
}

/// Measures both, and compares every answer byte for byte but for its date.
pub(crate) async fn measure(args: &Args) -> anyhow::Result<Oracle> {
    let rig = Rig::start(Durability::Always, 1).await?;
    let known = rig.traffic.buckets[0].input;
    let unknown = InputId(Uuid::new_v4());
    let mut caller = rig.server.caller();
    let mut times = [Vec::new(), Vec::new()];
    let mut expected: Option<(Vec<String>, Vec<u8>)> = None;
    for _ in 0..args.oracle() {
        let first_is_unknown = usize::from(Uuid::new_v4().as_bytes()[0] & 1 == 1);
        for which in [first_is_unknown, 1 - first_is_unknown] {
            let input = [known, unknown][which];
            let started = Instant::now();
            let answer = caller.post(input, b"which of the two am I?").await?;
            times[which].push(started.elapsed());
            let seen = but_for_its_date(&answer);
            let expected = expected.get_or_insert_with(|| seen.clone());
            ensure!(*expected == seen, "answers differ: {expected:?} and {seen:?}");
        }
    }
    let micros = times.map(|times| times.iter().map(|time| time.as_secs_f64() * 1e6).collect::<Vec<_>>());
    let [mut known, mut unknown] = [latencies()?, latencies()?];
    for (into, from) in [(&mut known, &micros[0]), (&mut unknown, &micros[1])] {
        from.iter().for_each(|micros| record(into, std::time::Duration::from_secs_f64(micros / 1e6)));
    }
    let cut = [cut(&micros[0]), cut(&micros[1])];
    let measured = Oracle {
        count: args.oracle(),
        known,
        unknown,
        t: welch(&micros[0], &micros[1]),
        t_cut: welch(&cut[0], &cut[1]),
    };
    say(&format!("existence oracle: Welch's t {:.2}, without the slowest {:.2}", measured.t, measured.t_cut));
    Ok(measured)
}

fn but_for_its_date(answer: &Answer) -> (Vec<String>, Vec<u8>) {
    let lines = answer.head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("date:"));
    (lines.map(str::to_owned).collect(), answer.body.clone())
}

fn cut(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let left = (sorted.len() as f64 * CUT_ABOVE).ceil() as usize;
    sorted.truncate(left);
    sorted
}

/// Welch's t statistic of two samples: the difference of their means in units of its standard error.
fn welch(one: &[f64], other: &[f64]) -> f64 {
    let [(mean, error), (other_mean, other_error)] = [one, other].map(|sample| {
        let count = sample.len() as f64;
        let mean = sample.iter().sum::<f64>() / count;
        let variance = sample.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    });
    (mean - other_mean) / (error + other_error).sqrt()
}
