//! Log lines, and the signal to stop: what every program of the relay starts with.

pub mod log;
pub mod stop;

pub use stop::Stop;
