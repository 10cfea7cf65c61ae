//! What a destination answers, as far as the request asks for it to be kept.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use model::request::Header;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How much of an answer's body is read beyond what is kept, in bytes, so that the connection can
/// serve again.
pub(crate) const REST_BYTES_MAX: u64 = 1024 * 1024;
/// How long the body beyond what is kept is waited for: the attempt is over, and only the
/// connection could still be saved.
const REST_TIME_MAX: Duration = Duration::from_secs(5);

/// The body of an answer, as far as it was kept.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Its beginning.
    pub body: Bytes,
    /// Its size: announced, or as far as it was read.
    pub body_bytes: u64,
    /// It was read to its end, so that the connection can serve again.
    pub is_read: bool,
}

/// Reads an answer's body: at most `bytes_max` bytes of it are kept, for which there is time until
/// the `deadline`; the rest is thrown away. Content codings are left alone.
pub(crate) async fn read(mut answer: Incoming, bytes_max: usize, deadline: Instant) -> Kept {
    let announced = answer.size_hint().exact();
    let (mut body, mut read, mut is_read) = (BytesMut::new(), 0, false);
    let mut until = deadline;
    loop {
        if body.len() == bytes_max {
            until = until.min(Instant::now() + REST_TIME_MAX);
        }
        let Ok(frame) = timeout_at(until, answer.frame()).await else { break };
        let frame = match frame {
            Some(Ok(frame)) => frame,
            Some(Err(_)) => break,
            None => {
                is_read = true;
                break;
            }
        };
        let Some(data) = frame.data_ref() else { continue };
        read += data.len() as u64;
        body.extend_from_slice(&data[..data.len().min(bytes_max - body.len())]);
        if read - body.len() as u64 > REST_BYTES_MAX {
            break;
        }
    }
    Kept { body: body.freeze(), body_bytes: announced.unwrap_or(read).max(read), is_read }
}

/// The header lines of the final answer among the bytes that came back, in order, names as written;
/// those that are not whole are left out. What was read are heads, since hyper has read them too.
pub(crate) fn header_lines(bytes: &[u8]) -> Vec<Header> {
    let mut headers = Vec::new();
    let mut rest = bytes;
    // Of the informational answers before the final one (RFC 9110, section 15.2) nothing is kept.
    let mut is_final = true;
    let mut is_first = true;
    while let Some(end) = rest.iter().position(|b| *b == b'\n') {
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        rest = &rest[end + 1..];
        if is_first && line.is_empty() {
            // Nothing is said by empty lines before an answer (RFC 9112, section 2.2).
        } else if is_first {
            is_final = !is_informational(line);
            is_first = false;
        } else if line.is_empty() && is_final {
            break;
        } else if line.is_empty() {
            is_first = true;
        } else if is_final && let Some(colon) = line.iter().position(|b| *b == b':') {
            let copy = |bytes: &[u8]| Bytes::copy_from_slice(bytes.trim_ascii());
            headers.push(Header { name: copy(&line[..colon]), value: copy(&line[colon + 1..]) });
        }
    }
    headers
}

/// Whether a status line is of an answer that another one follows on the same connection.
fn is_informational(line: &[u8]) -> bool {
    let status = line.split(|b| *b == b' ').nth(1).unwrap_or_default();
    status.first() == Some(&b'1') && status != b"101"
}

#[cfg(test)]
mod tests;
