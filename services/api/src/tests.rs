//! The API through its front door, on a real NATS; only `auth` is stood in for.

mod access;
mod account;
mod bucket;
mod cron;
mod house;
mod part;
mod race;
mod table;
mod token;
