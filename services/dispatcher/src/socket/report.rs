//! Takes what a client says over REST about a delivery as a proof that it has it.

use std::time::Duration;

use store::report::{Listener, Report};
use tracing::warn;

use crate::hub::Hub;

/// The wait before it is tried again to listen.
const RETRY_WAIT: Duration = Duration::from_millis(500);

/// Listens until the dispatcher stops.
pub(crate) async fn run(hub: &Hub) {
    while !hub.stop().is_given() {
        match hub.store().reports().listen().await {
            Ok(listener) => drop(hub.stop().or(follow(hub, listener)).await),
            Err(error) => warn!(%error, "cannot listen for reports now; trying again"),
        }
        hub.stop().or(tokio::time::sleep(RETRY_WAIT)).await;
    }
}

async fn follow(hub: &Hub, mut listener: Listener) {
    while let Some(report) = listener.next().await {
        settle(hub, report);
    }
}

/// A report names no socket: where several have the same delivery unconfirmed, only their own
/// pongs say which of them have it.
fn settle(hub: &Hub, report: Report) {
    let mut waiting = hub.sockets().into_iter().filter_map(|session| {
        let number = session.number_of(report.event, report.output)?;
        Some((session, number))
    });
    if let (Some((session, number)), None) = (waiting.next(), waiting.next()) {
        session.received(&[number]);
    }
}
