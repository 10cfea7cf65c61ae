//! Whether a head frames and addresses its message in the one way that no hop can read differently.

use httparse::{Header, Request};

use super::{Framing, HEAD_BYTES_MAX};
use crate::Refusal;

/// Fields that `Connection` must not name: a hop that obeyed would change where the message goes,
/// where it ends, or who sent it.
const NOT_CONNECTION: [&str; 4] = ["content-length", "transfer-encoding", "host", "authorization"];

/// The paths at which clients and agents may upgrade to WebSocket.
const SOCKET_PATHS: [&str; 2] = ["/v1/socket", "/v1/agent"];

/// The framing fields of one head.
#[derive(Default)]
struct Fields<'a> {
    host: Option<&'a [u8]>,
    length: Option<u64>,
    chunked: bool,
    websocket: bool,
}

/// How the body of this head is framed, or why the head is refused. `head` is the whole head of
/// which `request` was read.
pub(super) fn framing(head: &[u8], request: &Request<'_, '_>) -> Result<Framing, Refusal> {
    if head.len() > HEAD_BYTES_MAX {
        return Err(Refusal::HeadTooLarge);
    }
    if has_bare_line_feed(head) {
        return Err(Refusal::BareLineFeed);
    }
    let is_http_11 = request.version == Some(1);
    let fields = fields(request.headers)?;
    if is_http_11 && fields.host.is_none() {
        return Err(Refusal::Host);
    }
    let (method, target) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    check_target(method, target, fields.host)?;
    if fields.chunked && fields.length.is_some() {
        return Err(Refusal::LengthAndCoding);
    }
    if fields.chunked && !is_http_11 {
        return Err(Refusal::TransferCoding);
    }
    if fields.websocket && is_http_11 && method == "GET" && SOCKET_PATHS.contains(&path(target)) {
        // What follows would be a body to one hop and frames to the next.
        return match fields.chunked || fields.length.is_some_and(|length| length > 0) {
            true => Err(Refusal::UpgradeWithBody),
            false => Ok(Framing::Upgrade),
        };
    }
    Ok(if fields.chunked { Framing::Chunked } else { Framing::Length(fields.length.unwrap_or(0)) })
}

fn fields<'a>(lines: &[Header<'a>]) -> Result<Fields<'a>, Refusal> {
    let mut fields = Fields::default();
    for Header { name, value } in lines {
        // The length decides quickly about the many lines that are none of these.
        match name.len() {
            4 if name.eq_ignore_ascii_case("host") => {
                if fields.host.is_some() || !value.iter().all(|b| is_authority_byte(*b)) {
                    return Err(Refusal::Host);
                }
                fields.host = Some(value);
            }
            7 if name.eq_ignore_ascii_case("upgrade") => fields.websocket |= names(value, "websocket"),
            10 if name.eq_ignore_ascii_case("connection") => check_connection(value)?,
            14 if name.eq_ignore_ascii_case("content-length") => {
                let length = number(value).ok_or(Refusal::ContentLength)?;
                if fields.length.replace(length).is_some() {
                    return Err(Refusal::ContentLength);
                }
            }
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                if fields.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Refusal::TransferCoding);
                }
                fields.chunked = true;
            }
            _ => {}
        }
    }
    Ok(fields)
}

fn check_connection(value: &[u8]) -> Result<(), Refusal> {
    match NOT_CONNECTION.iter().any(|field| names(value, field)) {
        true => Err(Refusal::Connection),
        false => Ok(()),
    }
}

/// The target must be a path, `*` for OPTIONS, or absolute with the authority that `Host` has.
/// CONNECT is refused: this is no proxy, and an answer of 2xx would leave HTTP/1. So is a
/// fragment, which hyper would cut off.
fn check_target(method: &str, target: &str, host: Option<&[u8]>) -> Result<(), Refusal> {
    if method == "CONNECT" || target.contains('#') {
        return Err(Refusal::Target);
    }
    if target.starts_with('/') || (target == "*" && method == "OPTIONS") {
        return Ok(());
    }
    let authority = split_absolute(target).ok_or(Refusal::Target)?.0;
    match host {
        Some(host) if !host.eq_ignore_ascii_case(authority.as_bytes()) => Err(Refusal::Authority),
        _ if authority.is_empty() || !authority.bytes().all(is_authority_byte) => Err(Refusal::Target),
        _ => Ok(()),
    }
}

/// Splits an absolute http or https target into its authority and what follows that.
fn split_absolute(target: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = target.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    Some(rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len())))
}

fn path(target: &str) -> &str {
    let local = split_absolute(target).map_or(target, |(_, rest)| rest);
    local.split_once('?').map_or(local, |(path, _)| path)
}

/// Whether a list of names (RFC 9110, section 5.6.1) has this one.
fn names(list: &[u8], name: &str) -> bool {
    list.split(|b| *b == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
}

/// A number of digits only: no sign, no list, no overflow.
fn number(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0u64, |sum, b| match b {
        b'0'..=b'9' => sum.checked_mul(10)?.checked_add(u64::from(b - b'0')),
        _ => None,
    })
}

/// Bytes of a host and port (RFC 3986, section 3.2): no user, no path, no list.
pub(crate) fn is_authority_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~:[]%!$&'()*+;=".contains(&b)
}

fn has_bare_line_feed(head: &[u8]) -> bool {
    let before = std::iter::once(&0).chain(head);
    head.iter().zip(before).any(|(b, before)| *b == b'\n' && *before != b'\r')
}
