//! The domains of an account. Only a token without scopes gets here.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::future::try_join_all;
use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, StatusCode, Uri};
use model::DomainId;
use model::record::Domain as Record;
use uuid::Uuid;

use crate::auth::Caller;
use crate::error::Error;
use crate::limits::{DOMAINS_PER_ACCOUNT_MAX, check_room};
use crate::request::{At, Body};
use crate::shape::Deleted;
use crate::shape::domain::{Domain, read_new};
use crate::{Api, own, write};

/// `GET /v1/domains`
pub(super) async fn list(State(api): State<Api>, caller: Caller) -> Result<Response, Error> {
    caller.require_no_scopes()?;
    let domains = own::domains(api.directory(), &caller);
    let certificates = api.store().certificates();
    let standings = try_join_all(domains.iter().map(|domain| certificates.standing(domain.record.id))).await?;
    let now = write::now();
    let all = domains.iter().zip(&standings);
    let shown: Vec<_> = all.map(|(domain, standing)| Domain::new(&domain.record, standing.as_ref(), now)).collect();
    Ok(Json(shown).into_response())
}

/// `POST /v1/domains`: no two accounts have the same.
pub(super) async fn create(
    State(api): State<Api>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    caller.require_no_scopes()?;
    // By whatever name the relay is reached, also where nobody told it which that is.
    let reached = headers.get(HOST).and_then(|host| host.to_str().ok()).and_then(|host| host.parse::<Authority>().ok());
    let reached = uri.authority().or(reached.as_ref()).map_or("", Authority::host);
    let name = read_new(&body.fields()?, &[api.public_host(), reached])?;
    let count = own::domains(api.directory(), &caller).len();
    check_room(count, DOMAINS_PER_ACCOUNT_MAX, "domains in this account")?;
    let now = write::now();
    let id = DomainId(Uuid::new_v4());
    let domain = Record { id, account: caller.account(), domain: name, created_at: now, updated_at: now };
    write::create(&api.by(&caller), &domain).await?;
    Ok((StatusCode::CREATED, Json(Domain::new(&domain, None, now))).into_response())
}

/// `DELETE /v1/domains/{id}`
pub(super) async fn delete(State(api): State<Api>, caller: Caller, At(id): At<DomainId>) -> Result<Response, Error> {
    caller.require_no_scopes()?;
    let directory = api.directory();
    let domain = own::domain(directory, &caller, id)?.record;
    let is_used = |input: &model::record::Input| input.custom_domain == domain.domain;
    if own::inputs(directory, caller.account()).iter().any(|input| is_used(&input.record)) {
        return Err(Error::Precondition("the domain is in use by an input".to_owned()));
    }
    write::delete(&api.by(&caller), domain.as_ref()).await?;
    Ok(Json(Deleted::new(id)).into_response())
}
