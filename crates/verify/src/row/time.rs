//! The signed time, and how far from now it may be.

use model::UnixMs;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::verdict::Reason;

/// From here up a number means milliseconds: as seconds it would be the year 5138.
const MILLIS_FROM: u64 = 100_000_000_000;

/// How the signed time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Seconds since the Unix epoch.
    Seconds,
    /// Milliseconds since the Unix epoch.
    Millis,
    /// One of the two: numbers of this century tell them apart.
    SecondsOrMillis,
    /// As in RFC 3339.
    Rfc3339,
}

/// What a signed time is held against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// When the webhook came.
    pub(crate) now: UnixMs,
    /// How far from that the time may be, in seconds; 0 for any time.
    pub(crate) tolerance_seconds: u32,
}

impl Clock {
    /// Whether the time in `text` is near enough.
    pub(crate) fn judge(&self, text: &str, unit: Unit) -> Result<(), Reason> {
        let signed = unit.read(text).ok_or(Reason::BadTime)?;
        let tolerance = u64::from(self.tolerance_seconds) * 1000;
        match self.tolerance_seconds {
            0 => Ok(()),
            _ if signed.saturating_add(tolerance) < self.now.0 => Err(Reason::TooOld),
            _ if signed > self.now.0.saturating_add(tolerance) => Err(Reason::FromTheFuture),
            _ => Ok(()),
        }
    }
}

impl Unit {
    /// The milliseconds since the Unix epoch that a text means.
    fn read(self, text: &str) -> Option<u64> {
        let number = || text.parse::<u64>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
        match self {
            Self::Seconds => number()?.checked_mul(1000),
            Self::Millis => number(),
            Self::SecondsOrMillis => match number()? {
                millis @ MILLIS_FROM.. => Some(millis),
                seconds => Some(seconds * 1000),
            },
            Self::Rfc3339 => {
                let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
                u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_may_be_so_far_away_and_no_further() {
        let clock = Clock { now: UnixMs(1_000_000_000), tolerance_seconds: 300 };
        for (text, unit, judged) in [
            ("1000000", Unit::Seconds, Ok(())),
            ("999700", Unit::Seconds, Ok(())),
            ("999699", Unit::Seconds, Err(Reason::TooOld)),
            ("1000300", Unit::Seconds, Ok(())),
            ("1000301", Unit::Seconds, Err(Reason::FromTheFuture)),
            ("999700000", Unit::Millis, Ok(())),
            ("999699999", Unit::Millis, Err(Reason::TooOld)),
            ("1000300000", Unit::Millis, Ok(())),
            ("1000300001", Unit::Millis, Err(Reason::FromTheFuture)),
            ("1970-01-12T13:46:40Z", Unit::Rfc3339, Ok(())),
            ("1970-01-12T13:46:40.123456789+00:00", Unit::Rfc3339, Ok(())),
            ("1970-01-12T13:41:39Z", Unit::Rfc3339, Err(Reason::TooOld)),
            ("1000000000", Unit::SecondsOrMillis, Err(Reason::FromTheFuture)),
            ("", Unit::Seconds, Err(Reason::BadTime)),
            ("+1000000", Unit::Seconds, Err(Reason::BadTime)),
            ("-1", Unit::Seconds, Err(Reason::BadTime)),
            ("1e6", Unit::Millis, Err(Reason::BadTime)),
            ("99999999999999999999", Unit::Millis, Err(Reason::BadTime)),
            ("1970-01-12", Unit::Rfc3339, Err(Reason::BadTime)),
        ] {
            assert_eq!(clock.judge(text, unit), judged, "{text} {unit:?}");
        }
        let now = Clock { now: UnixMs(MILLIS_FROM * 17), tolerance_seconds: 1 };
        assert_eq!(now.judge("1700000000000", Unit::SecondsOrMillis), Ok(()));
        assert_eq!(now.judge("1700000000", Unit::SecondsOrMillis), Ok(()));
    }

    #[test]
    fn without_a_tolerance_any_time_will_do_if_it_is_one() {
        let clock = Clock { now: UnixMs(1_000_000_000), tolerance_seconds: 0 };
        assert_eq!(clock.judge("1", Unit::Seconds), Ok(()));
        assert_eq!(clock.judge("x", Unit::Seconds), Err(Reason::BadTime));
    }
}
