//! What callers are told. Nothing here depends on whether the input exists, unless its owner demands
//! something of its callers.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode, Version};
use http_body_util::Full;
use model::record::{Answer, CallerAuth};
use store::presence::SAY_EVERY;
use verify::handshake;

use crate::Refusal;
use crate::body::Failure;

/// After how many seconds a caller shall come again when the log cannot take its webhook.
const RETRY_AFTER_SECONDS: u16 = 1;

/// Lines that hyper sets, or that would change what follows on the connection.
const NOT_ANSWERED: [&str; 9] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Lines of a destination's answer that mean something for its own host alone.
const NOT_PASSED_ON: [&str; 6] = ["alt-svc", "date", "server", "set-cookie", "strict-transport-security", "via"];

/// The webhook is in the log: the input's answer, 200 without body by default. What HTTP does not
/// allow in an answer is left out.
pub(crate) fn accepted(answer: &Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::copy_from_slice(answer.body.as_bytes())));
    *response.status_mut() = match StatusCode::from_u16(answer.status) {
        // 0 stands for the default, and 1xx would not be the last answer.
        Ok(status) if !status.is_informational() => status,
        Ok(_) | Err(_) => StatusCode::OK,
    };
    for (name, value) in &answer.headers {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else {
            continue;
        };
        if !NOT_ANSWERED.contains(&name.as_str()) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// What a destination answered, for a caller who waited for it; `None` when it cannot be passed on
/// whole. Lines that speak of the destination's own connection or host are left out.
pub(crate) fn from_destination(answer: &model::answer::Answer) -> Option<Response<Full<Bytes>>> {
    let status = u16::try_from(answer.status).ok().and_then(|status| StatusCode::from_u16(status).ok())?;
    if answer.is_cut() || status.is_informational() {
        return None;
    }
    let mut response = Response::new(Full::new(answer.body.clone()));
    *response.status_mut() = status;
    for line in &answer.headers {
        let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&line.name), HeaderValue::from_bytes(&line.value)) else {
            continue;
        };
        if !NOT_ANSWERED.contains(&name.as_str()) && !NOT_PASSED_ON.contains(&name.as_str()) {
            response.headers_mut().append(name, value);
        }
    }
    Some(response)
}

/// The log, or our memory, cannot take the webhook now.
pub(crate) fn unavailable() -> Response<Full<Bytes>> {
    let mut response = empty(StatusCode::SERVICE_UNAVAILABLE);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
    response
}

/// The queue of an output is full; how long queues are is said from time to time.
pub(crate) fn too_many() -> Response<Full<Bytes>> {
    let mut response = empty(StatusCode::TOO_MANY_REQUESTS);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(SAY_EVERY.as_secs()));
    response
}

/// The caller, or the webhook's signature, is refused.
pub(crate) fn unauthorized(demanded: &CallerAuth) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"Unauthorized")));
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    let challenge = match demanded {
        CallerAuth::None => return response,
        CallerAuth::Basic { .. } => "Basic realm=\"webhooks\"",
        CallerAuth::Bearer { .. } => "Bearer",
    };
    headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    response
}

/// A provider asked something before it sends webhooks.
pub(crate) fn shaken(answer: &handshake::Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.body.clone()));
    for (name, value) in &answer.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// The answer closes an HTTP/1 connection whose body was not read.
pub(crate) fn closing(mut response: Response<Full<Bytes>>, version: Version) -> Response<Full<Bytes>> {
    if version <= Version::HTTP_11 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The head is refused. HTTP/2 has no such header as `Connection`.
pub(crate) fn refused(refusal: Refusal, version: Version) -> Response<Full<Bytes>> {
    let mut response = refusal.response();
    if version > Version::HTTP_11 {
        response.headers_mut().remove(CONNECTION);
    }
    response
}

/// The body was not read to its end, so nothing more can be read from an HTTP/1 connection.
pub(crate) fn unread(failure: &Failure, version: Version) -> Response<Full<Bytes>> {
    let response = match failure {
        Failure::TooLarge => empty(StatusCode::PAYLOAD_TOO_LARGE),
        Failure::TooSlow => empty(StatusCode::REQUEST_TIMEOUT),
        Failure::Broken => empty(StatusCode::BAD_REQUEST),
        Failure::Exhausted | Failure::Crowding | Failure::Store(_) | Failure::Interrupted(_) => unavailable(),
    };
    closing(response, version)
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests;
