//! Crons as JSON. Their times are texts (RFC 3339), unlike those of everything else.

use jiff::Timestamp;
use model::UnixMs;
use model::record;
use model::{AccountId, BucketId, CronId};
use serde::Serialize;
use serde_json::Value;

use super::Fields;
use super::header::{self, Headers};
use super::output::read_destination;
use crate::cron::schedule::{self, Schedule, timestamp};
use crate::error::Error;
use crate::limits::{LABEL_BYTES_MAX, PAYLOAD_BYTES_MAX};

/// Fields that are not built yet.
const UNSUPPORTED: [&str; 1] = ["function_id"];
/// The methods that webhooks are sent with.
const METHODS: [(&str, &str); 6] =
    [("POST", "POST"), ("GET", "GET"), ("PUT", "PUT"), ("PATCH", "PATCH"), ("DELETE", "DELETE"), ("HEAD", "HEAD")];

/// What a request says about a cron.
#[derive(Debug)]
pub(crate) struct Change {
    name: Option<String>,
    enabled: Option<bool>,
    recurring: Option<bool>,
    schedule: Option<String>,
    timezone: Option<String>,
    method: Option<&'static str>,
    payload: Option<String>,
    headers: Option<Vec<(String, String)>>,
    destination: Option<String>,
    /// `Some(None)` takes it away.
    starts_at: Option<Option<UnixMs>>,
    ends_at: Option<Option<UnixMs>>,
}

impl Change {
    /// Reads what is said.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub(crate) fn read(fields: &Fields) -> Result<Self, Error> {
        fields.refuse_unsupported(&UNSUPPORTED)?;
        let text = |field| -> Result<Option<String>, Error> {
            Ok(fields.text(field, LABEL_BYTES_MAX)?.map(|text| text.trim().to_owned()))
        };
        Ok(Self {
            name: fields.label()?,
            enabled: fields.flag("enabled")?,
            recurring: fields.flag("recurring")?,
            schedule: text("schedule")?.filter(|schedule| !schedule.is_empty()),
            timezone: text("timezone")?,
            method: fields.choice("method", &METHODS)?,
            payload: fields.text("payload", PAYLOAD_BYTES_MAX)?.map(str::to_owned),
            headers: header::read(fields, "headers")?,
            destination: read_destination(fields)?,
            starts_at: read_time(fields, "starts_at")?,
            ends_at: read_time(fields, "ends_at")?,
        })
    }

    /// The destination, if one is said: the output of the cron's bucket has it.
    pub(crate) fn destination(&self) -> Option<&str> {
        self.destination.as_deref()
    }

    /// Changes a cron. When what says when it runs changes, it counts from `now` on.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it would then have no schedule.
    pub(crate) fn apply(&self, cron: &mut record::Cron, now: UnixMs) -> Result<(), Error> {
        let before = cron.clone();
        set(&mut cron.name, self.name.as_ref());
        set(&mut cron.schedule, self.schedule.as_ref());
        set(&mut cron.timezone, self.timezone.as_ref());
        set(&mut cron.payload, self.payload.as_ref());
        set(&mut cron.headers, self.headers.as_ref());
        set(&mut cron.destination, self.destination.as_ref());
        set(&mut cron.starts_at, self.starts_at.as_ref());
        set(&mut cron.ends_at, self.ends_at.as_ref());
        cron.enabled = self.enabled.unwrap_or(cron.enabled);
        cron.recurring = self.recurring.unwrap_or(cron.recurring);
        if let Some(method) = self.method {
            method.clone_into(&mut cron.method);
        }
        Schedule::parse(&cron.schedule, &cron.timezone).map_err(|error| Error::Invalid(error.to_string()))?;
        if cron.starts_at.zip(cron.ends_at).is_some_and(|(start, end)| end < start) {
            return Err(Error::invalid("ends_at", "is before starts_at"));
        }
        let when = |cron: &record::Cron| {
            (cron.schedule.clone(), cron.timezone.clone(), cron.enabled, cron.recurring, cron.starts_at)
        };
        if when(cron) != when(&before) {
            cron.counts_from = Some(now);
        }
        Ok(())
    }
}

fn set<T: Clone>(field: &mut T, said: Option<&T>) {
    if let Some(said) = said {
        field.clone_from(said);
    }
}

/// Reads what is said about a new cron, whose webhooks come by that bucket.
///
/// # Errors
/// [`Error::Invalid`].
pub(crate) fn read_new(
    fields: &Fields,
    account: AccountId,
    bucket: BucketId,
    id: CronId,
    now: UnixMs,
) -> Result<record::Cron, Error> {
    let change = Change::read(fields)?;
    let needed = |field, value: Option<&String>| value.cloned().ok_or_else(|| Error::invalid(field, "is missing"));
    let name = needed("name", change.name.as_ref())?;
    let schedule = needed("schedule", change.schedule.as_ref())?;
    let destination = needed("destination", change.destination.as_ref())?;
    let mut cron = record::Cron::new(id, account, bucket, name, schedule, destination, now);
    change.apply(&mut cron, now)?;
    Ok(cron)
}

/// Reads a time; the empty text takes it away, and the zero time of Go, which lies before 1970, is
/// not said.
fn read_time(fields: &Fields, field: &str) -> Result<Option<Option<UnixMs>>, Error> {
    match fields.text(field, LABEL_BYTES_MAX)? {
        None => Ok(None),
        Some("") => Ok(Some(None)),
        Some(text) => {
            let time: Timestamp =
                text.parse().map_err(|_| fields.invalid(field, "must be a time such as 2026-01-02T15:04:05Z"))?;
            Ok(schedule::unix(time).map(Some))
        }
    }
}

/// A cron.
#[derive(Serialize)]
pub(crate) struct Cron<'a> {
    id: CronId,
    account_id: AccountId,
    name: &'a str,
    enabled: bool,
    recurring: bool,
    schedule: &'a str,
    timezone: &'a str,
    method: &'a str,
    payload: &'a str,
    headers: Headers<'a>,
    destination: &'a str,
    function_id: &'static str,
    starts_at: Option<String>,
    ends_at: Option<String>,
    last_run: Option<String>,
    next_run: Option<String>,
    bucket: Value,
    created_at: Option<String>,
    updated_at: Option<String>,
}

impl<'a> Cron<'a> {
    /// Shows a cron with its bucket.
    pub(crate) fn new(cron: &'a record::Cron, bucket: Value) -> Self {
        let text = |time: Option<UnixMs>| time.and_then(timestamp).map(|time| time.to_string());
        Self {
            id: cron.id,
            account_id: cron.account,
            name: &cron.name,
            enabled: cron.enabled,
            recurring: cron.recurring,
            schedule: &cron.schedule,
            timezone: &cron.timezone,
            method: &cron.method,
            payload: &cron.payload,
            headers: Headers(&cron.headers),
            destination: &cron.destination,
            function_id: "",
            starts_at: text(cron.starts_at),
            ends_at: text(cron.ends_at),
            last_run: text(cron.last_run),
            next_run: text(schedule::next_run(cron)),
            bucket,
            created_at: text(Some(cron.created_at)),
            updated_at: text(Some(cron.updated_at)),
        }
    }
}
