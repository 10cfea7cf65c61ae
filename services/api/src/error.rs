//! What a request that failed is answered, and what the operator is told about it.

use std::error::Error as _;
use std::fmt::Write as _;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use store::keyring::Scope;
use tracing::{error, warn};

use crate::limits::REQUEST_BYTES_MAX;

/// Why a request was not done. What it prints is for the caller, in plain text; the source of
/// [`Error::Unavailable`] and [`Error::Internal`] is for the operator, and only logged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No credentials, or none that are good: 401. It never says which part was wrong.
    #[error("credentials are missing or wrong")]
    Unauthorized,
    /// The credentials are good, but not for this: 403.
    #[error("{0}")]
    Forbidden(&'static str),
    /// There is no such thing, or it belongs to someone else: 404.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The path is there, the method is not: 405.
    #[error("method not allowed")]
    MethodNotAllowed,
    /// The request cannot be read or has a value that cannot be taken: 400.
    #[error("{0}")]
    Invalid(String),
    /// The body is over its limit: 413.
    #[error("the body has more than {REQUEST_BYTES_MAX} bytes")]
    TooLarge,
    /// The body did not come in time: 408.
    #[error("the body comes too slowly")]
    TooSlow,
    /// The name is taken, the thing is in use, or there are as many as there may be: 412.
    #[error("{0}")]
    Precondition(String),
    /// A name that nobody may have here: 451.
    #[error("{0}")]
    NotToBeHad(&'static str),
    /// Others changed the same thing again and again meanwhile: 409.
    #[error("changed by someone else at the same time; read it and try again")]
    Contended,
    /// It cannot be done now: 503.
    #[error("cannot be done right now; try again")]
    Unavailable(#[source] Option<store::Error>),
    /// It cannot be done, and trying again will not help: 500.
    #[error("internal error")]
    Internal(#[source] Cause),
}

/// Why something failed that must not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    /// The store has something that it cannot read.
    #[error(transparent)]
    Store(store::Error),
    /// A fingerprint could not be made.
    #[error(transparent)]
    Crypto(#[from] crypto::Error),
    /// The file of the logs cannot be read or written.
    #[error("the logs: {0}")]
    Logs(#[from] rusqlite::Error),
    /// An answer cannot be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// `auth` gave an answer to another question.
    #[error("auth answered another question than {0}")]
    Answer(&'static str),
}

impl Error {
    /// A value of that field that cannot be taken, and why.
    pub(crate) fn invalid(field: impl std::fmt::Display, why: impl std::fmt::Display) -> Self {
        Self::Invalid(format!("{field}: {why}"))
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Precondition(_) => StatusCode::PRECONDITION_FAILED,
            Self::NotToBeHad(_) => StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS,
            Self::Contended => StatusCode::CONFLICT,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The whole chain below the text that the caller sees.
    pub(crate) fn for_operator(&self) -> String {
        let mut text = String::new();
        let mut next = self.source();
        while let Some(source) = next {
            let _ = write!(text, "{}{source}", if text.is_empty() { "" } else { ": " });
            next = source.source();
        }
        text
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Unavailable { .. } => Self::Unavailable(Some(error)),
            store::Error::Conflict => Self::Contended,
            store::Error::Exists => Self::Precondition("exists already".to_owned()),
            // The key of a bucket is destroyed with it, and that may be seen before the rest.
            store::Error::NoKey { ref scope } if matches!(scope.parse(), Ok(Scope::Bucket(_))) => {
                Self::NotFound("bucket")
            }
            store::Error::Sealed { .. }
            | store::Error::NoKey { .. }
            | store::Error::KeyringLost
            | store::Error::OtherShards { .. }
            | store::Error::Unreadable { .. } => Self::Internal(Cause::Store(error)),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match &self {
            Self::Internal(_) => error!(error = self.for_operator(), "a request of the API failed"),
            Self::Unavailable(Some(_)) => warn!(error = self.for_operator(), "a request of the API cannot be done now"),
            _ => {}
        }
        let mut response = (self.status(), format!("{self}\n")).into_response();
        let headers = response.headers_mut();
        match self {
            Self::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"relay\""));
            }
            Self::Unavailable(_) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests;
