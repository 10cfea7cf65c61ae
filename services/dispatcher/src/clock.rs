//! The two places where the dispatcher asks what time it is.

use std::time::SystemTime;

use model::UnixMs;

use crate::hub::Hub;

/// Now, by the clock of this machine: for what people read.
pub(crate) fn now() -> UnixMs {
    UnixMs::from(SystemTime::now())
}

/// Now, by the clock that dates the log: for how old an event is, and when its next attempt is due.
pub(crate) fn of_log(hub: &Hub) -> UnixMs {
    hub.store().now()
}
