//! When a cron runs: five fields, `@daily` and the like, or `@every 5m`, in a time zone.

use croner::Cron as Pattern;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use model::UnixMs;
use model::record::Cron;

/// What stands before the time between two runs.
const EVERY: &str = "@every ";
/// The shortest time between two runs.
const EVERY_MIN: SignedDuration = SignedDuration::from_secs(1);
/// The longest time between two runs: a leap year.
const EVERY_MAX: SignedDuration = SignedDuration::from_hours(366 * 24);

/// A schedule.
#[derive(Debug)]
pub(crate) struct Schedule {
    times: Times,
    zone: TimeZone,
}

#[derive(Debug)]
enum Times {
    Pattern(Box<Pattern>),
    Every(SignedDuration),
}

/// Why something is no schedule, or no time zone.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Invalid {
    /// No schedule.
    #[error(
        "schedule: must be five fields such as `0 9 * * MON-FRI`, @hourly, @daily, @weekly, @monthly, @yearly, or @every with a time such as 5m"
    )]
    Schedule,
    /// Too often or too seldom.
    #[error("schedule: the time of @every must be from 1s to 8784h")]
    Every,
    /// A date that never comes.
    #[error("schedule: never comes, such as the 30th of February")]
    Never,
    /// No time zone of that name.
    #[error("timezone: must be the IANA name of a time zone, such as Europe/Vilnius")]
    TimeZone,
}

impl Schedule {
    /// Reads a schedule; the empty time zone is UTC.
    ///
    /// # Errors
    /// [`Invalid`].
    pub(crate) fn parse(schedule: &str, timezone: &str) -> Result<Self, Invalid> {
        let zone = match timezone {
            "" => TimeZone::UTC,
            name => TimeZone::get(name).map_err(|_| Invalid::TimeZone)?,
        };
        let schedule = schedule.trim();
        if let Some(time) = schedule.strip_prefix(EVERY) {
            let every: SignedDuration = time.trim().parse().map_err(|_| Invalid::Schedule)?;
            if !(EVERY_MIN..=EVERY_MAX).contains(&every) {
                return Err(Invalid::Every);
            }
            return Ok(Self { times: Times::Every(every), zone });
        }
        // The parser takes a list without entries for one that nothing is in, and then looks for that
        // for seconds.
        if schedule.split_whitespace().flat_map(|field| field.split(',')).any(str::is_empty) {
            return Err(Invalid::Schedule);
        }
        let named = if schedule.eq_ignore_ascii_case("@midnight") { "@daily" } else { schedule };
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let pattern = parser.parse(named).map_err(|_| Invalid::Schedule)?;
        let schedule = Self { times: Times::Pattern(Box::new(pattern)), zone };
        match schedule.after(Timestamp::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err(Invalid::Never),
        }
    }

    /// The first time after that moment.
    fn after(&self, moment: Timestamp) -> Option<Timestamp> {
        match &self.times {
            Times::Every(every) => moment.checked_add(*every).ok(),
            Times::Pattern(pattern) => {
                let from = moment.to_zoned(self.zone.clone());
                pattern.find_next_occurrence(&from, false).ok().map(|time| time.timestamp())
            }
        }
    }

    /// The last time that is not after `now`, given one that is not.
    fn latest(&self, first: Timestamp, now: Timestamp) -> Timestamp {
        match &self.times {
            Times::Every(every) => {
                let between = now.duration_since(first).as_millis() / every.as_millis().max(1);
                let skipped = i32::try_from(between).ok().and_then(|n| every.checked_mul(n));
                skipped.and_then(|skipped| first.checked_add(skipped).ok()).unwrap_or(first)
            }
            Times::Pattern(pattern) => {
                let until = now.to_zoned(self.zone.clone());
                let latest = pattern.find_previous_occurrence(&until, true).ok().map(|time| time.timestamp());
                latest.unwrap_or(first).max(first)
            }
        }
    }
}

/// When a cron runs next: in the past when it is due. `None` when it does not run any more.
pub(crate) fn next_run(cron: &Cron) -> Option<UnixMs> {
    let counts_from = cron.counts_from.unwrap_or(cron.created_at);
    let has_run = cron.last_run.is_some_and(|ran| ran >= counts_from);
    if !cron.enabled || (has_run && !cron.recurring) {
        return None;
    }
    // A moment before the start, so that a run at the start is one.
    let start = cron.starts_at.map(|start| UnixMs(start.0.saturating_sub(1)));
    let from = cron.last_run.into_iter().chain(start).fold(counts_from, UnixMs::max);
    let next = unix(Schedule::parse(&cron.schedule, &cron.timezone).ok()?.after(timestamp(from)?)?)?;
    cron.ends_at.is_none_or(|end| next <= end).then_some(next)
}

/// The latest time of a cron that is due: of those that went by while nobody ran it only one is made
/// up for. One that runs once has its first, whenever it is looked at.
pub(crate) fn latest_run(cron: &Cron, now: UnixMs) -> Option<UnixMs> {
    let first = next_run(cron)?;
    if !cron.recurring {
        return Some(first);
    }
    let schedule = Schedule::parse(&cron.schedule, &cron.timezone).ok()?;
    let until = cron.ends_at.map_or(now, |end| end.min(now));
    unix(schedule.latest(timestamp(first)?, timestamp(until)?))
}

/// A moment as the clock of the API says it (RFC 3339); `None` beyond the year 9999.
pub(crate) fn timestamp(moment: UnixMs) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(moment.0).ok()?).ok()
}

/// The same in milliseconds; `None` before 1970.
pub(crate) fn unix(time: Timestamp) -> Option<UnixMs> {
    u64::try_from(time.as_millisecond()).ok().map(UnixMs)
}

#[cfg(test)]
mod tests;
