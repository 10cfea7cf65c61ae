//! Says who is here: this dispatcher and its sessions.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::SessionId;
use store::presence::{PAGE_ENTRIES_MAX, Page, SAY_EVERY, SessionSeen};
use tokio::sync::Notify;
use tokio::time::timeout;
use tracing::warn;

use crate::hub::Hub;

/// How long changes are collected before they are said: agents come many at once.
const COLLECT_WAIT: Duration = Duration::from_millis(250);
/// How long the farewell may take; without it the silence says the same a little later.
const FAREWELL_MAX: Duration = Duration::from_secs(2);

/// What there is to say.
#[derive(Default)]
pub(crate) struct Presence {
    sessions: Mutex<HashMap<SessionId, SessionSeen>>,
    changed: Notify,
}

impl Presence {
    /// A session is there, or has changed.
    pub(crate) fn session(&self, session: SessionSeen) {
        lock(&self.sessions).insert(session.id, session);
        self.changed.notify_one();
    }

    /// A session is gone.
    pub(crate) fn session_gone(&self, id: SessionId) {
        lock(&self.sessions).remove(&id);
        self.changed.notify_one();
    }

    /// Everything, cut into pages; at least one.
    fn pages(&self) -> Vec<Page> {
        let sessions: Vec<_> = lock(&self.sessions).values().cloned().collect();
        let mut pages: Vec<Page> = Vec::new();
        pages.extend(sessions.chunks(PAGE_ENTRIES_MAX).map(|s| Page { sessions: s.to_vec(), cursors: Vec::new() }));
        if pages.is_empty() {
            pages.push(Page::default());
        }
        pages
    }
}

/// Says it every few seconds and after changes, until the dispatcher stops; then says farewell.
pub(crate) async fn run(hub: &Hub) {
    let stop = hub.stop();
    let mut said = 0;
    while !stop.is_given() {
        let pages = hub.presence().pages();
        said = pages.len();
        if let Some(Err(error)) = Box::pin(stop.or(say(hub, &pages))).await {
            warn!(%error, "cannot say who is here now; trying again");
        }
        // Too much is said when something changed just before: harmless.
        stop.or(timeout(SAY_EVERY, hub.presence().changed.notified())).await;
        stop.or(tokio::time::sleep(COLLECT_WAIT)).await;
    }
    let farewell = hub.store().presence().say_gone(hub.id(), said);
    if let Ok(Err(error)) = Box::pin(timeout(FAREWELL_MAX, farewell)).await {
        warn!(%error, "cannot say that this dispatcher is gone; its silence will");
    }
}

async fn say(hub: &Hub, pages: &[Page]) -> Result<(), store::Error> {
    for (number, page) in pages.iter().enumerate() {
        hub.store().presence().say(hub.id(), number, page).await?;
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
