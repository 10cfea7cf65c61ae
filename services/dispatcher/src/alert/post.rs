//! Posts an alert, over the same guarded client as attempts at public outputs.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use model::destination::Destination;
use model::fact::Outcome;
use model::reason::Reason;
use model::record::Integration;
use model::request::Header;
use outbound::{Body, Finished, Head, Keep, NotMade, Request};

use super::trouble::how;
use crate::public::Attempts;

/// The waits before the second and the third try.
const WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];
/// How long a try may take.
const TIME_MAX: Duration = Duration::from_secs(10);
/// Who posts, to the receiver.
const USER_AGENT: &str = concat!("relay/", env!("CARGO_PKG_VERSION"));

/// What came of posting an alert.
pub(super) struct Posted {
    /// Whether the receiver took it.
    pub(super) is_taken: bool,
    /// How the last try ended, in words.
    pub(super) how: Cow<'static, str>,
}

/// Posts it, three times at most. What is not allowed is not tried again.
pub(super) async fn post(attempts: &Attempts, integration: &Integration, body: String) -> Posted {
    let body = Bytes::from(body);
    let mut waits = WAITS.into_iter();
    loop {
        let finished = match request(&integration.webhook_url, body.clone()) {
            Ok(request) => attempts.send(request).await,
            Err(not_made) => Finished::not_allowed(not_made.reason()),
        };
        let is_taken = matches!(finished.outcome, Outcome::Answered(200..=299));
        match waits.next() {
            Some(wait) if !is_taken && finished.outcome != Outcome::NotAllowed => tokio::time::sleep(wait).await,
            Some(_) | None => return Posted { is_taken, how: said(finished.outcome, finished.reason) },
        }
    }
}

/// The words for an attempt are about a destination; here it is the receiver.
fn said(outcome: Outcome, reason: Option<Reason>) -> Cow<'static, str> {
    how(Some(outcome), reason).replace("the destination", "the receiver").into()
}

fn request(url: &str, body: Bytes) -> Result<Request, NotMade> {
    let destination = Destination::parse(url)?;
    let target = destination.target(b"", None, true)?;
    let length = body.len();
    let line =
        |name: &'static str, value: String| Header { name: Bytes::from_static(name.as_bytes()), value: value.into() };
    let lines = [
        line("Host", destination.authority.clone()),
        line("User-Agent", USER_AGENT.to_owned()),
        line("Content-Type", "application/json".to_owned()),
        line("Content-Length", length.to_string()),
    ];
    let head = Head::new("POST", &target, &lines, length as u64)?;
    Ok(Request { destination, verify: true, head, body: Body::whole(body), timeout: TIME_MAX, keep: Keep::Status })
}
