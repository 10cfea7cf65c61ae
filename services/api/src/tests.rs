//! The API through its front door, on a real NATS; only `auth` is stood in for.

mod access;
mod account;
mod bucket;
mod house;
mod part;
mod race;
mod token;
