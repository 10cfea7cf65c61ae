//! Times as requests say them: a day, or a moment.

use model::UnixMs;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::error::Error;
use crate::logs::count::DAY_MS;

/// Reads the beginning of a span: a day (`2026-01-31`, from its midnight in UTC) or a moment (RFC 3339).
///
/// # Errors
/// [`Error::Invalid`].
pub(crate) fn from(field: &str, text: &str) -> Result<UnixMs, Error> {
    read(field, text).map(|(at, _)| at)
}

/// Reads the end of a span, which belongs to it: all of the day, or the moment. Returns the first
/// millisecond after it.
///
/// # Errors
/// [`Error::Invalid`].
pub(crate) fn until(field: &str, text: &str) -> Result<UnixMs, Error> {
    read(field, text).map(|(at, lasts_ms)| UnixMs(at.0.saturating_add(lasts_ms)))
}

/// The day of a moment in UTC, as `2026-01-31`.
pub(crate) fn day(at: UnixMs) -> String {
    let moment = i64::try_from(at.seconds()).ok().and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
    let moment = moment.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!("{:04}-{:02}-{:02}", moment.year(), u8::from(moment.month()), moment.day())
}

/// A moment as in RFC 3339, in UTC, to the millisecond.
pub(crate) fn moment(at: UnixMs) -> String {
    let at = i64::try_from(at.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    format!("{:.3}", at.unwrap_or_default())
}

/// A moment and how long it lasts, in milliseconds.
fn read(field: &str, text: &str) -> Result<(UnixMs, u64), Error> {
    let parse = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok();
    let day = || parse(&format!("{text}T00:00:00Z")).map(|midnight| (midnight, DAY_MS));
    let Some((moment, lasts_ms)) = parse(text).map(|moment| (moment, 1)).or_else(day) else {
        return Err(Error::invalid(field, "must be a day such as 2026-01-31 or a time as in RFC 3339"));
    };
    // Nothing was received before 1970.
    let at = u64::try_from(moment.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
    Ok((UnixMs(at), lasts_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_all_of_it_and_a_moment_a_millisecond() {
        let midnight = 1_769_817_600_000;
        assert_eq!(from("from", "2026-01-31").unwrap(), UnixMs(midnight));
        assert_eq!(until("to", "2026-01-31").unwrap(), UnixMs(midnight + 86_400_000));
        assert_eq!(from("from", "2026-01-31T01:00:00.5+01:00").unwrap(), UnixMs(midnight + 500));
        assert_eq!(until("to", "2026-01-31T00:00:00Z").unwrap(), UnixMs(midnight + 1));
        assert_eq!(from("from", "1969-12-31").unwrap(), UnixMs(0));
        assert_eq!(day(UnixMs(midnight)), "2026-01-31");
        assert_eq!(moment(UnixMs(midnight + 5)), "2026-01-31T00:00:00.005Z");
        for text in ["", "yesterday", "2026-02-30", "2026-01-31 00:00", "1769817600"] {
            assert!(from("from", text).is_err(), "{text}");
        }
    }
}
