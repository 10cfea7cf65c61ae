//! The one place where the dispatcher asks what time it is.

use std::time::SystemTime;

use model::UnixMs;

/// Now, by the clock of this machine.
pub(crate) fn now() -> UnixMs {
    UnixMs::from(SystemTime::now())
}
