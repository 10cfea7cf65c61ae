//! Times and durations, as people write and read them.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// Reads `30s`, `5m`, `1h 30m`, `2d`, or seconds alone.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let refuse = || "not a duration such as 30s, 5m or 2h".to_owned();
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    // A day of the clock has no fixed length; here it has.
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u64>().ok());
    if let Some(days) = days {
        return Ok(Duration::from_secs(days.checked_mul(24 * 3600).ok_or_else(refuse)?));
    }
    let signed: SignedDuration = text.parse().map_err(|_| refuse())?;
    Duration::try_from(signed).map_err(|_| refuse())
}

/// Nanoseconds, as the API has durations.
pub(super) fn nanoseconds(duration: Duration) -> Value {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).into()
}

/// A moment as people say it: a day, a time (RFC 3339), or how long ago.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// As the API takes it.
    At(String),
    /// So long ago.
    Ago(Duration),
}

impl Moment {
    /// Reads it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.parse::<Timestamp>().is_ok() || text.parse::<jiff::civil::Date>().is_ok() {
            return Ok(Self::At(text.to_owned()));
        }
        let ago = duration(text).map(Self::Ago);
        ago.map_err(|_| "not a time: say 2026-01-31, 2026-01-31T12:00:00Z, or how long ago, such as 15m".to_owned())
    }

    /// As the API takes it.
    pub(super) fn at(&self, now: Timestamp) -> String {
        match self {
            Self::At(text) => text.clone(),
            Self::Ago(ago) => now.saturating_sub(*ago).unwrap_or(Timestamp::MIN).to_string(),
        }
    }
}

/// A time of the API (seconds since 1970, or RFC 3339) in the time zone of this machine.
pub(super) fn shown(time: &Value) -> String {
    timestamp(time).map_or_else(String::new, |time| local(time, "%Y-%m-%d %H:%M:%S"))
}

/// A time of the API.
pub(super) fn timestamp(time: &Value) -> Option<Timestamp> {
    match time {
        Value::Number(seconds) => Timestamp::from_second(seconds.as_i64()?).ok().filter(|time| time.as_second() > 0),
        Value::String(text) => text.parse().ok().filter(|time: &Timestamp| time.as_second() > 0),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// How long ago it was, in one unit.
pub(super) fn ago(time: Timestamp, now: Timestamp) -> String {
    match now.duration_since(time).as_secs().max(0) {
        seconds @ ..60 => format!("{seconds}s ago"),
        seconds @ 60..3600 => format!("{}m ago", seconds / 60),
        seconds @ 3600..86_400 => format!("{}h ago", seconds / 3600),
        seconds => format!("{}d ago", seconds / 86_400),
    }
}

fn local(time: Timestamp, format: &str) -> String {
    time.to_zoned(TimeZone::system()).strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in [("30s", 30), ("5m", 300), ("1h 30m", 5400), ("2d", 172_800), ("7", 7), ("0", 0)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "soon", "-5s", "5 parsecs", "99999999999999999999d", "1e9999s"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(nanoseconds(Duration::from_millis(1500)), 1_500_000_000_u64);
    }

    #[test]
    fn moments_are_times_or_how_long_ago() {
        let now: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
        let at = |text: &str| Moment::parse(text).unwrap().at(now);
        assert_eq!(at("2026-01-30"), "2026-01-30");
        assert_eq!(at("2026-01-30T01:02:03+02:00"), "2026-01-30T01:02:03+02:00");
        assert_eq!(at("15m"), "2026-01-31T11:45:00Z");
        assert!(Moment::parse("yesterday").is_err());
    }

    #[test]
    fn times_of_the_api_are_numbers_or_texts() {
        for time in [Value::from(1_769_860_800), Value::from("2026-01-31T12:00:00Z")] {
            assert_eq!(timestamp(&time).unwrap().to_string(), "2026-01-31T12:00:00Z");
        }
        for none in [Value::Null, Value::from(0), Value::from(-62_135_596_800_i64), Value::from("0001-01-01T00:00:00Z")]
        {
            assert_eq!(shown(&none), "", "{none}");
        }
        let now: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
        for (seconds, text) in [(59, "59s ago"), (60, "1m ago"), (7200, "2h ago"), (200_000, "2d ago"), (-5, "0s ago")]
        {
            assert_eq!(ago(now - SignedDuration::from_secs(seconds), now), text);
        }
    }
}
