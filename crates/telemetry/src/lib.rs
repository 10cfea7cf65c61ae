//! Log lines, traces, and the signal to stop: what every program of the relay starts with.

pub mod log;
pub mod stop;
pub mod trace;

pub use stop::Stop;
pub use trace::TraceParent;
