//! Log lines and how often they are written, traces, the signal to stop, memory that is written nowhere, and room for what is large: what
//! every program of the relay starts with.

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
