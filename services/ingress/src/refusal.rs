//! Why a request is refused before any service sees it, and what its caller is told.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;

/// What is wrong with a head. A relay must not pass on a message that the next hop could read
/// differently (RFC 9112, section 11.2), so the caller gets an error and the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The head does not parse (RFC 9112, sections 2 to 5): NUL, folded lines, white space before a colon.
    Malformed,
    /// No head was seen for this request, because the tap lost or left the HTTP/1 framing before it.
    Unseen,
    /// The head is larger than [`crate::HEAD_BYTES_MAX`].
    HeadTooLarge,
    /// There are more header lines than [`crate::HEADER_LINES_MAX`].
    TooManyHeaders,
    /// More heads wait for their answers than [`crate::HEADS_WAITING_MAX`].
    TooManyWaiting,
    /// A line of the head ends without a carriage return (RFC 9112, section 2.2).
    BareLineFeed,
    /// `Content-Length` comes twice or is not a plain number (RFC 9112, section 6.3).
    ContentLength,
    /// `Content-Length` and `Transfer-Encoding` come together (RFC 9112, section 6.1).
    LengthAndCoding,
    /// `Transfer-Encoding` is not exactly one `chunked`, or comes with HTTP/1.0 (RFC 9112, section 6.1).
    TransferCoding,
    /// `Host` is missing from HTTP/1.1, comes twice, or is no authority (RFC 9112, section 3.2).
    Host,
    /// The request target has no form that this method may have here (RFC 9112, section 3.2).
    Target,
    /// The authority of an absolute target is not that of `Host`.
    Authority,
    /// A WebSocket is asked for with a body before its frames.
    UpgradeWithBody,
    /// `Connection` names a field that frames, routes or authorizes the message.
    Connection,
}

impl Refusal {
    /// The status that the caller gets: 431 for what is too large, 400 for the rest.
    pub fn status(self) -> StatusCode {
        match self {
            Self::HeadTooLarge | Self::TooManyHeaders => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Malformed
            | Self::Unseen
            | Self::TooManyWaiting
            | Self::BareLineFeed
            | Self::ContentLength
            | Self::LengthAndCoding
            | Self::TransferCoding
            | Self::Host
            | Self::Target
            | Self::Authority
            | Self::UpgradeWithBody
            | Self::Connection => StatusCode::BAD_REQUEST,
        }
    }

    /// What was wrong, in words for the caller; says nothing about inputs.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "malformed request head",
            Self::Unseen => "request without a readable head",
            Self::HeadTooLarge => "request head too large",
            Self::TooManyHeaders => "too many header lines",
            Self::TooManyWaiting => "too many pipelined requests",
            Self::BareLineFeed => "line feed without carriage return",
            Self::ContentLength => "invalid or repeated content-length",
            Self::LengthAndCoding => "both content-length and transfer-encoding",
            Self::TransferCoding => "unsupported transfer-encoding",
            Self::Host => "missing, repeated or invalid host",
            Self::Target => "unsupported form of request target",
            Self::Authority => "request target and host differ",
            Self::UpgradeWithBody => "upgrade with a body",
            Self::Connection => "connection names a field it must not",
        }
    }

    /// The whole answer: status, reason as plain text, and `Connection: close`.
    pub fn response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from_static(self.reason().as_bytes())));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }
}
