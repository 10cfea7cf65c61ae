//! One call, one connection: the command line makes few calls.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use outbound::tls::Tls;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_util::task::AbortOnDropHandle;

use crate::server::{DialError, Server};

/// How long a call may take.
const CALL_TIME_MAX: Duration = Duration::from_secs(30);
/// The largest answer that is read: a list of some ten thousand buckets.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How much of an error's text is shown.
const ERROR_TEXT_CHARS_MAX: usize = 500;

/// Calls the REST API.
#[derive(Debug)]
pub struct Client {
    server: Server,
    tls: Tls,
    authorization: Option<String>,
}

/// One call.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The method.
    pub method: Method,
    /// The path and, if need be, `?` and the query.
    pub path: &'a str,
    /// Headers beside those that every call has; they go before them.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Bytes,
}

/// An answer whose head has come.
#[derive(Debug)]
pub(super) struct Answering {
    pub(super) response: Response<Incoming>,
    _driver: AbortOnDropHandle<()>,
}

/// A call that did not do what it was to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server cannot be reached.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The connection ended, or what came back is not HTTP.
    #[error("{0}: the server gave no answer")]
    NoAnswer(String, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// What came back without TLS is not HTTP.
    #[error("{0}: the answer is not HTTP; say https:// if the server speaks TLS")]
    NotHttp(String),
    /// It took too long.
    #[error("{0}: no answer within {seconds} s", seconds = CALL_TIME_MAX.as_secs())]
    TimedOut(String),
    /// The server said no.
    #[error("{call}: {status}{text}")]
    Answer {
        /// Method and path.
        call: String,
        /// The status.
        status: StatusCode,
        /// The server's text after a colon, on one line, or nothing.
        text: String,
    },
    /// The answer is not what the API says.
    #[error("{0}: the answer cannot be read")]
    Unreadable(String, #[source] serde_json::Error),
}

impl Error {
    /// Whether the server has refused the call itself, so that trying again does not help.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Answer { status, .. } => status.is_client_error() && *status != StatusCode::TOO_MANY_REQUESTS,
            Self::Dial(_) | Self::NoAnswer(..) | Self::NotHttp(_) | Self::TimedOut(_) | Self::Unreadable(..) => false,
        }
    }
}

impl Client {
    /// A client that shows `authorization` with every call.
    pub fn new(server: Server, authorization: Option<String>) -> Self {
        let tls = server.secure(b"http/1.1");
        Self { server, tls, authorization }
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// `GET`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.call(Method::GET, path, None).await
    }

    /// `POST` with a JSON body.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Error> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// `PUT` with a JSON body; what it does not say stays as it is.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn put<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Error> {
        self.call(Method::PUT, path, Some(body)).await
    }

    /// `DELETE`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delete(&self, path: &str) -> Result<Value, Error> {
        self.call(Method::DELETE, path, None).await
    }

    /// Any call; an answer of any status is an answer.
    ///
    /// # Errors
    /// See [`Error`], without [`Error::Answer`].
    pub async fn raw(&self, call: Call<'_>) -> Result<Response<Bytes>, Error> {
        let name = call.name();
        let answered = async {
            let answer = self.open(&call).await?;
            let (head, body) = answer.response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|err| Error::NoAnswer(name.clone(), err))?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        tokio::time::timeout(CALL_TIME_MAX, answered).await.map_err(|_| Error::TimedOut(name.clone()))?
    }

    /// Any call, up to the head of its answer: the body is read as it comes.
    ///
    /// # Errors
    /// See [`Error`], without [`Error::Answer`].
    pub(super) async fn open(&self, call: &Call<'_>) -> Result<Answering, Error> {
        let no_answer = |err: Box<dyn std::error::Error + Send + Sync>| Error::NoAnswer(call.name(), err);
        let request = self.request(call).map_err(|err| no_answer(err.into()))?;
        let stream = self.server.dial(&self.tls).await?;
        let (mut sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(|err| no_answer(err.into()))?;
        let driver = AbortOnDropHandle::new(tokio::spawn(async move { drop(driver.await) }));
        let response =
            sender.send_request(request).await.map_err(|err| match err.is_parse() && !self.server.tls() {
                true => Error::NotHttp(call.name()),
                false => no_answer(err.into()),
            })?;
        Ok(Answering { response, _driver: driver })
    }

    async fn call<T: DeserializeOwned>(&self, method: Method, path: &str, body: Option<&Value>) -> Result<T, Error> {
        let content_type = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let call = Call {
            method,
            path,
            headers: body.map(|_| content_type).into_iter().collect(),
            body: body.map(|body| body.to_string().into()).unwrap_or_default(),
        };
        let answer = self.raw(call.clone()).await?;
        if !answer.status().is_success() {
            return Err(call.refused(answer.status(), answer.body()));
        }
        // Some deletions are answered without a body.
        let bytes: &[u8] = if answer.body().is_empty() { b"null" } else { answer.body() };
        serde_json::from_slice(bytes).map_err(|err| Error::Unreadable(call.name(), err))
    }

    fn request(&self, call: &Call<'_>) -> http::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(self.server.target(call.path))
            .header(HOST, self.server.authority())
            .header(USER_AGENT, concat!("relay/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "application/json");
        if let Some(authorization) = &self.authorization {
            let mut value = HeaderValue::from_str(authorization)?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        if let Some(headers) = request.headers_mut() {
            for (name, value) in &call.headers {
                headers.insert(name, value.clone());
            }
        }
        request.body(Full::from(call.body.clone()))
    }
}

impl Call<'_> {
    /// Method and path, without the query: what people wrote into it need not show in errors.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.path.split('?').next().unwrap_or_default())
    }

    /// The answer says no.
    pub fn refused(&self, status: StatusCode, text: &[u8]) -> Error {
        Error::Answer { call: self.name(), status, text: one_line(text) }
    }
}

/// The text of an error as the end of a line: it comes from elsewhere and may hold anything.
fn one_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    let line: String = line.chars().take(ERROR_TEXT_CHARS_MAX).collect();
    if line.is_empty() { line } else { format!(": {line}") }
}

#[cfg(test)]
mod tests;
