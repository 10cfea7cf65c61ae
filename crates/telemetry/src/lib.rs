//! Log lines, traces, the signal to stop, and memory that is written nowhere: what every program of the
//! relay starts with.

pub mod log;
pub mod memory;
pub mod stop;
pub mod trace;

pub use stop::Stop;
pub use trace::TraceParent;
