//! Webhooks by the clock. Only a token without scopes gets here.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use model::name::Name;
use model::record::{Bucket, Cron as Record, Output};
use model::{BucketId, CronId, InputId, OutputId};
use store::directory::Record as _;
use uuid::Uuid;

use super::bucket;
use crate::auth::Caller;
use crate::error::Error;
use crate::limits::{BUCKETS_PER_ACCOUNT_MAX, CRONS_PER_ACCOUNT_MAX, check_room};
use crate::request::{At, Body};
use crate::shape;
use crate::shape::cron::{Change, Cron};
use crate::{Api, own, write};

/// The name of the output that is made with a cron.
const OUTPUT_NAME: &str = "cron";

/// `GET /v1/crons`
pub(super) async fn list(State(api): State<Api>, caller: Caller) -> Result<Response, Error> {
    caller.require_no_scopes()?;
    let crons = own::crons(api.directory(), &caller);
    let shown: Vec<_> = crons.iter().map(|cron| show(&api, &cron.record)).collect();
    Ok(Json(shown).into_response())
}

/// `POST /v1/crons`: with a bucket of its own, which has an input and an output. The cron comes last:
/// without it nothing runs.
pub(super) async fn create(State(api): State<Api>, caller: Caller, body: Body) -> Result<Response, Error> {
    caller.require_no_scopes()?;
    let (now, account, directory) = (write::now(), caller.account(), &api.by(&caller));
    let (id, bucket) = (CronId(Uuid::new_v4()), BucketId(Uuid::new_v4()));
    let cron = shape::cron::read_new(&body.fields()?, account, bucket, id, now)?;
    check_room(own::crons(directory, &caller).len(), CRONS_PER_ACCOUNT_MAX, "crons in this account")?;
    check_room(directory.buckets_of(account).len(), BUCKETS_PER_ACCOUNT_MAX, "buckets in this account")?;
    let name: Name = format!("cron-{id}").parse().map_err(|error| Error::invalid("name", error))?;
    let bucket = Bucket { description: cron.name.clone(), ..Bucket::new(bucket, account, name, now) };
    write::create(directory, &bucket).await?;
    let input = shape::input::plain(shape::input::DEFAULT_NAME, &bucket, InputId(Uuid::new_v4()), now);
    write::create(directory, &input).await?;
    let (name, destination) = (OUTPUT_NAME.to_owned(), cron.destination.clone());
    let output = Output::new(OutputId(Uuid::new_v4()), account, bucket.id, name, destination, now);
    write::create(directory, &output).await?;
    directory.create(&cron).await?;
    Ok((StatusCode::CREATED, Json(show(&api, &cron))).into_response())
}

/// `GET /v1/crons/{id}`
pub(super) async fn get(State(api): State<Api>, caller: Caller, At(id): At<CronId>) -> Result<Response, Error> {
    caller.require_no_scopes()?;
    let cron = own::cron(api.directory(), &caller, id)?.record;
    Ok(Json(show(&api, &cron)).into_response())
}

/// `PUT /v1/crons/{id}`
pub(super) async fn update(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<CronId>,
    body: Body,
) -> Result<Response, Error> {
    caller.require_no_scopes()?;
    let read = || own::cron(api.directory(), &caller, id);
    let before = read()?.record;
    let change = Change::read(&body.fields()?)?;
    let now = write::now();
    // What is refused changes nothing.
    change.apply(&mut before.as_ref().clone(), now)?;
    // The output first: whatever stops in between, the same request makes up for.
    if let Some(destination) = change.destination().filter(|destination| *destination != before.destination) {
        redirect(&api, &caller, &before, destination).await?;
    }
    let cron = write::swap(&api.by(&caller), read, |cron| change.apply(cron, now)).await?;
    Ok(Json(show(&api, &cron)).into_response())
}

/// Changes the destination of the output that has the cron's, if it is still there.
async fn redirect(api: &Api, caller: &Caller, before: &Record, destination: &str) -> Result<(), Error> {
    let outputs = api.directory().outputs_of(before.bucket);
    let Some(output) = outputs.iter().find(|output| output.record.destination == before.destination) else {
        return Ok(());
    };
    let ids = (before.bucket, output.record.id);
    let change = |output: &mut Output| {
        destination.clone_into(&mut output.destination);
        Ok(())
    };
    write::swap(&api.by(caller), || own::output(api.directory(), caller, ids), change).await.map(drop)
}

/// `DELETE /v1/crons/{id}`: and its bucket, with everything in it.
pub(super) async fn delete(State(api): State<Api>, caller: Caller, At(id): At<CronId>) -> Result<StatusCode, Error> {
    caller.require_no_scopes()?;
    let cron = own::cron(api.directory(), &caller, id)?.record;
    api.by(&caller).delete(&cron.key()).await?;
    if let Some(bucket) = api.directory().bucket(cron.bucket) {
        bucket::delete_whole(&api.by(&caller), &bucket.record).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

fn show<'a>(api: &Api, cron: &'a Record) -> Cron<'a> {
    let bucket = api.directory().bucket(cron.bucket).and_then(|bucket| bucket::json(api, &bucket.record));
    Cron::new(cron, bucket.unwrap_or_default())
}
