//! A session over a WebSocket (RFC 6455), for networks in which gRPC does not get through.
//!
//! `GET` [`PATH`] is upgraded with the sub-protocol [`SUB_PROTOCOL`] and the same `Authorization` as
//! over gRPC. Each binary message is one `FromAgent` or `ToAgent`, of at most
//! [`MESSAGE_BYTES_MAX`](crate::MESSAGE_BYTES_MAX). The dispatcher ends a session with a close code
//! that is its gRPC status, and the status's message as reason. Credentials that are refused before
//! the session is open are answered 401, and no WebSocket comes of it.

use tonic::{Code, Status};

/// Where sessions are opened.
pub const PATH: &str = "/v1/agent";
/// What the messages are.
pub const SUB_PROTOCOL: &str = "relay.agent.v1";
/// The close code of gRPC status 0; the range is for private use (RFC 6455, section 7.4.2).
const CLOSE_BASE: u16 = 4000;
/// The longest reason that fits into a close frame, in bytes (RFC 6455, section 5.5).
const REASON_BYTES_MAX: usize = 123;
/// The close code of an end in good order (RFC 6455, section 7.4.1).
const NORMAL: u16 = 1000;

/// The close code and the reason that say this status.
pub fn close(status: &Status) -> (u16, &str) {
    let code = u16::try_from(i32::from(status.code())).unwrap_or_default();
    let reason = status.message();
    (CLOSE_BASE + code, &reason[..reason.floor_char_boundary(REASON_BYTES_MAX)])
}

/// How a session has ended that was closed with this code and reason.
///
/// # Errors
/// The status; `UNAVAILABLE` when somebody else than the dispatcher has closed it.
pub fn closed(code: u16, reason: &str) -> Result<(), Status> {
    match code.checked_sub(CLOSE_BASE) {
        Some(0) => Ok(()),
        // What is no gRPC status counts as unknown.
        Some(status @ 1..1000) => Err(Status::new(Code::from_i32(status.into()), reason)),
        None if code == NORMAL => Ok(()),
        Some(_) | None => Err(Status::unavailable(format!("closed with code {code}: {reason}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_codes_are_statuses() {
        let end = |code: u16, reason: &str| {
            closed(code, reason).map_err(|status| (status.code(), status.message().to_owned()))
        };
        assert_eq!(end(4000, ""), Ok(()));
        assert_eq!(end(1000, ""), Ok(()));
        assert_eq!(end(4016, "revoked"), Err((Code::Unauthenticated, "revoked".into())));
        assert_eq!(end(4005, "no bucket"), Err((Code::NotFound, "no bucket".into())));
        assert_eq!(end(4014, "restarting"), Err((Code::Unavailable, "restarting".into())));
        assert_eq!(end(4500, "later").unwrap_err().0, Code::Unknown);
        assert_eq!(end(1011, "oops"), Err((Code::Unavailable, "closed with code 1011: oops".into())));
    }

    #[test]
    fn statuses_are_close_codes() {
        for code in (1..=16).map(Code::from_i32) {
            let status = Status::new(code, "why");
            let (number, reason) = close(&status);
            assert_eq!(closed(number, reason).unwrap_err().code(), code);
            assert_eq!(reason, "why");
        }
    }

    #[test]
    fn a_reason_fits_into_a_close_frame() {
        let whole = "a".repeat(REASON_BYTES_MAX);
        assert_eq!(close(&Status::not_found(&whole)).1, whole);
        let long = format!("{}é", &whole[1..]);
        assert_eq!(close(&Status::not_found(long)).1, &whole[1..]);
    }
}
