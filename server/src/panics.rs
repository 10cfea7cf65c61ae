//! Notes every panic, whoever catches it: a fault of ours ends one task, and must not go unnoticed.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

/// The number of panics of this process. Clones count together.
#[derive(Clone, Debug)]
pub struct Panics(Counter);

impl Panics {
    /// From now on every panic of the process is logged and counted.
    pub fn watch() -> Self {
        let this = Self(Counter::default());
        let counted = this.clone();
        panic::set_hook(Box::new(move |info| {
            counted.0.inc();
            note(info);
        }));
        this
    }

    /// Registers the number as `panics`.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("panics", "Faults of this program that ended a task", self.0.clone());
    }
}

/// Says where it was. Why is said only where it was written in the source: a text that was made may
/// hold what somebody sent.
fn note(info: &PanicHookInfo<'_>) {
    let at = info.location().map(ToString::to_string).unwrap_or_default();
    let why = info.payload().downcast_ref::<&'static str>().copied().unwrap_or_default();
    let trace = Backtrace::capture();
    match trace.status() {
        BacktraceStatus::Captured => tracing::error!(why, %trace, "a task panicked at {at}"),
        _ => tracing::error!(why, "a task panicked at {at}"),
    }
}
