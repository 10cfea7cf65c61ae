//! Fuzz targets: what is read here of requests.

use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;
use model::record::{self, ApiAccess, Scopes};
use model::{AccountId, BucketId, CronId, InputId, IntegrationId, OutputId, TokenId, UnixMs};
use serde::Serialize;
use uuid::Uuid;

use crate::cron::schedule::{self, Schedule};
use crate::error::Error;
use crate::shape::{Fields, auth, bucket, cron, domain, input, integration, output, report, token};
use crate::{auth as access, routes};

/// A target with its name.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] =
    &[("rest_body", rest_body), ("rest_query", rest_query), ("rest_credentials", rest_credentials), ("cron", cron_)];

const NOW: UnixMs = UnixMs(1_700_000_000_999);

/// The body of a request, taken for each thing that can be made or changed. What was made of it is
/// shown, and what is shown is taken back and changes nothing.
fn rest_body(input: &[u8]) {
    let Ok(fields) = Fields::parse(input) else { return };
    let _ = (auth::Said::read(&fields).map(drop), domain::read_new(&fields, &["relay.example"]).map(drop));
    let _ = report::Report::read(&fields).map(|report| (report.status_code(), report.ending(), report.answer()));
    let (account, id) = (AccountId(Uuid::nil()), Uuid::nil());
    if let Ok(made) = bucket::read_new(&fields, account, BucketId(id), NOW) {
        let shown = bucket::Bucket::new(&made, bucket::Related::default());
        same(&made, &shown, |fields, made| bucket::Change::read(fields)?.apply(made));
    }
    let Ok(name) = "bucket".parse() else { return };
    let of = record::Bucket::new(BucketId(id), account, name, NOW);
    if let Ok(made) = input::read_new(&fields, &of, InputId(id), NOW) {
        let shown = input::Input::new(&made, "https://relay.example");
        same(&made, &shown, |fields, made| input::Change::read(fields)?.apply(made));
    }
    if let Ok(made) = output::read_new(&fields, &of, OutputId(id), NOW) {
        let shown = output::Output::new(&made, None);
        same(&made, &shown, |fields, made| output::Change::read(fields)?.apply(made));
    }
    if let Ok(made) = cron::read_new(&fields, account, of.id, CronId(id), NOW) {
        let shown = cron::Cron::new(&made, of.id.to_string().into());
        same(&made, &shown, |fields, made| cron::Change::read(fields)?.apply(made, NOW));
    }
    if let Ok(made) = integration::read_new(&fields, account, IntegrationId(id), NOW) {
        let shown = integration::Integration::new(&made, Vec::new());
        same(&made, &shown, |fields, made| integration::Change::read(fields).map(|change| change.apply(made)));
    }
    if let Ok(change) = token::Change::read(&fields) {
        let mut made = some_token();
        change.apply(&mut made);
        let shown = token::Token::new(&made);
        same(&made, &shown, |fields, made| token::Change::read(fields).map(|change| change.apply(made)));
    }
}

/// What is shown of a thing leaves it as it is when it is sent back.
fn same<T>(made: &T, shown: &impl Serialize, change: impl FnOnce(&Fields, &mut T) -> Result<(), Error>)
where
    T: Clone + PartialEq + std::fmt::Debug,
{
    let json = serde_json::to_vec(shown).unwrap_or_default();
    let mut after = made.clone();
    let changed = Fields::parse(&json).and_then(|fields| change(&fields, &mut after));
    assert!(changed.is_ok(), "{changed:?} of {}", json.escape_ascii());
    assert_eq!(&after, made, "{}", json.escape_ascii());
}

fn some_token() -> record::Token {
    record::Token {
        id: TokenId(Uuid::nil()),
        account: AccountId(Uuid::nil()),
        description: String::new(),
        scopes: Scopes::default(),
        api_access: ApiAccess::default(),
        active: true,
        generation: 1,
        created_at: NOW,
        updated_at: NOW,
    }
}

fn rest_query(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        routes::fuzz::query(text);
    }
}

fn rest_credentials(input: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(input) else { return };
    access::fuzz::credentials(&HeaderMap::from_iter([(header::AUTHORIZATION, value)]));
}

/// A schedule, a time zone and a moment in milliseconds, in lines.
fn cron_(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut lines = text.split('\n');
    let mut next = || lines.next().unwrap_or_default();
    let (schedule, timezone, at) = (next(), next(), next().parse().unwrap_or(NOW.0));
    let Some(at) = schedule::timestamp(UnixMs(at)).and_then(schedule::unix) else { return };
    if Schedule::parse(schedule, timezone).is_err() {
        return;
    }
    let (id, nobody, nothing) = (Uuid::nil(), AccountId(Uuid::nil()), String::new);
    let new = record::Cron::new(CronId(id), nobody, BucketId(id), nothing(), schedule.to_owned(), nothing(), at);
    let cron = record::Cron { timezone: timezone.to_owned(), ..new };
    let Some(next) = schedule::next_run(&cron) else { return };
    assert!(next > at, "{next:?} is not after {at:?}");
    let later = UnixMs(next.0.saturating_add(1_000_000));
    if schedule::timestamp(later).is_some_and(|later| later < Timestamp::MAX) {
        let latest = schedule::latest_run(&cron, later);
        assert!(
            latest.is_some_and(|latest| next <= latest && latest <= later),
            "{latest:?} is not in {next:?}..{later:?}"
        );
    }
}

#[cfg(test)]
#[test]
fn no_bytes_break_a_target() {
    mutator::shake(TARGETS);
}
