//! Turns a delivery into the request to its destination, as far as the owner allows.

use std::time::Duration;

use model::answer::ANSWER_CARRIED_BYTES_MAX;
use model::destination::{Destination, InvalidDestination, PathEscapes};
use model::header;
use model::record::{TIMEOUT_SECONDS_DEFAULT, TIMEOUT_SECONDS_MAX};
use outbound::{Body, Head, InvalidHead, Keep, Request};

use super::job::Delivery;
use crate::allow::{Allow, Permit};

/// Why no request is made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotMade {
    /// The output's URL.
    #[error(transparent)]
    Destination(#[from] InvalidDestination),
    /// The caller's path.
    #[error(transparent)]
    Path(#[from] PathEscapes),
    /// The parts give no request.
    #[error(transparent)]
    Head(#[from] InvalidHead),
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
    let destination = Destination::parse(&asked.url)?;
    let target = destination.target(&request.extra_path, request.query.as_deref(), asked.lock_path)?;
    let permit = allow.permit(&destination, &target).ok_or(NotMade::NotListed)?;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| NotMade::OutputHeader);
    let overrides = asked.headers.iter().map(|line| Ok((text(&line.name)?, text(&line.value)?)));
    let overrides = overrides.collect::<Result<Vec<_>, NotMade>>()?;
    let lines = header::forwarded(&request, &destination.authority, &overrides, attempt.event, attempt.number);
    let head = Head::new(&request.method, &target, &lines, request.body_bytes)?;
    let verify = asked.tls_verification;
    let timeout = timeout(asked.timeout_ms);
    let keep = match usize::try_from(answer_bytes_max) {
        Ok(0) => Keep::Status,
        Ok(bytes) => Keep::Answer { body_bytes_max: bytes.min(ANSWER_CARRIED_BYTES_MAX) },
        Err(_) => Keep::Answer { body_bytes_max: ANSWER_CARRIED_BYTES_MAX },
    };
    Ok((Request { destination, verify, head, body, timeout, keep }, permit))
}

fn timeout(ms: u32) -> Duration {
    match ms {
        0 => Duration::from_secs(TIMEOUT_SECONDS_DEFAULT.into()),
        ms => Duration::from_millis(ms.into()).min(Duration::from_secs(TIMEOUT_SECONDS_MAX.into())),
    }
}
