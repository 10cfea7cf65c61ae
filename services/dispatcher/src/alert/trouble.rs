//! What happened, in words for the owner: ids, names and numbers, and nothing that was received.

use std::borrow::Cow;

use model::alert::Alert;
use model::fact::Outcome;
use model::reason::Reason;
use model::{AccountId, DeliveryId, EventId, OutputId, UnixMs};
use store::directory::Directory;
use store::fact::CursorKey;

use crate::courier::configured;

/// Trouble on a cursor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trouble {
    /// Which cursor.
    pub(crate) key: CursorKey,
    /// When it was noticed.
    pub(crate) at: UnixMs,
    /// Which trouble.
    pub(crate) what: What,
}

/// Which trouble.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    /// A delivery has failed.
    Failed {
        /// The event.
        event: EventId,
        /// How the last attempt ended; `None` when that is not why.
        outcome: Option<Outcome>,
        /// Why, where the outcome does not say.
        reason: Option<Reason>,
        /// How many attempts were made; 0 when that is not known.
        attempts: u32,
    },
    /// Deliveries have expired.
    Expired {
        /// The first of their events.
        event: EventId,
        /// How many.
        count: u64,
    },
    /// The output failed so often that it is only probed.
    CircuitOpen {
        /// How many attempts in a row have failed.
        failures: u32,
    },
    /// The output was paused.
    Paused {
        /// How many attempts in a row had failed.
        failures: u32,
    },
    /// Deliveries wait for too long.
    Lag {
        /// How many.
        waiting: u64,
        /// When the oldest was received.
        oldest_at: UnixMs,
        /// Whether somebody is there who delivers.
        is_served: bool,
    },
}

/// The names of what a trouble is about.
pub(super) struct Named {
    pub(super) account: AccountId,
    pub(super) bucket: String,
    /// Empty where the bucket has no output.
    pub(super) output: String,
    pub(super) group: String,
}

impl What {
    /// Of which kind it is.
    pub(super) fn alert(&self) -> Alert {
        match self {
            Self::Failed { .. } => Alert::DeliveryError,
            Self::Expired { .. } => Alert::DeliveryExpired,
            Self::CircuitOpen { .. } => Alert::CircuitOpen,
            Self::Paused { .. } => Alert::OutputPaused,
            Self::Lag { .. } => Alert::Lag,
        }
    }

    /// For how many times the same it stands.
    pub(super) fn count(&self) -> u64 {
        match self {
            Self::Expired { count, .. } => *count,
            Self::Failed { .. } | Self::CircuitOpen { .. } | Self::Paused { .. } | Self::Lag { .. } => 1,
        }
    }

    /// The event that it is about, if it is about one.
    fn event(&self) -> Option<EventId> {
        match self {
            Self::Failed { event, .. } | Self::Expired { event, .. } => Some(*event),
            Self::CircuitOpen { .. } | Self::Paused { .. } | Self::Lag { .. } => None,
        }
    }
}

impl Trouble {
    /// The log that it is about, if it is about one.
    pub(super) fn log(&self) -> Option<DeliveryId> {
        self.what.event().map(|event| DeliveryId::of(event, self.key.output))
    }

    /// The names of what it is about; `None` when that was deleted.
    pub(super) fn named(&self, directory: &Directory) -> Option<Named> {
        let (output, bucket) = configured(directory, self.key.bucket, self.key.output)?;
        let group = directory.group(self.key.output, self.key.group);
        Some(Named {
            account: bucket.account,
            bucket: bucket.name.as_str().to_owned(),
            output: output.name.clone(),
            group: group.map(|group| group.record.name.clone()).unwrap_or_default(),
        })
    }

    /// It in a sentence.
    pub(super) fn sentence(&self, named: &Named) -> String {
        let place = match self.key.output {
            OutputId::NONE => format!("bucket \"{}\"", named.bucket),
            _ => format!("output \"{}\" of bucket \"{}\"", named.output, named.bucket),
        };
        match self.what {
            What::Failed { outcome, reason, attempts, .. } => {
                let how = how(outcome, reason);
                let tries = match attempts {
                    0 => String::new(),
                    1 => " (1 attempt)".to_owned(),
                    attempts => format!(" ({attempts} attempts)"),
                };
                format!("A delivery to {place} has failed: {how}{tries}.")
            }
            What::Expired { count: 1, .. } => format!("A delivery to {place} has expired undelivered."),
            What::Expired { count, .. } => format!("{count} deliveries to {place} have expired undelivered."),
            What::CircuitOpen { failures } => {
                format!("{failures} attempts in a row have failed at {place}; it is only probed until one succeeds.")
            }
            What::Paused { failures } => {
                format!(
                    "{place} was paused after {failures} failures in a row; nothing is delivered until you resume it."
                )
            }
            What::Lag { waiting, oldest_at, is_served } => {
                let seconds = self.at.since(oldest_at).as_secs();
                let nobody = if is_served { "" } else { " Nobody is connected." };
                format!("{waiting} deliveries wait at {place}, the oldest for {seconds} s.{nobody}")
            }
        }
    }
}

/// How an attempt ended, in words.
pub(super) fn how(outcome: Option<Outcome>, reason: Option<Reason>) -> Cow<'static, str> {
    match (reason, outcome) {
        (Some(reason), _) => reason.text().into(),
        (None, Some(Outcome::Answered(status))) => format!("the destination answered {status}").into(),
        (None, Some(Outcome::Refused)) => "the destination refused the connection".into(),
        (None, Some(Outcome::NotConnected)) => "the destination could not be reached".into(),
        (None, Some(Outcome::TimedOut)) => "the destination did not answer in time".into(),
        (None, Some(Outcome::Broken)) => "the connection to the destination broke".into(),
        (None, Some(Outcome::NotAllowed)) => "the destination is not allowed".into(),
        (None, None) => "it could not be delivered".into(),
    }
}
