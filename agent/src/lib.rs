//! The `relay` program: command line and agent.
//!
//! The agent dials out to the dispatcher ([`session`]), makes the HTTP requests that it is asked
//! for ([`worker`], [`outbound`]) as far as its owner allows ([`allow`]), and reports how they ended.
//! It never listens, but for its owner's health checks ([`health`]).

pub mod agent;
pub mod allow;
pub mod cli;
pub mod health;
pub mod proxy;
pub mod rest;
pub mod secret;
pub mod server;
pub mod session;
pub mod worker;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
