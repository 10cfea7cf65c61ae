//! Counts the connections that were closed because their caller was too slow.

use std::error::Error;
use std::fmt;
use std::io;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// What is counted. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Slow(Family<Labels, Counter>);

/// What a caller took too long for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "the names are the values of the label")]
pub(super) enum Phase {
    handshake,
    first_byte,
    head,
    idle,
    write,
    ping,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    phase: Phase,
}

/// The error of a stream whose caller was too slow.
#[derive(Debug)]
pub(super) struct TooSlow(pub(super) Phase);

impl Slow {
    /// Registers what is counted.
    pub fn new(registry: &mut Registry) -> Self {
        let this = Self::default();
        for phase in [Phase::handshake, Phase::first_byte, Phase::head, Phase::idle, Phase::write, Phase::ping] {
            let _ = this.0.get_or_create(&Labels { phase });
        }
        let help = "Connections that were closed because the caller was too slow, by what was waited for";
        registry.register("connections_closed_slow", help, this.0.clone());
        this
    }

    pub(super) fn note(&self, phase: Phase) {
        self.0.get_or_create(&Labels { phase }).inc();
    }
}

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the caller is too slow")
    }
}

impl Error for TooSlow {}

impl TooSlow {
    pub(super) fn error(phase: Phase) -> io::Error {
        io::Error::new(io::ErrorKind::TimedOut, Self(phase))
    }

    /// The phase in which the caller was too slow, if that is what an error comes from.
    pub(super) fn find(error: &(dyn Error + 'static)) -> Option<Phase> {
        let mut next = Some(error);
        while let Some(error) = next {
            let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            if let Some(Self(phase)) = inner.and_then(|inner| inner.downcast_ref()) {
                return Some(*phase);
            }
            if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_timeout) {
                return Some(Phase::ping);
            }
            next = error.source();
        }
        None
    }
}
