//! The inputs of a bucket.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use model::record::{AnswerFrom, Input as Record};
use model::{BucketId, InputId};
use uuid::Uuid;

use crate::auth::Caller;
use crate::error::Error;
use crate::limits::{INPUTS_PER_BUCKET_MAX, check_room};
use crate::request::{At, Body};
use crate::shape::Deleted;
use crate::shape::input::{self as shape, Change, Input};
use crate::{Api, own, write};

/// `GET /v1/buckets/{id}/inputs`
pub(super) async fn list(State(api): State<Api>, caller: Caller, At(bucket): At<BucketId>) -> Result<Response, Error> {
    own::bucket(api.directory(), &caller, bucket)?;
    let inputs = api.directory().inputs_of(bucket);
    let shown: Vec<_> = inputs.iter().map(|input| Input::new(&input.record, api.public_url())).collect();
    Ok(Json(shown).into_response())
}

/// `POST /v1/buckets/{id}/inputs`
pub(super) async fn create(
    State(api): State<Api>,
    caller: Caller,
    At(bucket): At<BucketId>,
    body: Body,
) -> Result<Response, Error> {
    let bucket = own::bucket(api.directory(), &caller, bucket)?.record;
    let input = shape::read_new(&body.fields()?, &bucket, InputId(Uuid::new_v4()), write::now())?;
    check(&api, &caller, None, &input)?;
    check_room(api.directory().inputs_of(bucket.id).len(), INPUTS_PER_BUCKET_MAX, "inputs in this bucket")?;
    write::create(&api.by(&caller), &input).await?;
    Ok((StatusCode::CREATED, Json(Input::new(&input, api.public_url()))).into_response())
}

/// `GET /v1/buckets/{id}/inputs/{input}`
pub(super) async fn get(
    State(api): State<Api>,
    caller: Caller,
    At(ids): At<(BucketId, InputId)>,
) -> Result<Response, Error> {
    let input = own::input(api.directory(), &caller, ids)?.record;
    Ok(Json(Input::new(&input, api.public_url())).into_response())
}

/// `PUT /v1/buckets/{id}/inputs/{input}`
pub(super) async fn update(
    State(api): State<Api>,
    caller: Caller,
    At(ids): At<(BucketId, InputId)>,
    body: Body,
) -> Result<Response, Error> {
    let read = || own::input(api.directory(), &caller, ids);
    read()?;
    let change = Change::read(&body.fields()?)?;
    let apply = |input: &mut Record| {
        let before = input.clone();
        change.apply(input)?;
        check(&api, &caller, Some(&before), input)
    };
    let input = write::update(&api.by(&caller), change.name(), read, apply).await?;
    Ok(Json(Input::new(&input, api.public_url())).into_response())
}

/// `DELETE /v1/buckets/{id}/inputs/{input}`
pub(super) async fn delete(
    State(api): State<Api>,
    caller: Caller,
    At(ids): At<(BucketId, InputId)>,
) -> Result<Response, Error> {
    let input = own::input(api.directory(), &caller, ids)?.record;
    write::delete(&api.by(&caller), input.as_ref()).await?;
    Ok(Json(Deleted::new(input.id)).into_response())
}

/// Complains when an input now refers to what is not there, or answers where another one does.
/// What it referred to before may have gone since; that does not stand in the way of a change.
///
/// Domains are the whole account's: by a longer path on one an input would get what is another
/// bucket's.
fn check(api: &Api, caller: &Caller, before: Option<&Record>, input: &Record) -> Result<(), Error> {
    let directory = api.directory();
    let answer_from = |input: &Record| input.wait.as_ref().map(|wait| wait.answer_from);
    if let Some(AnswerFrom::Output(id)) = answer_from(input)
        && before.and_then(answer_from) != answer_from(input)
        && directory.output(id).is_none_or(|output| output.record.bucket != input.bucket)
    {
        return Err(Error::invalid("response_from_output", "is no output of this bucket"));
    }
    let place = |input: &Record| (input.custom_domain.clone(), input.path_prefix.clone());
    if input.custom_domain.is_empty() || before.map(place) == Some(place(input)) {
        return Ok(());
    }
    caller.require_no_scopes()?;
    let is_owned =
        |domain: &model::record::Domain| domain.account == input.account && domain.domain == input.custom_domain;
    if !directory.domains().iter().any(|domain| is_owned(&domain.record)) {
        return Err(Error::invalid("custom_domain", "is no domain of this account; claim it with POST /v1/domains"));
    }
    let others = own::inputs(directory, input.account);
    if others.iter().any(|other| other.record.id != input.id && place(&other.record) == place(input)) {
        return Err(Error::Precondition("another input answers at this domain and path already".to_owned()));
    }
    Ok(())
}
