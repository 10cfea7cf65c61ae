//! Turns a delivery into the request to its destination, as far as the owner allows.

use std::time::Duration;

use model::answer::ANSWER_CARRIED_BYTES_MAX;
use model::record::{TIMEOUT_SECONDS_DEFAULT, TIMEOUT_SECONDS_MAX};
use outbound::{Body, Forward, Keep, Request};

use super::job::Delivery;
use crate::allow::{Allow, Permit};

/// Why no request is made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotMade {
    /// The delivery gives no request.
    #[error(transparent)]
    Request(#[from] outbound::NotMade),
    /// A header of the output is no text.
    #[error("a header of the output is no text")]
    OutputHeader,
    /// The owner's list.
    #[error("the destination is not on this agent's list")]
    NotListed,
}

/// The request that the delivery asks for, and the addresses to which it may go.
pub(super) fn make(delivery: Delivery, body: Body, allow: &Allow) -> Result<(Request, Permit), NotMade> {
    let Delivery { attempt, request, destination: asked, answer_bytes_max, .. } = delivery;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| NotMade::OutputHeader);
    let headers = asked.headers.iter().map(|line| Ok((text(&line.name)?, text(&line.value)?)));
    let headers = headers.collect::<Result<Vec<_>, NotMade>>()?;
    let forward = Forward {
        url: &asked.url,
        lock_path: asked.lock_path,
        headers: &headers,
        verify: asked.tls_verification,
        timeout: timeout_of(asked.timeout_ms),
        keep: Keep::up_to(usize::try_from(answer_bytes_max).unwrap_or(usize::MAX).min(ANSWER_CARRIED_BYTES_MAX)),
        event: attempt.event,
        attempt: attempt.number,
    };
    let request = forward.request(&request, body)?;
    let permit = allow.permit(&request.destination, request.head.target()).ok_or(NotMade::NotListed)?;
    Ok((request, permit))
}

/// How long an attempt may take; 0 ms is the default.
pub(super) fn timeout_of(ms: u32) -> Duration {
    match ms {
        0 => Duration::from_secs(TIMEOUT_SECONDS_DEFAULT.into()),
        ms => Duration::from_millis(ms.into()).min(Duration::from_secs(TIMEOUT_SECONDS_MAX.into())),
    }
}
