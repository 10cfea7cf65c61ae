//! Brings sessions and couriers together: one courier for each cursor that has a session here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{DispatcherId, SessionId};
use store::Store;
use store::fact::CursorKey;
use telemetry::Stop;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::alert::Alerts;
use crate::courier::{self, ToCourier};
use crate::metrics::Metrics;
use crate::presence::{Board, Presence, Standing};
use crate::session::Session;
use crate::socket::Room;

/// How many cursors are set up at once: NATS drops everything that is asked of it when too many
/// ask together.
const SETUPS_MAX: usize = 32;

/// The couriers and the tasks of a dispatcher. Clones share them.
#[derive(Clone)]
pub(crate) struct Hub {
    inner: Arc<Inner>,
}

struct Inner {
    id: DispatcherId,
    store: Store,
    stop: Stop,
    tasks: TaskTracker,
    setups: Semaphore,
    couriers: Mutex<HashMap<CursorKey, Courier>>,
    presence: Presence,
    metrics: Metrics,
    alerts: Alerts,
    /// What frames to clients of the public socket may take.
    frames: Room,
    /// The sessions of the public socket.
    sockets: Mutex<HashMap<SessionId, Arc<Session>>>,
}

struct Courier {
    tx: mpsc::UnboundedSender<ToCourier>,
    sessions: u32,
    board: Arc<Board>,
}

impl Hub {
    pub(crate) fn new(store: Store, stop: Stop, metrics: Metrics) -> Self {
        let inner = Inner {
            id: DispatcherId(Uuid::new_v4()),
            store,
            stop,
            tasks: TaskTracker::new(),
            setups: Semaphore::new(SETUPS_MAX),
            couriers: Mutex::default(),
            presence: Presence::default(),
            metrics,
            alerts: Alerts::new(),
            frames: Room::new(),
            sockets: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Names this dispatcher among those that are there.
    pub(crate) fn id(&self) -> DispatcherId {
        self.inner.id
    }

    /// What is said of the sessions and cursors here.
    pub(crate) fn presence(&self) -> &Presence {
        &self.inner.presence
    }

    /// What is counted.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// Where trouble is raised.
    pub(crate) fn alerts(&self) -> &Alerts {
        &self.inner.alerts
    }

    /// What frames to clients of the public socket may take.
    pub(crate) fn frames(&self) -> &Room {
        &self.inner.frames
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn stop(&self) -> &Stop {
        &self.inner.stop
    }

    /// Where every task of the dispatcher is started, so that it is waited for.
    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.inner.tasks
    }

    /// Waits for a place among those that set up a cursor.
    pub(crate) async fn setup_place(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        self.inner.setups.acquire().await.ok()
    }

    /// Lets a session take part in the work on a cursor.
    pub(crate) fn join(&self, key: CursorKey, session: &Arc<Session>) {
        let mut couriers = self.couriers();
        let join = ToCourier::Join(Arc::clone(session));
        if let Some(courier) = couriers.get_mut(&key) {
            courier.sessions += 1;
            // The courier listens until its last session has left.
            let _ = courier.tx.send(join);
            return;
        }
        // Bounded by the sessions' credits and by their number.
        let (tx, rx) = mpsc::unbounded_channel();
        // Sent before the courier runs: one without a session ends at once.
        let _ = tx.send(join);
        let board = Arc::new(Board::default());
        self.tasks().spawn(courier::run(self.clone(), key, board.clone(), tx.clone(), rx));
        couriers.insert(key, Courier { tx, sessions: 1, board });
    }

    /// A session that takes part in the work on a cursor begins nothing more.
    pub(crate) fn leaving(&self, key: CursorKey) {
        if let Some(courier) = self.couriers().get(&key) {
            let _ = courier.tx.send(ToCourier::Leaving);
        }
    }

    /// Takes a session out of the work on a cursor. The courier ends with its last session.
    pub(crate) fn leave(&self, key: CursorKey, session: SessionId) {
        let mut couriers = self.couriers();
        let Some(courier) = couriers.get_mut(&key) else { return };
        let _ = courier.tx.send(ToCourier::Leave(session));
        courier.sessions -= 1;
        if courier.sessions == 0 {
            couriers.remove(&key);
        }
    }

    /// Whether a courier here works on the cursor.
    pub(crate) fn has(&self, key: &CursorKey) -> bool {
        self.couriers().contains_key(key)
    }

    /// How the cursors stand that couriers here work with, each with its number of sessions.
    pub(crate) fn standings(&self) -> Vec<(CursorKey, u32, Standing)> {
        let couriers = self.couriers();
        couriers.iter().filter_map(|(key, courier)| Some((*key, courier.sessions, courier.board.read()?))).collect()
    }

    /// A client of the public socket has subscribed.
    pub(crate) fn socket_opened(&self, session: &Arc<Session>) {
        self.sockets_map().insert(session.id(), Arc::clone(session));
    }

    /// A client of the public socket is gone.
    pub(crate) fn socket_closed(&self, id: SessionId) {
        self.sockets_map().remove(&id);
    }

    /// The sessions of the public socket, in no order.
    pub(crate) fn sockets(&self) -> Vec<Arc<Session>> {
        self.sockets_map().values().cloned().collect()
    }

    /// Waits until every task has ended.
    pub(crate) async fn finished(&self) {
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    fn sockets_map(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<Session>>> {
        self.inner.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn couriers(&self) -> MutexGuard<'_, HashMap<CursorKey, Courier>> {
        self.inner.couriers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
