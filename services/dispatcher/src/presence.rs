//! Says who is here: this dispatcher, its sessions, and how its cursors stand.
//!
//! - `standing` is how a cursor stands; couriers write it, and so does the caretaker for cursors that
//!   nobody works with.
//! - `cursors` gathers them all, and looks up what a courier cannot know.

mod cursors;
mod standing;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::SessionId;
use store::fact::CursorKey;
use store::presence::{CursorSeen, PAGE_ENTRIES_MAX, Page, SAY_EVERY, SessionSeen};
use tokio::sync::Notify;
use tokio::time::timeout;
use tracing::warn;

use crate::alert::lag;
use crate::hub::Hub;
use cursors::Cursors;

pub(crate) use standing::{Board, Standing};

/// How long changes are collected before they are said: agents come many at once.
const COLLECT_WAIT: Duration = Duration::from_millis(250);
/// How long the farewell may take; without it the silence says the same a little later.
const FAREWELL_MAX: Duration = Duration::from_secs(2);
/// The number of the first page of cursors: they are said at another pace than sessions, which
/// never fill so many pages.
const CURSOR_PAGES_FROM: usize = 10_000;

/// What there is to say.
#[derive(Default)]
pub(crate) struct Presence {
    sessions: Mutex<HashMap<SessionId, SessionSeen>>,
    changed: Notify,
    /// The cursors that nobody works with, as the caretaker found them.
    unserved: Mutex<HashMap<CursorKey, Standing>>,
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

    /// How many sessions there are.
    pub(crate) fn sessions(&self) -> usize {
        lock(&self.sessions).len()
    }

    /// Nobody works with a cursor, and it stands like this.
    pub(crate) fn unserved(&self, key: CursorKey, standing: Standing) {
        lock(&self.unserved).insert(key, standing);
    }

    /// Somebody works with a cursor, or nothing is known of it.
    pub(crate) fn unserved_gone(&self, key: &CursorKey) {
        lock(&self.unserved).remove(key);
    }

    /// Whether it is known how a cursor stands that nobody works with.
    pub(crate) fn knows_unserved(&self, key: &CursorKey) -> bool {
        lock(&self.unserved).contains_key(key)
    }

    /// Forgets the cursors that are none of these.
    pub(crate) fn retain_unserved(&self, keep: impl Fn(&CursorKey) -> bool) {
        lock(&self.unserved).retain(|key, _| keep(key));
    }

    /// The cursors that nobody works with, in no order.
    fn all_unserved(&self) -> Vec<(CursorKey, Standing)> {
        lock(&self.unserved).iter().map(|(key, standing)| (*key, *standing)).collect()
    }

    /// The sessions, cut into pages; at least one.
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

/// Says it until the dispatcher stops; then says farewell.
pub(crate) async fn run(hub: &Hub) {
    let (sessions, cursors) = tokio::join!(say_sessions(hub), Box::pin(say_cursors(hub)));
    let pages = (0..sessions.max(1)).chain(CURSOR_PAGES_FROM..CURSOR_PAGES_FROM + cursors);
    let farewell = hub.store().presence().say_gone(hub.id(), pages);
    if let Ok(Err(error)) = Box::pin(timeout(FAREWELL_MAX, farewell)).await {
        warn!(%error, "cannot say that this dispatcher is gone; its silence will");
    }
}

/// Says which sessions there are every few seconds and after changes; returns in how many pages.
async fn say_sessions(hub: &Hub) -> usize {
    let stop = hub.stop();
    let mut said = 0;
    while !stop.is_given() {
        let pages = hub.presence().pages();
        said = pages.len();
        if let Some(Err(error)) = Box::pin(stop.or(say(hub, 0, &pages))).await {
            warn!(%error, "cannot say who is here now; trying again");
        }
        // Too much is said when something changed just before: harmless.
        stop.or(timeout(SAY_EVERY, hub.presence().changed.notified())).await;
        stop.or(tokio::time::sleep(COLLECT_WAIT)).await;
    }
    said
}

/// Says how the cursors stand every few seconds; returns in how many pages.
async fn say_cursors(hub: &Hub) -> usize {
    let stop = hub.stop();
    let mut cursors = Cursors::default();
    let mut said = 0;
    while !stop.is_given() {
        let Some(seen) = stop.or(cursors.round(hub)).await else { break };
        lag::look(hub, &seen);
        let pages = cursor_pages(&seen);
        said = pages.len();
        if let Some(Err(error)) = Box::pin(stop.or(say(hub, CURSOR_PAGES_FROM, &pages))).await {
            warn!(%error, "cannot say how cursors stand now; trying again");
        }
        stop.or(tokio::time::sleep(SAY_EVERY)).await;
    }
    said
}

/// At least one, so that what stood on it before is forgotten.
fn cursor_pages(seen: &[CursorSeen]) -> Vec<Page> {
    let page = |cursors: &[CursorSeen]| Page { sessions: Vec::new(), cursors: cursors.to_vec() };
    match seen {
        [] => vec![Page::default()],
        seen => seen.chunks(PAGE_ENTRIES_MAX).map(page).collect(),
    }
}

async fn say(hub: &Hub, from: usize, pages: &[Page]) -> Result<(), store::Error> {
    for (number, page) in pages.iter().enumerate() {
        hub.store().presence().say(hub.id(), from + number, page).await?;
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
