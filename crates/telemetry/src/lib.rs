//! What every program of the relay starts with: its environment, log lines and how often they are
//! written, traces, the signal to stop, memory that is written nowhere, and room for what is large.

pub mod env;
pub mod log;
pub mod memory;
pub mod room;
pub mod seldom;
pub mod stop;
pub mod trace;

pub use room::Room;
pub use seldom::Seldom;
pub use stop::Stop;
pub use trace::TraceParent;
