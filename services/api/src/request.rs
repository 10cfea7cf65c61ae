//! How a request is read: the ids in its path, its body, and the id that it gets.

use std::time::Instant;

use axum::extract::{FromRequest, FromRequestParts, MatchedPath, Path, Request};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::{Instrument, debug, info_span};
use uuid::Uuid;

use crate::error::Error;
use crate::limits::REQUEST_WAIT_MAX;
use crate::shape::Fields;

/// Names the request to the caller; the same id stands in our log lines about it.
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// The ids in the path. What is no id names nothing, so it is not found.
pub(crate) struct At<T>(pub(crate) T);

/// The request body, within its limit.
pub(crate) struct Body(Bytes);

impl Body {
    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The JSON object that it is, whatever its content type says.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub(crate) fn fields(&self) -> Result<Fields, Error> {
        Fields::parse(&self.0)
    }

    /// The JSON that it is, whatever its content type says.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub(crate) fn json(&self) -> Result<Value, Error> {
        serde_json::from_slice(&self.0).map_err(|error| Error::Invalid(format!("the body is not valid JSON: {error}")))
    }

    /// As [`Body::fields`], for a route that may be called without a body.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub(crate) fn fields_if_any(&self) -> Result<Fields, Error> {
        if self.is_empty() { Ok(Fields::default()) } else { self.fields() }
    }
}

/// Gives each request an id, and each answer what all of them carry.
pub(crate) async fn attend(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = Uuid::new_v4();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("", MatchedPath::as_str);
    let span = info_span!("request", request_id = %id, method = %request.method(), route);
    let answer = async {
        let response = next.run(request).await;
        let (status, elapsed) = (response.status().as_u16(), started.elapsed());
        debug!(status, elapsed_ms = elapsed.as_secs_f64() * 1000.0, "a request of the API was answered");
        response
    };
    let mut response = answer.instrument(span).await;
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for At<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(ids)) => Ok(Self(ids)),
            Err(_) => Err(Error::NotFound("path")),
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let read = tokio::time::timeout(REQUEST_WAIT_MAX, Bytes::from_request(request, state)).await;
        match read.map_err(|_| Error::TooSlow)? {
            Ok(bytes) => Ok(Self(bytes)),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(Error::TooLarge),
            Err(_) => Err(Error::Invalid("the body ended early".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests;
