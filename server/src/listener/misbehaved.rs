//! Counts the HTTP/2 connections that were closed because their caller did not keep to the protocol.

use std::error::Error;
use std::io;

use h2::Reason;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// What is counted. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Misbehaved(Family<Labels, Counter>);

/// What a caller has done: the errors of RFC 9113, section 7, those that h2 does not tell apart in one; and what
/// we count ourselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "the names are the values of the label")]
pub(super) enum Misdeed {
    /// Frames that ask for work and bring nothing, closed without GOAWAY.
    control_frames,
    /// More resets, empty frames or header blocks than any client needs.
    enhance_your_calm,
    protocol_error,
    flow_control_error,
    frame_size_error,
    other,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    reason: Misdeed,
}

/// How the stream of a caller fails who sends too many frames that bring nothing. h2 passes on the
/// kind of an error and nothing that is in it, and no socket fails like this.
pub(super) const TOO_MANY_FRAMES: io::ErrorKind = io::ErrorKind::QuotaExceeded;

impl Misbehaved {
    /// Registers what is counted.
    pub fn new(registry: &mut Registry) -> Self {
        let this = Self::default();
        for reason in Misdeed::ALL {
            let _ = this.0.get_or_create(&Labels { reason });
        }
        let help = "HTTP/2 connections that were closed because the caller did not keep to the protocol, by its error";
        registry.register("connections_closed_http2", help, this.0.clone());
        this
    }

    pub(super) fn note(&self, reason: Misdeed) {
        self.0.get_or_create(&Labels { reason }).inc();
    }

    #[cfg(test)]
    pub(super) fn count(&self, reason: Misdeed) -> u64 {
        self.0.get_or_create(&Labels { reason }).get()
    }
}

impl Misdeed {
    const ALL: [Self; 6] = [
        Self::control_frames,
        Self::enhance_your_calm,
        Self::protocol_error,
        Self::flow_control_error,
        Self::frame_size_error,
        Self::other,
    ];

    /// What the caller has done, if that is what an error comes from.
    pub(super) fn find(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == TOO_MANY_FRAMES) {
                return Some(Self::control_frames);
            }
            if let Some(error) = error.downcast_ref::<h2::Error>() {
                return Self::of(error);
            }
            next = error.source();
        }
        None
    }

    fn of(error: &h2::Error) -> Option<Self> {
        match error.reason().filter(|_| error.is_go_away() && !error.is_remote())? {
            Reason::NO_ERROR => None,
            Reason::ENHANCE_YOUR_CALM => Some(Self::enhance_your_calm),
            Reason::PROTOCOL_ERROR => Some(Self::protocol_error),
            Reason::FLOW_CONTROL_ERROR => Some(Self::flow_control_error),
            Reason::FRAME_SIZE_ERROR => Some(Self::frame_size_error),
            _ => Some(Self::other),
        }
    }
}
