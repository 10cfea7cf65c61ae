//! How long a destination asks to be left alone: `Retry-After` (RFC 9110, section 10.2.3).

use std::time::Duration;

use crate::request::Header;
use crate::time::UnixMs;

/// The longest that is believed: a destination that asks for more is tried after this.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// How long from `now` the headers of an answer ask to wait, in seconds or until a date. The first
/// line counts; one that cannot be read says nothing.
pub fn retry_after(headers: &[Header], now: UnixMs) -> Option<Duration> {
    let line = headers.iter().find(|header| header.is("retry-after"))?;
    let text = std::str::from_utf8(&line.value).ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => RETRY_AFTER_MAX,
        Err(_) => UnixMs::from(httpdate::parse_http_date(text).ok()?).since(now),
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs(784_111_777_000); // Sun, 06 Nov 1994 08:49:37 GMT

    fn asked(value: &str) -> Option<u64> {
        let header = |name: &'static str, value: &str| Header { name: name.into(), value: value.to_owned().into() };
        let headers = [header("Content-Type", "1"), header("retry-After", value), header("Retry-After", "7")];
        retry_after(&headers, NOW).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_and_dates_are_read_and_nothing_else() {
        for (value, expected) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sunday, 06-Nov-94 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            assert_eq!(asked(value), expected, "{value}");
        }
        assert_eq!(retry_after(&[], NOW), None);
    }

    #[test]
    fn what_is_asked_for_has_a_limit() {
        let most = RETRY_AFTER_MAX.as_secs();
        for value in [most.to_string(), (most + 1).to_string(), "99999999999999999999999".into()] {
            assert_eq!(asked(&value), Some(most), "{value}");
        }
        assert_eq!(asked("Sat, 06 Nov 2094 08:49:37 GMT"), Some(most));
    }
}
