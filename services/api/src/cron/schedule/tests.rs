//! Schedules, and what follows from them and from the last run.

use model::{AccountId, BucketId, CronId};
use uuid::Uuid;

use super::*;

fn at(text: &str) -> UnixMs {
    unix(text.parse().unwrap()).unwrap()
}

fn cron(schedule: &str, timezone: &str) -> Cron {
    let (id, made) = (Uuid::nil(), at("2026-03-27T10:00:30Z"));
    let (name, schedule, destination) = ("c".to_owned(), schedule.to_owned(), "http://x".to_owned());
    let new = Cron::new(CronId(id), AccountId(id), BucketId(id), name, schedule, destination, made);
    Cron { timezone: timezone.to_owned(), ..new }
}

#[track_caller]
fn check_next(cron: &Cron, next: &str) {
    assert_eq!(next_run(cron), Some(at(next)), "{} in {:?}", cron.schedule, cron.timezone);
}

#[test]
fn schedules_say_when_they_run_next() {
    for (schedule, next) in [
        ("* * * * *", "2026-03-27T10:01:00Z"),
        ("*/15 9-17 * * MON-FRI", "2026-03-27T10:15:00Z"),
        ("0 0 1 * *", "2026-04-01T00:00:00Z"),
        ("@hourly", "2026-03-27T11:00:00Z"),
        ("@daily", "2026-03-28T00:00:00Z"),
        ("@midnight", "2026-03-28T00:00:00Z"),
        ("@every 1h30m", "2026-03-27T11:30:30Z"),
        ("@every 90s", "2026-03-27T10:02:00Z"),
    ] {
        check_next(&cron(schedule, ""), next);
    }
}

#[test]
fn times_are_those_of_the_zone_also_when_its_clock_changes() {
    check_next(&cron("0 9 * * *", "Europe/Vilnius"), "2026-03-28T07:00:00Z");
    let before = Cron { last_run: Some(at("2026-03-28T07:00:00Z")), ..cron("0 9 * * *", "Europe/Vilnius") };
    check_next(&before, "2026-03-29T06:00:00Z");
}

#[test]
fn what_is_no_schedule_is_refused() {
    for (schedule, zone, why) in [
        ("", "", Invalid::Schedule),
        ("* * * *", "", Invalid::Schedule),
        ("0 * * * * *", "", Invalid::Schedule),
        ("60 * * * *", "", Invalid::Schedule),
        (", 9 * * *", "", Invalid::Schedule),
        ("0 9 1,, * *", "", Invalid::Schedule),
        ("@often", "", Invalid::Schedule),
        ("@every", "", Invalid::Schedule),
        ("@every soon", "", Invalid::Schedule),
        ("@every 999ms", "", Invalid::Every),
        ("@every 8785h", "", Invalid::Every),
        ("0 0 30 2 *", "", Invalid::Never),
        ("@daily", "Mars/Olympus", Invalid::TimeZone),
        ("@daily", "../etc/passwd", Invalid::TimeZone),
    ] {
        assert_eq!(Schedule::parse(schedule, zone).err(), Some(why), "{schedule:?} in {zone:?}");
    }
    assert!(Schedule::parse("@every 1s", "").is_ok() && Schedule::parse("@every 8784h", "").is_ok());
}

#[test]
fn it_runs_between_its_start_and_its_end() {
    let start = Some(at("2026-04-01T12:00:00Z"));
    check_next(&Cron { starts_at: start, ..cron("0 12 * * *", "") }, "2026-04-01T12:00:00Z");
    let ended = Cron { ends_at: Some(at("2026-03-27T10:00:59Z")), ..cron("* * * * *", "") };
    assert_eq!(next_run(&ended), None);
    check_next(&Cron { ends_at: Some(at("2026-03-27T10:01:00Z")), ..ended }, "2026-03-27T10:01:00Z");
    assert_eq!(next_run(&Cron { enabled: false, ..cron("@daily", "") }), None);
}

#[test]
fn one_that_does_not_recur_runs_once_for_each_time_that_it_is_set() {
    let once = Cron { recurring: false, ..cron("* * * * *", "") };
    check_next(&once, "2026-03-27T10:01:00Z");
    let ran = Cron { last_run: Some(at("2026-03-27T10:01:00Z")), ..once };
    assert_eq!(next_run(&ran), None);
    check_next(&Cron { counts_from: Some(at("2026-03-27T11:00:00Z")), ..ran }, "2026-03-27T11:01:00Z");
}

#[test]
fn of_the_times_that_went_by_the_latest_is_made_up_for() {
    let now = at("2026-03-27T13:10:10Z");
    assert_eq!(latest_run(&cron("0 * * * *", ""), now), Some(at("2026-03-27T13:00:00Z")));
    assert_eq!(latest_run(&cron("@every 1h", ""), now), Some(at("2026-03-27T13:00:30Z")));
    let ended = Cron { ends_at: Some(at("2026-03-27T12:30:00Z")), ..cron("0 * * * *", "") };
    assert_eq!(latest_run(&ended, now), Some(at("2026-03-27T12:00:00Z")));
    let ran = Cron { last_run: latest_run(&cron("@every 1h", ""), now), ..cron("@every 1h", "") };
    check_next(&ran, "2026-03-27T14:00:30Z");
    // However late it is looked at, so that copies agree.
    let once = Cron { recurring: false, ..cron("0 * * * *", "") };
    assert_eq!(latest_run(&once, now), Some(at("2026-03-27T11:00:00Z")));
}
