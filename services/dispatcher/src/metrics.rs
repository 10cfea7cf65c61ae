//! What a dispatcher counts, for Prometheus.

use std::fmt;
use std::time::Duration;

use model::UnixMs;
use model::fact::{Ending, Fact, Outcome};
use model::reason::Reason;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeLabelValue, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::clock;
use crate::hub::Hub;

/// Upper bounds of the classes of durations, in seconds: from a destination in the same network to
/// the longest timeout.
const ATTEMPT_SECONDS: [f64; 10] = [0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0, 120.0];
/// Upper bounds of the classes of delays, in seconds: from one that nothing held up to the window.
const DELAY_SECONDS: [f64; 10] = [0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0, 600.0, 86_400.0];
/// Upper bounds of the classes of revocations, in seconds: from a change that is seen at once to one
/// that a dispatcher was cut off from. What is promised is 2 s.
const REVOCATION_SECONDS: [f64; 9] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 10.0, 60.0];

/// What is counted. Clones count together.
#[derive(Clone)]
pub(crate) struct Metrics {
    attempts: Family<AttemptLabels, Counter>,
    attempt_seconds: Histogram,
    deliveries: Family<DeliveryLabels, Counter>,
    delay_seconds: Histogram,
    blocked: Family<BlockedLabels, Counter>,
    revocation_seconds: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    outcome: OutcomeLabel,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeliveryLabels {
    ending: EndingLabel,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "the names are the values of the label")]
enum OutcomeLabel {
    answered_1xx,
    answered_2xx,
    answered_3xx,
    answered_4xx,
    answered_5xx,
    refused,
    not_connected,
    timed_out,
    broken,
    not_allowed,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "the names are the values of the label")]
enum EndingLabel {
    sent,
    failed,
    rejected,
    expired,
}

impl Metrics {
    /// Registers what is counted.
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            attempts: Family::default(),
            attempt_seconds: Histogram::new(ATTEMPT_SECONDS),
            deliveries: Family::default(),
            delay_seconds: Histogram::new(DELAY_SECONDS),
            blocked: Family::default(),
            revocation_seconds: Histogram::new(REVOCATION_SECONDS),
        };
        registry.register("attempts", "Attempts that ended, by outcome", metrics.attempts.clone());
        let help = "How long attempts took";
        registry.register_with_unit("attempt_duration", help, Unit::Seconds, metrics.attempt_seconds.clone());
        registry.register("deliveries", "Deliveries that ended, by ending", metrics.deliveries.clone());
        let help = "From the receipt of an event to the end of its delivery, where it was sent";
        registry.register_with_unit("delivery_delay", help, Unit::Seconds, metrics.delay_seconds.clone());
        for reason in Reason::ALL.iter().copied().filter(is_of_destinations) {
            let _ = metrics.blocked.get_or_create(&BlockedLabels::of(reason));
        }
        let help = "Attempts that were not made because nobody may call their destination, by reason";
        registry.register("destinations_blocked", help, metrics.blocked.clone());
        let help = "From the revocation or change of a token to the end of each session that it ended";
        registry.register_with_unit("revocation", help, Unit::Seconds, metrics.revocation_seconds.clone());
        metrics
    }

    /// Counts a session that ended because its token was revoked or changed at that time.
    pub(crate) fn note_revoked(&self, changed_at: UnixMs, now: UnixMs) {
        self.revocation_seconds.observe(now.since(changed_at).as_secs_f64());
    }

    /// Counts a fact that is in the log.
    pub(crate) fn note(&self, fact: &Fact, now: UnixMs) {
        if let Fact::AttemptFinished { outcome, duration_ms, .. } = fact {
            self.attempts.get_or_create(&AttemptLabels { outcome: OutcomeLabel::of(*outcome) }).inc();
            self.attempt_seconds.observe(Duration::from_millis(u64::from(*duration_ms)).as_secs_f64());
        }
        if let Fact::AttemptFinished { outcome: Outcome::NotAllowed, reason: Some(reason), .. } = fact {
            self.blocked.get_or_create(&BlockedLabels::of(*reason)).inc();
        }
        let Some(ending) = fact.ending() else { return };
        self.deliveries.get_or_create(&DeliveryLabels { ending: EndingLabel::of(ending) }).inc();
        if ending == Ending::Sent {
            self.delay_seconds.observe(now.since(fact.event().received_at()).as_secs_f64());
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BlockedLabels {
    reason: String,
}

impl BlockedLabels {
    /// The reason as it stands in facts and in the API: from a closed list.
    fn of(reason: Reason) -> Self {
        let name = serde_json::to_value(reason).ok().and_then(|name| name.as_str().map(str::to_owned));
        Self { reason: name.unwrap_or_else(|| reason.code().to_string()) }
    }
}

/// Those that forbid a destination.
fn is_of_destinations(reason: &Reason) -> bool {
    matches!(
        reason,
        Reason::NotAllowedByAgent
            | Reason::Loopback
            | Reason::Private
            | Reason::LinkLocal
            | Reason::Metadata
            | Reason::Reserved
            | Reason::Port
            | Reason::LocalName
    )
}

impl OutcomeLabel {
    fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Answered(..200) => Self::answered_1xx,
            Outcome::Answered(200..300) => Self::answered_2xx,
            Outcome::Answered(300..400) => Self::answered_3xx,
            Outcome::Answered(400..500) => Self::answered_4xx,
            Outcome::Answered(500..) => Self::answered_5xx,
            Outcome::Refused => Self::refused,
            Outcome::NotConnected => Self::not_connected,
            Outcome::TimedOut => Self::timed_out,
            Outcome::Broken => Self::broken,
            Outcome::NotAllowed => Self::not_allowed,
        }
    }
}

impl EndingLabel {
    fn of(ending: Ending) -> Self {
        match ending {
            Ending::Sent => Self::sent,
            Ending::Failed => Self::failed,
            Ending::Rejected => Self::rejected,
            Ending::Expired => Self::expired,
        }
    }
}

/// How everything stands that this dispatcher works on, counted when it is asked for.
pub(crate) struct Standings(pub(crate) Hub);

impl fmt::Debug for Standings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Standings")
    }
}

impl Collector for Standings {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let (standings, now) = (self.0.standings(), clock::now());
        let all = || standings.iter().map(|(_, _, standing)| standing);
        let waiting: u64 = all().map(|standing| standing.at_hand + standing.in_stream).sum();
        let oldest = all().filter_map(|standing| standing.oldest_at).min();
        let oldest_seconds = oldest.map_or(0.0, |at| now.since(at).as_secs_f64());
        let mut gauge = |name, help, value: f64| {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(value).encode(metric)
        };
        gauge("sessions", "Sessions of agents and sockets", count(self.0.presence().sessions()))?;
        gauge("cursors", "Cursors that are worked on", count(standings.len()))?;
        gauge("cursors_open_circuit", "Cursors whose circuit is open", count(all().filter(|s| s.is_open).count()))?;
        #[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
        gauge("deliveries_waiting", "Deliveries that wait on those cursors", waiting as f64)?;
        gauge("oldest_waiting_seconds", "The age of the oldest delivery that is at hand", oldest_seconds)
    }
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}
