//! The tokens of an account. Only a token without scopes gets here.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use model::TokenId;
use model::record::Token as Record;
use store::verification::{Answer, Question};

use crate::auth::Caller;
use crate::error::{Cause, Error};
use crate::limits::{TOKENS_PER_ACCOUNT_MAX, check_room};
use crate::request::{At, Body};
use crate::shape::Deleted;
use crate::shape::token::{Change, Issued, Token};
use crate::{Api, own, write};

/// `GET /v1/tokens`
pub(super) async fn list(State(api): State<Api>, caller: Caller) -> Result<Response, Error> {
    caller.require_no_scopes()?;
    let tokens = api.directory().tokens_of(caller.account());
    let shown: Vec<_> = tokens.iter().map(|token| Token::new(&token.record)).collect();
    Ok(Json(shown).into_response())
}

/// `POST /v1/tokens`: `auth` makes it, and its secret is in this answer only.
pub(super) async fn create(State(api): State<Api>, caller: Caller, body: Body) -> Result<Response, Error> {
    caller.require_no_scopes()?;
    let (description, scopes, api_access) = Change::read(&body.fields_if_any()?)?.into_new();
    check_room(api.directory().tokens_of(caller.account()).len(), TOKENS_PER_ACCOUNT_MAX, "tokens in this account")?;
    let question =
        Question::Issue { account: caller.account(), description, scopes, api_access, by: Some(caller.actor()) };
    match api.store().verification().ask(&question).await? {
        Answer::Issued { token, secret } => {
            // Seen here before the answer, so that the next request here sees it too; it is good anyway.
            let _ = api.directory().catch_up().await;
            Ok((StatusCode::CREATED, Json(Issued::new(token, secret))).into_response())
        }
        Answer::Busy | Answer::Failed => Err(Error::Unavailable(None)),
        Answer::Verified(_) | Answer::Revoked | Answer::Refused => Err(Error::Internal(Cause::Answer("issue"))),
    }
}

/// `PUT /v1/tokens/{id}`
pub(super) async fn update(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<TokenId>,
    body: Body,
) -> Result<Response, Error> {
    caller.require_no_scopes()?;
    let read = || own::token(api.directory(), &caller, id);
    read()?;
    let change = Change::read(&body.fields()?)?;
    let apply = |token: &mut Record| {
        change.apply(token);
        Ok(())
    };
    let token = write::swap(&api.by(&caller), read, apply).await?;
    Ok(Json(Token::new(&token)).into_response())
}

/// `DELETE /v1/tokens/{id}`: `auth` forgets it, and every session of it ends.
pub(super) async fn delete(State(api): State<Api>, caller: Caller, At(id): At<TokenId>) -> Result<Response, Error> {
    caller.require_no_scopes()?;
    own::token(api.directory(), &caller, id)?;
    match api.store().verification().ask(&Question::Revoke { token: id, by: Some(caller.actor()) }).await? {
        Answer::Revoked => {
            // As when it is made.
            let _ = api.directory().catch_up().await;
            Ok(Json(Deleted::new(id)).into_response())
        }
        // It was revoked by someone else in the meantime.
        Answer::Refused => Err(Error::NotFound("token")),
        Answer::Busy | Answer::Failed => Err(Error::Unavailable(None)),
        Answer::Verified(_) | Answer::Issued { .. } => Err(Error::Internal(Cause::Answer("revoke"))),
    }
}
