//! One call, one connection: the command line makes few calls.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
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

/// A call that did not do what it was to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server cannot be reached.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The connection ended, or what came back is not HTTP.
    #[error("{0}: the server gave no answer")]
    NoAnswer(String, #[source] Box<dyn std::error::Error + Send + Sync>),
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

    async fn call<T: DeserializeOwned>(&self, method: Method, path: &str, body: Option<&Value>) -> Result<T, Error> {
        let call = format!("{method} {}", path.split('?').next().unwrap_or_default());
        let answer = tokio::time::timeout(CALL_TIME_MAX, self.send(&call, method, path, body)).await;
        let (status, bytes) = answer.map_err(|_| Error::TimedOut(call.clone()))??;
        if !status.is_success() {
            return Err(Error::Answer { call, status, text: one_line(&bytes) });
        }
        // Some deletions are answered without a body.
        let bytes: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
        serde_json::from_slice(bytes).map_err(|err| Error::Unreadable(call, err))
    }

    async fn send(
        &self,
        call: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Bytes), Error> {
        let no_answer = |err: Box<dyn std::error::Error + Send + Sync>| Error::NoAnswer(call.to_owned(), err);
        let request = self.request(method, path, body).map_err(|err| no_answer(err.into()))?;
        let stream = self.server.dial(&self.tls).await?;
        let (mut sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(|err| no_answer(err.into()))?;
        let _driver = AbortOnDropHandle::new(tokio::spawn(async move { drop(driver.await) }));
        let answer = sender.send_request(request).await.map_err(|err| no_answer(err.into()))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await.map_err(no_answer)?;
        Ok((status, body.to_bytes()))
    }

    fn request(&self, method: Method, path: &str, body: Option<&Value>) -> http::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(method)
            .uri(self.server.target(path))
            .header(HOST, self.server.authority())
            .header(USER_AGENT, concat!("relay/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "application/json");
        if let Some(authorization) = &self.authorization {
            let mut value = HeaderValue::from_str(authorization)?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        match body {
            None => request.body(Full::default()),
            Some(body) => request.header(CONTENT_TYPE, "application/json").body(Full::from(body.to_string())),
        }
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
